// Deferred fragments and subscriptions in parts, as Apollo Client 4, Relay 21, meros and graphql-sse read them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { createClient as createSseClient } from 'graphql-sse';
import { meros } from 'meros/browser';
import relayCompiler from 'relay-compiler';
import relay from 'relay-runtime';

import { anOrder, ask, control, storefront } from './shop.mjs';
import { startServer } from './server.mjs';

const PLAIN = `{ events(first: 50) { nodes { id title source { vendor }
  performances(first: 2) { nodes { id availability(maxAgeSeconds: 0) { status } } } } } }`;
const DEFERRED = `query Listed { events(first: 50) { nodes { id title source { vendor } ...Details @defer(label: "details") } } }
fragment Details on Event { performances(first: 2) { nodes { id availability(maxAgeSeconds: 0) { status } } } }`;
const SLOW = { rules: [{ path: '/v3/events?', fault: { kind: 'delay', ms: 1500 } }] };

let server;

before(async () => {
  server = await startServer();
  await ask(server.origin, PLAIN);
});

after(async () => {
  await server?.stop();
});

const post = (query, accept, variables = {}, headers = {}) =>
  fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...headers },
    body: JSON.stringify({ query, variables }),
  });

/** Reads the parts of a response, each with the milliseconds after which it came. */
async function read(response) {
  const started = Date.now();
  const parts = [];
  for await (const { json, body } of await meros(response)) {
    assert.ok(json);
    parts.push({ after: Date.now() - started, ...body });
  }
  return parts;
}

const titles = ({ events }) => events.nodes.map(({ id, title, performances }) => [id, title, performances?.nodes.length ?? 0]);

test('with one vendor slow, the rows of the others arrive first', async () => {
  const { data } = await ask(server.origin, PLAIN);
  await control(server, 'ticketing', 'faults', { body: SLOW });
  try {
    const response = await post(DEFERRED, 'multipart/mixed;deferSpec=20220824,application/json');
    assert.equal(response.headers.get('content-type'), 'multipart/mixed; boundary="graphql"; deferSpec=20220824');
    const [initial, ...following] = await read(response);
    const rows = initial.data.events.nodes;
    assert.deepEqual([initial.hasNext, following.at(-1).hasNext, following.at(-1).incremental], [true, false, undefined]);
    const vendorOf = ({ path }) => rows[path[2]].source.vendor;
    const results = following.flatMap((part) => (part.incremental ?? []).map((result) => ({ ...result, after: part.after })));
    assert.equal(results.length, data.events.nodes.length);
    // Rows without performances wait for no call.
    const slow = results.filter((result) => vendorOf(result) === 'TICKETING' && result.data.performances.nodes.length > 0);
    const fast = results.filter((result) => vendorOf(result) !== 'TICKETING');
    assert.ok(slow.length > 0 && fast.length > 0);
    assert.ok(Math.max(...fast.map(({ after }) => after)) < Math.min(...slow.map(({ after }) => after)), 'the others first');
    assert.ok(results.every(({ label }) => label === 'details'));
  } finally {
    await control(server, 'ticketing', 'faults', { method: 'DELETE' });
  }
});

for (const [name, handler, accept] of [
  ['Defer20220824Handler', () => new Defer20220824Handler(), /deferSpec=20220824/],
  ['GraphQL17Alpha9Handler', () => new GraphQL17Alpha9Handler(), /incrementalSpec=v0\.2/],
]) {
  test(`Apollo Client with ${name} shows the initial part, then everything`, async () => {
    let accepted;
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      incrementalHandler: handler(),
      link: new HttpLink({
        uri: `${server.origin}/graphql`,
        fetch: (uri, options) => {
          accepted = options.headers.accept;
          return fetch(uri, options);
        },
      }),
    });
    const seen = [];
    await new Promise((resolve, reject) => {
      client.watchQuery({ query: gql(DEFERRED), notifyOnNetworkStatusChange: true }).subscribe({
        next: ({ data, error, dataState }) => {
          if (error) reject(error);
          if (data?.events) seen.push([dataState, data.events.nodes.filter(({ performances }) => performances).length]);
          if (dataState === 'complete') resolve(titles(data));
        },
        error: reject,
      });
    });
    assert.match(accepted, accept);
    const { data } = await ask(server.origin, PLAIN);
    assert.equal(seen[0][0], 'streaming');
    assert.ok(seen[0][1] < data.events.nodes.length, JSON.stringify(seen));
    assert.deepEqual(seen.at(-1), ['complete', data.events.nodes.length]);
  });
}

