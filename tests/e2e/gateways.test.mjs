// The schema as a subgraph beside another one, through two real gateways: composed, queried across, watched.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { ApolloGateway, IntrospectAndCompose, LocalCompose, RemoteGraphQLDataSource } from '@apollo/gateway';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import { parse } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';

import { anOrder, ask, storefront } from './shop.mjs';
import { startServer } from './server.mjs';

// Somebody's reviews: they know events by their id only, and bring a list of their own that leads to ours.
const REVIEWS = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  type Event @key(fields: "id") { id: ID! stars: Int! }
  type PageInfo @shareable { hasNextPage: Boolean! }
  type Query { favorites: [Event!]! }
`);

let server;
let reviews;
let favorites;

before(async () => {
  server = await startServer();
  const { data } = await ask(server.origin, '{ events(first: 30) { nodes { id } } }');
  favorites = data.events.nodes.map(({ id }) => id);
  const schema = buildSubgraphSchema({
    typeDefs: REVIEWS,
    resolvers: {
      Query: { favorites: () => favorites.map((id) => ({ id })) },
      Event: { __resolveReference: ({ id }) => ({ id }), stars: ({ id }) => (id.length % 5) + 1 },
    },
  });
  reviews = createServer(createHandler({ schema })).listen(0, '127.0.0.1');
  await new Promise((resolve) => reviews.once('listening', resolve));
});

after(async () => {
  reviews?.closeAllConnections();
  reviews?.close();
  await server?.stop();
});

const subgraphs = () => [
  { name: 'ticketgraph', url: `${server.origin}/graphql` },
  { name: 'reviews', url: `http://127.0.0.1:${reviews.address().port}/` },
];

// From the other subgraph to ours, and within ours to what a source must be asked for.
const ACROSS = '{ favorites { stars title source { vendor } ticketTypes { name } } }';
// And from ours to the other.
const BACK = '{ events(first: 3) { nodes { id stars title } pageInfo { hasNextPage } } }';

/** What both gateways must answer, asked of each part alone. */
function agrees(across, back, titles) {
  assert.equal(across.errors, undefined, JSON.stringify(across.errors));
  assert.deepEqual(across.data.favorites.map(({ title }) => title), titles);
  assert.deepEqual([...new Set(across.data.favorites.map(({ source }) => source.vendor))].sort(), ['ACME', 'OCTO', 'SECUTIX', 'TICKETING']);
  assert.ok(across.data.favorites.every(({ stars }) => stars >= 1));
  assert.ok(across.data.favorites.some(({ ticketTypes }) => ticketTypes.length > 0));
  assert.equal(back.errors, undefined, JSON.stringify(back.errors));
  assert.deepEqual(back.data.events.nodes.map(({ id }) => id), favorites.slice(0, 3));
  assert.ok(back.data.events.nodes.every(({ stars }) => stars >= 1));
}

async function titles() {
  const { data } = await ask(server.origin, '{ events(first: 30) { nodes { title } } }');
  return data.events.nodes.map(({ title }) => title);
}

test('@apollo/gateway composes the subgraph that is served and queries across', async () => {
  const gateway = new ApolloGateway({
    supergraphSdl: new IntrospectAndCompose({ subgraphs: subgraphs() }),
    buildService: ({ url }) => new RemoteGraphQLDataSource({ url }),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const { executor } = await gateway.load();
  const run = (source) =>
    executor({ document: parse(source), request: { query: source, variables: {}, http: { headers: new Map() } }, source, queryHash: source, context: {}, metrics: {}, overallCachePolicy: undefined, cache: undefined, schema: gateway.schema, logger: console });
  try {
    agrees(await run(ACROSS), await run(BACK), await titles());
  } finally {
    await gateway.stop();
  }
});

test('@graphql-hive/gateway runs the same supergraph, and subscriptions through it', async () => {
  const { supergraphSdl } = await composed();
  const gateway = createGatewayRuntime({
    supergraph: supergraphSdl,
    logging: false,
    maskedErrors: false,
    propagateHeaders: { fromClientToSubgraphs: ({ request }) => ({ authorization: request.headers.get('authorization') ?? undefined }) },
  });
  const run = async (query) => {
    const response = await gateway.fetch('http://gateway/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...storefront },
      body: JSON.stringify({ query }),
    });
    return response.json();
  };
  try {
    agrees(await run(ACROSS), await run(BACK), await titles());
    const { lines } = await anOrder(server.origin);
    const first = await firstEvent(gateway, `subscription { availabilityChanged(performance: "${lines[0].performance}") { status } }`);
    assert.equal(first, '{"data":{"availabilityChanged":{"status":"AVAILABLE"}}}');
  } finally {
    await gateway.dispose?.();
  }
});

test('cost, size and topics are still there in the composed supergraph', async () => {
  const { supergraphSdl } = await composed();
  const { definitions } = parse(supergraphSdl);
  const field = (type, name) => definitions.find((one) => one.name?.value === type).fields.find((one) => one.name.value === name);
  const said = (type, name) => field(type, name).directives.map((one) => one.name.value);
  for (const [type, name, ...wanted] of [
    ['Query', 'events', 'cost', 'listSize', 'tag'],
    ['Event', 'ticketTypes', 'cost'],
    ['Mutation', 'placeOrder', 'cost', 'tag'],
    ['Subscription', 'orderChanged', 'tag'],
  ]) {
    for (const directive of wanted) {
      assert.ok(said(type, name).some((found) => found === directive || found.endsWith(`__${directive}`)), `${type}.${name}: ${said(type, name)}`);
    }
  }
});

/** What the first event of a subscription through the gateway holds. */
async function firstEvent(gateway, query) {
  const response = await gateway.fetch('http://gateway/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...storefront },
    body: JSON.stringify({ query }),
  });
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const found = text.match(/event: next\ndata: (.*)\n/);
    if (found) return found[1];
  }
  throw new Error(`no event came: ${text}`);
}

/** The supergraph of the subgraph files as they are checked in. */
async function composed() {
  const { readFile } = await import('node:fs/promises');
  const ours = parse(await readFile(new URL('../../schema/subgraph.graphql', import.meta.url), 'utf8'));
  const [first, second] = subgraphs();
  const localServiceList = [
    { ...first, typeDefs: ours },
    { ...second, typeDefs: REVIEWS },
  ];
  return new LocalCompose({ localServiceList }).initialize({ update() {}, healthCheck: async () => {}, getDataSource: () => undefined });
}
