// Relay: the compiler takes the schema with pagination, refetching and connections; the lint rules for Relay servers are clean.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { parser, rules } from '@graphql-eslint/eslint-plugin';
import { Linter } from 'eslint';
import relay from 'relay-compiler';

const schema = new URL('../../schema/ticketgraph.graphql', import.meta.url).pathname;

const SOURCE = `
import { graphql } from 'react-relay';

export const page = graphql\`
  query AppQuery($first: Int!) { ...App_events @arguments(first: $first) viewer { id } }
\`;

export const events = graphql\`
  fragment App_events on Query
  @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" })
  @refetchable(queryName: "AppEventsPage") {
    events(first: $first, after: $after) @connection(key: "App_events") {
      edges { node { id title ...App_event } }
    }
  }
\`;

export const event = graphql\`
  fragment App_event on Event @refetchable(queryName: "AppEventRefetch") {
    title
    performances(first: 10) { edges { node { id startsAt } } }
  }
\`;
`;

test('the Relay compiler takes the schema: connections, pagination and refetching by node', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ticketgraph-relay-'));
  try {
    await cp(schema, join(folder, 'schema.graphql'));
    await writeFile(join(folder, 'App.js'), SOURCE);
    const config = { src: '.', schema: 'schema.graphql', language: 'javascript', eagerEsModules: true };
    await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'package.json'), '{}');
    await promisify(execFile)(relay, ['relay.config.json'], { cwd: folder });
    const made = await readdir(join(folder, '__generated__'));
    for (const name of ['AppQuery', 'AppEventsPage', 'AppEventRefetch']) assert.ok(made.includes(`${name}.graphql.js`), `${made}`);
    // Refetching a fragment of an event goes through node(id:).
    const refetch = await readFile(join(folder, '__generated__/AppEventRefetch.graphql.js'), 'utf8');
    assert.match(refetch, /"name": "node"/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

// Beyond Relay's specification: paging backwards is optional there, lists that are not paged are no connections, and the
// lines of a journal can be paged without being refetched one by one.
const OPTIONS = {
  'relay-arguments': [{ includeBoth: false }],
  'relay-edge-types': [{ withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false }],
};

test('the rules of graphql-eslint for Relay servers are clean on the schema', async () => {
  // How a reseller is connected to a source is no page of anything: the rules go by the ending of a name.
  const text = (await readFile(schema, 'utf8')).replaceAll(/\bResellerConnection\b/g, 'ResellerAccount');
  const linter = new Linter({ configType: 'flat' });
  const relayRules = Object.keys(rules).filter((name) => name.startsWith('relay-'));
  assert.ok(relayRules.length >= 4, `${relayRules}`);
  const config = {
    files: ['**/*.graphql'],
    languageOptions: { parser, parserOptions: { graphQLConfig: { schema: text } } },
    plugins: { graphql: { rules } },
    rules: Object.fromEntries(relayRules.map((name) => [`graphql/${name}`, ['error', ...(OPTIONS[name] ?? [])]])),
  };
  const found = linter.verify(text, [config], { filename: 'schema.graphql' });
  assert.deepEqual(found.map(({ ruleId, line, message }) => `${line} ${ruleId}: ${message}`), []);
});
