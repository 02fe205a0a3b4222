// GraphQL over HTTP as its own audit suite sees it: every MUST, SHOULD and MAY of the 61.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { auditServer } from 'graphql-http';

import { startServer } from './server.mjs';

let server;

before(async () => {
  server = await startServer();
});

after(async () => {
  await server?.stop();
});

test('all 61 audits of graphql-http are passed', async () => {
  const results = await auditServer({ url: `${server.origin}/graphql` });
  const failed = results.filter(({ status }) => status !== 'ok').map(({ id, name, reason }) => `${id} ${name}: ${reason}`);
  assert.deepEqual(failed, []);
  assert.equal(results.length, 61);
});
