// Subscriptions through the clients that everybody uses: graphql-ws over both protocols' socket, graphql-sse over HTTP.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';

import { anOrder, ask, storefront } from './shop.mjs';
import { startServer } from './server.mjs';

const WATCH = 'subscription { ordersChanged { id status } }';
const PLACE = 'mutation Place($input: CreateOrderInput!) { placeOrder(input: $input) { order { id status } problems { code } } }';

let server;

before(async () => {
  server = await startServer();
});

after(async () => {
  await server?.stop();
});

/** Places an order once the stream had time to begin, and reads the stream until the order is confirmed in it. */
async function hearsAnOrder(stream) {
  const received = [];
  const input = await anOrder(server.origin);
  const reading = (async () => {
    for await (const { data, errors } of stream) {
      assert.equal(errors, undefined);
      received.push(data.ordersChanged);
      if (data.ordersChanged.status === 'CONFIRMED') return;
    }
  })();
  const placed = await ask(server.origin, PLACE, { input }, storefront);
  assert.equal(placed.errors, undefined);
  assert.deepEqual(placed.data.placeOrder.problems, []);
  await reading;
  assert.equal(received.at(-1).id, placed.data.placeOrder.order.id);
}

test('graphql-ws receives an order change over graphql-transport-ws', async () => {
  const client = createSocketClient({
    url: `${server.origin.replace('http', 'ws')}/graphql/ws`,
    webSocketImpl: WebSocket,
    lazy: false,
    connectionParams: { authorization: storefront.authorization },
  });
  await hearsAnOrder(client.iterate({ query: WATCH }));
  await client.dispose();
});

test('graphql-ws runs queries and receives an error for an operation that cannot start', async () => {
  const client = createSocketClient({ url: `${server.origin.replace('http', 'ws')}/graphql/ws`, webSocketImpl: WebSocket });
  const answers = [];
  for await (const answer of client.iterate({ query: '{ viewer { id } }' })) answers.push(answer);
  assert.deepEqual(answers, [{ data: { viewer: { id: 'anonymous' } } }]);
  await assert.rejects(
    async () => {
      for await (const _ of client.iterate({ query: '{ unknownField }' }));
    },
    (errors) => errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED',
  );
  await client.dispose();
});

test('graphql-ws is turned away with 4403 where its key is not known', async () => {
  const client = createSocketClient({
    url: `${server.origin.replace('http', 'ws')}/graphql/ws`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: 'Bearer wrong' },
    retryAttempts: 0,
  });
  await assert.rejects(
    async () => {
      for await (const _ of client.iterate({ query: '{ viewer { id } }' }));
    },
    (close) => close.code === 4403,
  );
  await client.dispose();
});

test('graphql-sse receives an order change over server-sent events', async () => {
  const client = createSseClient({ url: `${server.origin}/graphql`, headers: storefront });
  await hearsAnOrder(client.iterate({ query: WATCH }));
  client.dispose();
});
