// Receivers of webhooks as docs/webhooks.md prints them, before the real service: they accept what is authentic, and nothing else.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startServer } from './server.mjs';
import { ask, placeOrder, reseller } from './shop.mjs';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;

let server;
let folder;

before(async () => {
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), 'webhooks-'));
  await symlink(join(root, 'tests/e2e/node_modules'), join(folder, 'node_modules'));
});

after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The text of the block with these words behind its opening fence. */
async function block(words) {
  const page = await readFile(join(root, 'docs/webhooks.md'), 'utf8');
  const found = page.split(`\n\`\`\`${words}\n`)[1]?.split('\n```\n')[0];
  assert.ok(found, words);
  return found;
}

const operator = { authorization: 'Bearer sandbox-operator' };

async function call(query, variables = {}) {
  const { data, errors } = await ask(server.origin, query, variables, operator);
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

let keys = 0;
const key = () => `webhooks-${(keys += 1)}`;

async function create(url, { signature = 'HMAC', include = 'IDS', events = ['ORDER_UPDATED'] } = {}) {
  const { createWebhook } = await call(
    `mutation ($input: CreateWebhookInput!) {
      createWebhook(input: $input) { webhook { id publicKey } secret problems { code } } }`,
    { input: { idempotencyKey: key(), url, events, signature, include } },
  );
  assert.deepEqual(createWebhook.problems, []);
  return { ...createWebhook.webhook, secret: createWebhook.secret };
}

/** The status with which a webhook responds to a test message. */
async function statusOfTest(webhook) {
  const { testWebhook } = await call(
    `mutation ($key: ID!, $webhook: ID!) {
      testWebhook(input: { idempotencyKey: $key, webhook: $webhook }) {
        webhook { deliveries(first: 1) { nodes { type attempts { status outcome } } } } problems { code } } }`,
    { key: key(), webhook },
  );
  assert.deepEqual(testWebhook.problems, []);
  const [message] = testWebhook.webhook.deliveries.nodes;
  assert.equal(message.type, 'webhook.test');
  return message.attempts[0].status;
}

const remove = (webhook) =>
  call(
    `mutation ($key: ID!, $webhook: ID!) {
      deleteWebhook(input: { idempotencyKey: $key, webhook: $webhook }) { problems { code } } }`,
    { key: key(), webhook },
  );

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

/** Waits until something listens on a port. */
async function listens(port, receiver) {
  const isOpen = () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  const until = Date.now() + 60_000;
  while (!(await isOpen())) {
    assert.equal(receiver.exitCode, null, 'the receiver runs');
    assert.ok(Date.now() < until, 'the receiver listens');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs a receiver with the secret of a webhook, then with another one. */
async function check(command, parameters) {
  const port = await freePort();
  const webhook = await create(`http://127.0.0.1:${port}/`);
  const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  for (const [secret, status] of [[webhook.secret, 204], [other, 401]]) {
    const environment = { ...process.env, PORT: String(port), WEBHOOK_SECRET: secret };
    const receiver = spawn(command, parameters, { cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      await listens(port, receiver);
      assert.equal(await statusOfTest(webhook.id), status, secret === other ? 'another secret' : 'its secret');
    } finally {
      receiver.kill();
      if (receiver.exitCode === null && receiver.signalCode === null) await once(receiver, 'exit');
    }
  }
  await remove(webhook.id);
}

const has = (command) => run(command, ['--version']).then(() => true, () => false);

test('the receiver in JavaScript accepts what the library of npm verifies', async () => {
  await writeFile(join(folder, 'receiver.mjs'), await block('javascript receiver'));
  await check(process.execPath, ['receiver.mjs']);
});

test('the receiver in Python accepts what the library of PyPI verifies', async (context) => {
  if (!(await has('python3'))) return context.skip('python3 is not installed');
  await run('python3', ['-m', 'venv', join(folder, 'venv')]);
  const python = join(folder, 'venv/bin/python');
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'standardwebhooks==1.1.0']);
  await writeFile(join(folder, 'receiver.py'), await block('python receiver'));
  await check(python, ['receiver.py']);
});

test('the receiver in Java accepts what is authentic', async (context) => {
  if (!(await has('javac'))) return context.skip('a JDK is not installed');
  await writeFile(join(folder, 'Receiver.java'), await block('java receiver'));
  await check('java', ['Receiver.java']);
});

/** A receiver that keeps what arrives. */
async function collect() {
  const received = [];
  const receiver = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    received.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(204).end();
    receiver.emit('received');
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  return { received, receiver, url: `http://127.0.0.1:${receiver.address().port}/` };
}

test('an Ed25519 signature verifies with the public key, and not over another body', async () => {
  await writeFile(join(folder, 'ed25519.mjs'), await block('javascript ed25519'));
  const { isAuthentic } = await import(join(folder, 'ed25519.mjs'));
  const { received, receiver, url } = await collect();
  const webhook = await create(url, { signature: 'ED25519' });
  assert.equal(webhook.secret, null);
  assert.equal(await statusOfTest(webhook.id), 204);
  const [{ headers, body }] = received;
  assert.ok(isAuthentic(webhook.publicKey, headers, body));
  assert.ok(!isAuthentic(webhook.publicKey, headers, Buffer.concat([body, Buffer.from(' ')])));
  receiver.close();
  await remove(webhook.id);
});

test('an order arrives with its tickets in ascending versions, on request with the object, and never with codes or people', async () => {
  const { received, receiver, url } = await collect();
  const webhook = await create(url, { include: 'FULL', events: ['ORDER_UPDATED', 'TICKET_UPDATED'] });
  const order = await placeOrder(server.origin, reseller, 'ACME', 2);
  const messages = () => received.map(({ body }) => JSON.parse(body)).filter(({ data }) => data.id);
  const isDone = () => messages().some(({ data }) => data.object?.status === 'CONFIRMED') && messages().filter(({ type }) => type === 'ticket.updated').length >= 2;
  while (!isDone()) await once(receiver, 'received', { signal: AbortSignal.timeout(30_000) });
  const versions = messages().filter(({ data }) => data.id === order.id).map(({ data }) => data.version);
  assert.deepEqual(versions, [...versions].sort((one, other) => one - other), 'in order');
  const last = messages().findLast(({ data }) => data.id === order.id);
  assert.equal(last.data.object.number, order.number);
  for (const { body } of received) assert.doesNotMatch(String(body), /ada@example|Lovelace|barcode/iu);
  const { changes } = await call('query ($after: String) { changes(after: $after, first: 1) { nodes { nodeId } } }', {
    after: messages()[0].data.cursor,
  });
  assert.ok(changes, 'the cursor is one of the feed');
  receiver.close();
  receiver.closeAllConnections();
  await remove(webhook.id);
});