const RELAY_SOURCE = `
import { graphql } from 'relay-runtime';
export const query = graphql\`
  query AppQuery { events(first: 50) { nodes { id title ...App_details @defer(label: "details") } } }
\`;
export const details = graphql\`
  fragment App_details on Event { performances(first: 2) { nodes { id availability(maxAgeSeconds: 0) { status } } } }
\`;
`;

/** Compiles a Relay application and returns its query and its fragment. */
async function relayArtifacts(folder) {
  await cp(new URL('../../schema/ticketgraph.graphql', import.meta.url).pathname, join(folder, 'schema.graphql'));
  await writeFile(join(folder, 'App.js'), RELAY_SOURCE);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const config = { src: '.', schema: 'schema.graphql', language: 'javascript', eagerEsModules: true };
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config));
  await promisify(execFile)(relayCompiler, ['relay.config.json'], { cwd: folder });
  const load = async (name) => (await import(join(folder, '__generated__', `${name}.graphql.js`))).default;
  return { query: await load('AppQuery'), details: await load('App_details') };
}

test('Relay normalizes the initial part, then each deferred fragment', async () => {
  const { Environment, Network, Observable, RecordSource, Store, createOperationDescriptor, getSingularSelector } = relay;
  const folder = await mkdtemp(join(tmpdir(), 'ticketgraph-relay-defer-'));
  try {
    const { query, details } = await relayArtifacts(folder);
    // Relay takes each result by itself, so its network flattens the parts.
    const execute = ({ text }) =>
      Observable.create((sink) => {
        (async () => {
          for await (const { body } of await meros(await post(text, 'multipart/mixed;deferSpec=20220824'))) {
            const { data, incremental = [], hasNext } = body;
            if (data) sink.next({ data, extensions: { is_final: !hasNext } });
            for (const result of incremental) sink.next({ ...result, extensions: { is_final: false } });
          }
          sink.complete();
        })().catch((error) => sink.error(error));
      });
    const environment = new Environment({ network: Network.create(execute), store: new Store(new RecordSource()) });
    const operation = createOperationDescriptor(query, {});
    const counts = [];
    const known = () => {
      const { events } = environment.lookup(operation.fragment).data;
      const read = (row) => environment.lookup(getSingularSelector(details, row));
      return [events.nodes.length, events.nodes.filter((row) => !read(row).isMissingData).length];
    };
    await new Promise((resolve, reject) => {
      environment.execute({ operation }).subscribe({ next: () => counts.push(known()), complete: resolve, error: reject });
    });
    const { data } = await ask(server.origin, PLAIN);
    const rows = data.events.nodes.length;
    assert.deepEqual(counts[0], [rows, 0]);
    assert.deepEqual(counts.at(-1), [rows, rows]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('graphql-sse receives the parts as events', async () => {
  const client = createSseClient({ url: `${server.origin}/graphql` });
  const payloads = [];
  for await (const payload of client.iterate({ query: DEFERRED })) payloads.push(payload);
  assert.ok(payloads[0].data.events.nodes.every(({ performances }) => performances === undefined));
  assert.deepEqual(payloads.at(-1), { hasNext: false });
  assert.ok(payloads.slice(1, -1).every(({ incremental }) => incremental.length > 0));
});

test('Apollo Client subscribes over multipart', async () => {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: `${server.origin}/graphql`, headers: storefront }),
  });
  const input = await anOrder(server.origin);
  const states = [];
  const confirmed = new Promise((resolve, reject) => {
    const watching = client.subscribe({ query: gql('subscription { ordersChanged { id status } }') }).subscribe({
      next: ({ data, error }) => {
        if (error) reject(error);
        states.push(data.ordersChanged.status);
        if (data.ordersChanged.status === 'CONFIRMED') {
          watching.unsubscribe();
          resolve();
        }
      },
      error: reject,
    });
  });
  const place = 'mutation Place($input: CreateOrderInput!) { placeOrder(input: $input) { order { id } problems { code } } }';
  const { data } = await ask(server.origin, place, { input }, storefront);
  assert.deepEqual(data.placeOrder.problems, []);
  await confirmed;
  assert.equal(states.at(-1), 'CONFIRMED');
});

test('a client that accepts no parts gets one response, and a batch and a mutation are never split', async () => {
  const plain = await post(DEFERRED, 'application/json');
  assert.match(plain.headers.get('content-type'), /^application\/json/);
  const expected = await (await post(PLAIN, 'application/json')).json();
  assert.deepEqual(titles((await plain.json()).data), titles(expected.data));
  const missing = 'mutation { releaseOrder(input: { order: "no" }) { order { ... @defer { id } } problems { code } } }';
  const mutation = await post(missing, 'multipart/mixed, application/json', {}, storefront);
  assert.match(mutation.headers.get('content-type'), /^application\/json/);
});
