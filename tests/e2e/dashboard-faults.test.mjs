// What an operator sees when vendors fail. Each failure has a server of its own: a source that failed is not trusted at once.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { keepPicture, openChromium } from './chromium.mjs';
import { assertAccessible, goTo, OPERATOR, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, control, reseller, storefront } from './shop.mjs';

const CREATE =
  'mutation Create($input: CreateOrderInput!) { createOrder(input: $input) { order { id number } problems { code } } }';
const HOLD = 'mutation Hold($input: OrderActionInput!) { holdOrder(input: $input) { order { status } problems { code } } }';
const CONFIRM =
  'mutation Confirm($input: OrderActionInput!) { confirmOrder(input: $input) { order { status } problems { code } } }';
const STATUS = 'query Status($id: ID!) { order(id: $id) { status totals { confirmed { amount } } } }';
const HEALTH = '{ sources { name health { state } } }';
const PROBE =
  '{ events(first: 100, filter: { vendors: [ACME] }) { nodes { performances(first: 1) { nodes { availability(maxAgeSeconds: 0) { status } } } } } }';

let server;
let browser;

before(async () => {
  browser = await openChromium();
});

after(() => browser?.close());

beforeEach(async () => {
  server = await startServer();
});

afterEach(async () => {
  const code = await server?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

/** Does something to an order, as the caller's own program would. */
async function act(document, order, headers = reseller) {
  const { data, errors } = await ask(server.origin, document, { input: { order, idempotencyKey: crypto.randomUUID() } }, headers);
  assert.equal(errors, undefined);
  const [payload] = Object.values(data);
  assert.deepEqual(payload.problems, []);
  return payload.order;
}

test('an operator sees a vendor die and turn red, and the others stand', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await settle(page);
  const harbor = page.locator('[data-source=harbor]');
  await harbor.getByRole('status').getByText('Up', { exact: true }).waitFor();
  await page.getByText('4 of 4 sources answer').waitFor();

  await control(server, 'acme', 'down');
  await until('DOWN');
  await harbor.getByRole('status').getByText('Down').waitFor();
  const color = await harbor
    .getByRole('status')
    .locator('.badge')
    .evaluate((badge) => getComputedStyle(badge).color);
  const [red, green, blue] = color.match(/\d+/g).map(Number);
  assert.ok(red > 2 * green && red > 2 * blue, `${color} is red`);
  await page.getByText('3 of 4 sources answer').waitFor();
  await page.locator('[data-source=quay]').getByRole('status').getByText('Up', { exact: true }).waitFor();
  await assertAccessible(page, 'the sources, one of them down');
  await keepPicture(page, 'dashboard-vendor-down');

  // It is not trusted at once: outcomes of the last half minute count.
  await control(server, 'acme', 'up');
  await until('DEGRADED');
  await harbor.getByRole('status').getByText('Degraded').waitFor();
  assert.deepEqual(errors, []);
});

/** Sends requests until the source reports this health: only calls change it. */
async function until(state) {
  for (;;) {
    await ask(server.origin, PROBE, {}, storefront);
    const { data } = await ask(server.origin, HEALTH, {}, storefront);
    if (data.sources.find(({ name }) => name === 'harbor').health.state === state) return;
  }
}

test('an operator sees an order whose answer was lost, what to do about it, and how it is found again', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'attention');
  await page.getByText('No orders in progress').waitFor();

  const created = await ask(server.origin, CREATE, { input: await anOrder(server.origin) }, reseller);
  const { id, number } = created.data.createOrder.order;
  await act(HOLD, id);
  const rules = [
    { method: 'POST', path: '/orders/organizations/', times: 1, fault: { kind: 'commit_then_drop' } },
    { method: 'GET', path: 'order', fault: { kind: 'status', status: 503 } },
  ];
  await control(server, 'acme', 'faults', { body: { rules } });
  const input = { order: id, idempotencyKey: crypto.randomUUID() };
  const confirming = ask(server.origin, CONFIRM, { input }, reseller);
  const stuck = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: number }) });
  await stuck.getByText('Harbor Museum: Outcome unknown').waitFor();
  await stuck.getByText('The service looks it up automatically', { exact: false }).waitFor();
  await assertAccessible(page, 'an order that is being looked up');
  await keepPicture(page, 'dashboard-attention');

  await control(server, 'acme', 'faults', { method: 'DELETE' });
  await confirming;
  await page.getByText('No orders in progress').waitFor();
  const { data } = await ask(server.origin, STATUS, { id }, reseller);
  assert.equal(data.order.status, 'CONFIRMED');
  assert.deepEqual(errors, []);
});
