// What an operator sees when vendors fail. Each failure has a server of its own: a source that failed is not trusted at once.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { keepPicture, openChromium } from './chromium.mjs';
import { assertAccessible, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, control, reseller, storefront } from './shop.mjs';

const PLACE =
  'mutation Place($input: CreateOrderInput!) { placeOrder(input: $input) { order { id number status } problems { code } } }';

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
  await goTo(page, 'sources');
  const harbor = page.locator('[data-source=harbor]');
  await harbor.getByRole('status').getByText('Up', { exact: true }).waitFor();
  await page.getByText('5 of 5 sources answer').waitFor();

  await control(server, 'acme', 'down');
  await until('DOWN');
  await harbor.getByRole('status').getByText('Down').waitFor();
  const color = await harbor
    .getByRole('status')
    .locator('.badge')
    .evaluate((badge) => getComputedStyle(badge).color);
  const [red, green, blue] = color.match(/\d+/g).map(Number);
  assert.ok(red > 2 * green && red > 2 * blue, `${color} is red`);
  await page.getByText('4 of 5 sources answer').waitFor();
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

test('an operator settles by clicking what no machine can, and the alert clears', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'attention');
  await page.getByText('No order needs a decision').waitFor();

  // The night club sells, the museum refuses, and the night club does not take its sale back.
  const refuse = (path) => ({ method: 'POST', path, fault: { kind: 'status', status: 400 } });
  await control(server, 'acme', 'faults', { body: { rules: [refuse('/orders/organizations/')] } });
  await control(server, 'ticketing', 'faults', { body: { rules: [refuse('/refunds')] } });
  const [club, museum] = [await anOrder(server.origin, 'TICKETING'), await anOrder(server.origin, 'ACME')];
  const input = { ...club, lines: [...club.lines, ...museum.lines] };
  const placed = await ask(server.origin, PLACE, { input }, storefront);
  const { id, number } = placed.data.placeOrder.order;

  const stuck = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: number }) });
  await stuck.getByText('Quay Nights: Needs attention').waitFor();
  await stuck.getByRole('button', { name: 'Settle' }).click();
  const dialog = page.getByRole('dialog');
  await assertAccessible(page, 'the dialog that settles a leg');
  await keepPicture(page, 'dashboard-settle');
  const go = dialog.getByRole('button', { name: 'Settle' });
  assert.ok(await go.isDisabled(), 'nothing is chosen and there is no note');
  await dialog.getByLabel('The sale was undone').check();
  await dialog.getByLabel('Note', { exact: false }).fill('The venue refunded it by hand');
  await go.click();
  await page.getByText('No order needs a decision').waitFor();
  const history = 'query($id: ID!) { order(id: $id) { status notes { by text } timeline { nodes { cause } } } }';
  const { data } = await ask(server.origin, history, { id }, { authorization: `Bearer ${OPERATOR}` });
  assert.equal(data.order.status, 'FAILED');
  assert.equal(data.order.notes[0].text, 'The venue refunded it by hand');
  assert.ok(data.order.timeline.nodes.some(({ cause }) => cause === `settled as UNDONE by ${data.order.notes[0].by}`));
  assert.deepEqual(errors, []);
});

test('an operator pauses a source, new orders are refused, and resumes it', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'sources');
  const harbor = page.locator('[data-source=harbor]');
  await harbor.getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('Works on site');
  await assertAccessible(page, 'the dialog that pauses a source');
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await harbor.getByText('No new orders since', { exact: false }).waitFor();

  const input = await anOrder(server.origin, 'ACME');
  const refused = await ask(server.origin, PLACE, { input }, storefront);
  assert.deepEqual(refused.data.placeOrder, { order: null, problems: [{ code: 'SOURCE_PAUSED' }] });
  await harbor.getByRole('button', { name: 'Resume' }).click();
  await dialog.getByRole('button', { name: 'Resume' }).click();
  await harbor.getByRole('button', { name: 'Pause' }).waitFor();
  const placed = await ask(server.origin, PLACE, { input }, storefront);
  assert.equal(placed.data.placeOrder.order.status, 'CONFIRMED');
  assert.deepEqual(errors, []);
});

test('an operator reads why a source failed, in three languages, and a reseller does not', async () => {
  const body = '{"planted": "ada.guest@example.org"}';
  const rules = [{ fault: { kind: 'status', status: 403, body } }];
  await control(server, 'acme', 'faults', { body: { rules } });
  await ask(server.origin, '{ events(first: 5) { nodes { title } } }', {}, storefront);

  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'sources');
  const harbor = page.locator('[data-source=harbor]');
  await harbor.getByRole('heading', { name: 'Last failures' }).waitFor();
  const reason = harbor.locator('[data-failure=UNAUTHORIZED]');
  await reason.getByText('Credentials not accepted', { exact: false }).waitFor();
  await reason.locator('time').waitFor();
  const exchange = (await reason.locator('code').allInnerTexts()).join();
  assert.match(exchange, /^list_events · GET \/\S+ → 403$/);
  await assertAccessible(page, 'the sources, one of them with a failure');
  for (const [language, words] of [
    ['fr', 'Identifiants refusés'],
    ['de', 'Zugangsdaten nicht akzeptiert'],
  ]) {
    await page.locator('select').first().selectOption(language);
    await reason.getByText(words, { exact: false }).waitFor();
  }
  assert.ok(!(await page.content()).includes('ada.guest'), 'nothing of the body is shown');
  assert.deepEqual(errors, []);

  const other = await signIn(browser, server.origin, RESELLER);
  await goTo(other.page, 'sources');
  await settle(other.page);
  const shown = await other.page.content();
  assert.ok(!/list_events|403|data-failure/.test(shown), 'a reseller sees no reason');
  const seen = await ask(server.origin, '{ sources { name lastFailures { kind } } }', {}, reseller);
  assert.deepEqual(new Set(seen.data.sources.map(({ lastFailures }) => lastFailures)), new Set([null]));
  assert.deepEqual(other.errors, []);
});
