// Secrets that were planted, looked for in everything that comes out: the log at its most talkative, metrics, traces,
// answers, errors.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import WebSocket from 'ws';

import { anOrder, ask, storefront } from './shop.mjs';
import { startServer } from './server.mjs';

// Of the configuration: the credentials that the built-in sandbox sends to its emulated vendors.
const CONFIGURED = [
  'harbor-sandbox-key',
  'opera-sandbox-password',
  'club-sandbox-password',
  '5a6e0d1cb00c0000000000000000c0de',
  'octo-sandbox-key',
  'tixngo-sandbox-key',
  '4111111111111111',
  'c2FuZGJveCBvbmx5LCBuZXZlciBmb3IgcmVhbCB1c2U=',
];
// Of callers: an unknown key, and the personal data of a visitor.
const PLANTED = { key: 'planted-caller-key', email: 'planted.visitor@example.com', phone: '+41790000042' };

const PLACE = `mutation Place($input: CreateOrderInput!) {
  placeOrder(input: $input) { order { id status tickets { id barcode { value } } legs { externalRefs { kind value } } } problems { code message } }
}`;

let server;
let collector;
const said = [];
const traced = [];

before(async () => {
  // Protocol buffers hold text as it is.
  collector = createServer((request, response) => {
    request.setEncoding('latin1').on('data', (chunk) => traced.push(chunk)).on('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => collector.once('listening', resolve));
  server = await startServer({
    TICKETGRAPH__TELEMETRY__LOG_LEVEL: 'trace',
    TICKETGRAPH__TELEMETRY__METRICS: 'true',
    TICKETGRAPH__TELEMETRY__OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}`,
  });
});

after(async () => {
  await server?.stop();
  collector?.closeAllConnections();
  collector?.close();
});

async function keep(promise) {
  const answer = await promise;
  said.push(typeof answer === 'string' ? answer : JSON.stringify(answer));
  return answer;
}

test('no secret is in the log, the metrics, a trace, an answer or an error', async () => {
  for (const vendor of ['ACME', 'SECUTIX', 'TICKETING']) {
    const input = await anOrder(server.origin, vendor);
    input.contact = { ...input.contact, email: PLANTED.email, phone: PLANTED.phone };
    await keep(ask(server.origin, PLACE, { input }, storefront));
  }
  await keep(ask(server.origin, '{ viewer { id } }', {}, { authorization: `Bearer ${PLANTED.key}` }));
  await keep(ask(server.origin, '{ events { nodes { title ticketTypes { name } } problems { code message } } }'));
  // A vendor that dies produces the most detailed errors.
  for (const [, address] of server.log().matchAll(/POST (http:\/\/\S+\/down) to stop it/g)) await fetch(address, { method: 'POST' });
  await keep(ask(server.origin, '{ events(first: 100) { nodes { performances { nodes { availability(maxAgeSeconds: 0) { status problems { code message } } } } } problems { code message } } }'));
  const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/graphql/ws`, 'graphql-transport-ws');
  socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${PLANTED.key}` } })));
  await keep(new Promise((resolve) => socket.on('close', (code, reason) => resolve(`${code} ${reason}`))));
  for (const path of ['/metrics', '/health/ready', '/schema.graphql']) {
    await keep(fetch(server.origin + path).then((response) => response.text()));
  }

  assert.match(server.log(), /source call failed/, 'the log was written to');
  // What is not sent yet is sent before the end.
  const log = server.log;
  await server.stop();
  server = undefined;
  const traces = traced.join('');
  assert.match(traces, /ticketgraph/, 'traces were sent');
  for (const secret of [...CONFIGURED, ...Object.values(PLANTED)]) {
    assert.ok(!said.some((text) => text.includes(secret)), `${secret} was answered`);
    assert.ok(!traces.includes(secret), `${secret} is in a trace`);
    const line = log().split('\n').find((text) => text.includes(secret));
    assert.equal(line, undefined, `${secret} is in the log`);
  }
});
