// Apollo Client and urql as shops use them: normalized by global ids, paged by cursors, persisted queries, mutations, errors.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import { Client as UrqlClient, cacheExchange, fetchExchange } from '@urql/core';

import { anOrder, storefront } from './shop.mjs';
import { startServer } from './server.mjs';

let server;

before(async () => {
  server = await startServer();
});

after(async () => {
  await server?.stop();
});

const EVENTS = gql`
  query Events($first: Int!, $after: String) {
    events(first: $first, after: $after) {
      edges { cursor node { id title source { id name } } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    }
  }
`;
const PLACE = gql`
  mutation Place($input: CreateOrderInput!) {
    placeOrder(input: $input) { order { id status legs { id status } } problems { code message } replayed }
  }
`;

function apollo(seen = []) {
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const counted = new HttpLink({
    uri: `${server.origin}/graphql`,
    headers: storefront,
    fetch: (uri, options) => {
      seen.push(options.method === 'GET' ? new URL(uri).searchParams.get('query') : JSON.parse(options.body).query);
      return fetch(uri, options);
    },
  });
  const cache = new InMemoryCache({ typePolicies: { Query: { fields: { events: relayStylePagination() } } } });
  return new ApolloClient({ cache, link: ApolloLink.from([new PersistedQueryLink({ sha256 }), counted]) });
}

test('Apollo Client pages through the events of all vendors and refetches one from its cache', async () => {
  const client = apollo();
  const first = await client.query({ query: EVENTS, variables: { first: 4 } });
  assert.equal(first.data.events.edges.length, 4);
  const { endCursor: after } = first.data.events.pageInfo;
  await client.query({ query: EVENTS, variables: { first: 4, after }, fetchPolicy: 'network-only' });
  const all = client.readQuery({ query: EVENTS, variables: { first: 4 } });
  assert.equal(all.events.edges.length, 8);
  assert.equal(new Set(all.events.edges.map(({ node }) => node.id)).size, 8);

  const one = all.events.edges[0].node;
  const kept = client.readFragment({ id: client.cache.identify(one), fragment: gql`fragment T on Event { title }` });
  assert.equal(kept.title, one.title);
});

test('Apollo Client sends the hash alone once the text was registered', async () => {
  const seen = [];
  const query = gql`query Once { viewer { id scopes } }`;
  const client = apollo(seen);
  const known = await client.query({ query, fetchPolicy: 'network-only' });
  assert.equal(known.data.viewer.id, 'storefront');
  await client.query({ query, fetchPolicy: 'network-only' });
  assert.deepEqual(seen.map((text) => Boolean(text)), [false, true, false]);
});

test('Apollo Client places an order, and the same key answers the same order', async () => {
  const client = apollo();
  const input = await anOrder(server.origin);
  const placed = await client.mutate({ mutation: PLACE, variables: { input } });
  const again = await client.mutate({ mutation: PLACE, variables: { input } });
  assert.equal(placed.data.placeOrder.order.status, 'CONFIRMED');
  assert.deepEqual([placed.data.placeOrder.replayed, again.data.placeOrder.replayed], [false, true]);
  assert.equal(again.data.placeOrder.order.id, placed.data.placeOrder.order.id);
});

function urql(preferGetMethod) {
  return new UrqlClient({
    url: `${server.origin}/graphql`,
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { headers: storefront },
    preferGetMethod,
  });
}

test('urql reads by POST and by GET, and receives errors with their codes', async () => {
  for (const preferGetMethod of [false, true]) {
    const client = urql(preferGetMethod);
    const { data, error } = await client.query(EVENTS, { first: 2 });
    assert.equal(error, undefined);
    assert.equal(data.events.edges.length, 2);
    const wrong = await client.query('query Wrong { event(id: "x") { id } }', {});
    assert.equal(wrong.error.graphQLErrors[0].extensions.code, 'BAD_USER_INPUT');
    assert.deepEqual(wrong.error.graphQLErrors[0].path, ['event']);
  }
});

test('urql subscribes through server-sent events', async () => {
  const input = await anOrder(server.origin);
  const client = new UrqlClient({
    url: `${server.origin}/graphql`,
    exchanges: [fetchExchange],
    fetchOptions: { headers: storefront },
    fetchSubscriptions: true,
  });
  const { data } = await client.mutation(PLACE, { input });
  const query = 'subscription Watch($id: ID!) { orderChanged(id: $id) { id status } }';
  const received = await new Promise((resolve) => {
    const { unsubscribe } = client.subscription(query, { id: data.placeOrder.order.id }).subscribe((result) => {
      resolve(result);
      queueMicrotask(() => unsubscribe());
    });
  });
  assert.equal(received.error, undefined);
  assert.deepEqual(received.data.orderChanged, { id: data.placeOrder.order.id, status: 'CONFIRMED' });
});
