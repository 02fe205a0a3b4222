// The Postman collection is that of the examples, and each of its requests succeeds in Postman's own runner.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import newman from 'newman';

import { collection } from './collection.mjs';
import { startServer } from './server.mjs';

const file = new URL('../../docs/ticketgraph.postman_collection.json', import.meta.url);
let server;

before(async () => {
  server = await startServer();
});

after(async () => {
  await server?.stop();
});

test('the collection has the examples as they are', async () => {
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), await collection(), 'run scripts/collection');
});

test('every request of the collection succeeds, one after the other', async () => {
  const written = JSON.parse(await readFile(file, 'utf8'));
  const { run } = await promisify(newman.run)({ collection: written, envVar: [{ key: 'baseUrl', value: server.origin }] });
  assert.deepEqual(run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`), []);
  const statuses = run.executions.map(({ item, response }) => [item.name, response?.code]);
  assert.ok(statuses.length >= 10, `${statuses.length} requests`);
  assert.deepEqual(statuses.filter(([, code]) => code !== 200), []);
  const body = (name) => JSON.parse(run.executions.find(({ request }) => request.body.graphql.query.includes(name)).response.stream).data;
  assert.equal(body('mutation PlaceOrder').placeOrder.order.status, 'CONFIRMED');
  assert.equal(body('mutation CancelOrder').cancelOrder.order.status, 'CANCELLED');
});
