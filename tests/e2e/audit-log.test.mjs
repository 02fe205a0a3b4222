// The audit log: what callers do is recorded, operators alone read it, and the dashboard shows it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { keepPicture, openChromium } from './chromium.mjs';
import { assertAccessible, assertFits, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { ask, placeOrder, reseller, storefront } from './shop.mjs';

const operator = { authorization: `Bearer ${OPERATOR}` };
const LOG = `query Log($filter: AuditLogFilterInput, $first: Int, $after: String) {
  auditLog(filter: $filter, first: $first, after: $after) {
    nodes { action actor actorName reseller { name } orderNumber sourceName }
    pageInfo { hasNextPage endCursor }
  }
}`;

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await openChromium();
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

async function entries(filter) {
  const { data, errors } = await ask(server.origin, LOG, { filter, first: 100 }, operator);
  assert.equal(errors, undefined);
  return data.auditLog.nodes;
}

async function act(name, type, input, headers = operator) {
  const document = `mutation Act($input: ${type}!) { ${name}(input: $input) { problems { code } } }`;
  const { data, errors } = await ask(server.origin, document, { input: { idempotencyKey: crypto.randomUUID(), ...input } }, headers);
  assert.equal(errors, undefined, JSON.stringify(errors));
  assert.deepEqual(data[name].problems, []);
}

test('a client that leaves before the response is recorded like any other', async () => {
  const quote = 'mutation Q($order: ID!) { quoteCancellation(input: { order: $order }) { quote { id } } }';
  const cancel = 'mutation C($input: CancelOrderInput!) { cancelOrder(input: $input) { problems { code } } }';
  for (const wait of [2, 4, 8]) {
    const { id, number } = await placeOrder(server.origin, reseller, 'ACME', 1);
    const quoted = await ask(server.origin, quote, { order: id }, reseller);
    const input = { idempotencyKey: crypto.randomUUID(), quote: quoted.data.quoteCancellation.quote.id };
    const leaving = new AbortController();
    const left = fetch(`${server.origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...reseller },
      body: JSON.stringify({ query: cancel, variables: { input } }),
      signal: leaving.signal,
    }).then(() => true, () => false);
    setTimeout(() => leaving.abort(), wait);
    await left;
    const status = async () => {
      const { data } = await ask(server.origin, 'query S($id: ID!) { order(id: $id) { status } }', { id }, reseller);
      return data.order.status;
    };
    // A request that was cut before it arrived cancels nothing.
    const deadline = Date.now() + 3_000;
    while ((await status()) !== 'CANCELLED' && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    if ((await status()) === 'CONFIRMED') continue;
    const recorded = async () => (await entries({ orderNumber: number })).map(({ action }) => action);
    while ((await recorded()).length === 0 && Date.now() < deadline + 3_000) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(await recorded(), ['ORDER_CANCELED'], `after ${wait} ms`);
  }
});

test('references of a leg, which open the tickets at some vendors, are read like codes', async () => {
  const { id, number } = await placeOrder(server.origin, storefront, 'SECUTIX', 1);
  const refs = 'query R($id: ID!) { order(id: $id) { legs { externalRefs { kind } } } }';
  const { data } = await ask(server.origin, refs, { id }, storefront);
  assert.ok(data.order.legs[0].externalRefs.length > 0);
  assert.deepEqual((await entries({ orderNumber: number })).map(({ action }) => action), ['CODES_READ']);
});

test('what callers do is recorded with their names, and reading the codes of an order counts once', async () => {
  const { id, number } = await placeOrder(server.origin, reseller, 'ACME', 2);
  const codes = 'query C($id: ID!) { order(id: $id) { tickets { deliveries { ... on BarcodeDelivery { value svg } } } } }';
  const states = 'query S($id: ID!) { order(id: $id) { tickets { status deliveries { __typename } } } }';
  await ask(server.origin, states, { id }, reseller);
  assert.deepEqual(await entries({ orderNumber: number }), [], 'a state is no code');
  for (const _ of [1, 2]) {
    const { data } = await ask(server.origin, codes, { id }, reseller);
    assert.ok(data.order.tickets.every(({ deliveries }) => deliveries[0].value), 'the codes are shown');
  }
  const read = {
    action: 'CODES_READ',
    actor: 'tiqets-dashboard',
    actorName: 'tiqets-dashboard',
    reseller: { name: 'Tiqets' },
    orderNumber: number,
    sourceName: null,
  };
  assert.deepEqual(await entries({ orderNumber: number }), [read]);
  // Another caller that reads them is another entry; one that may not read them is none.
  await ask(server.origin, codes, { id }, { authorization: 'Bearer sandbox-digitick-dashboard' });
  await ask(server.origin, codes, { id }, storefront);
  await ask(server.origin, codes, { id }, operator);
  const readers = (await entries({ orderNumber: number, actions: ['CODES_READ'] })).map(({ actor }) => actor);
  assert.ok(readers.includes('operator') && !readers.includes('digitick-dashboard'), readers.join());

  const QUOTE =
    'mutation Q($input: QuoteCancellationInput!) { quoteCancellation(input: $input) { quote { id } problems { code } } }';
  const lines = 'query L($id: ID!) { order(id: $id) { lines { id } } }';
  const { data: found } = await ask(server.origin, lines, { id }, reseller);
  const { data: quoted } = await ask(
    server.origin,
    QUOTE,
    { input: { order: id, lines: found.order.lines.map((line) => line.id) } },
    reseller,
  );
  await act('cancelOrder', 'CancelOrderInput', { quote: quoted.quoteCancellation.quote.id }, reseller);
  await act('addOrderNote', 'AddOrderNoteInput', { order: id, text: 'planted-note' });
  const { data: known } = await ask(server.origin, '{ sources { id name } }', {}, operator);
  const [source] = known.sources;
  await act('pauseSource', 'PauseSourceInput', { source: source.id, mode: 'REFUSE_NEW_ORDERS', note: 'planted-note' });
  await act('resumeSource', 'ResumeSourceInput', { source: source.id });
  const from = new Date(Date.now() - 864e5).toISOString();
  const exported = await fetch(`${server.origin}/exports/orders.csv?createdFrom=${from}`, { headers: reseller });
  assert.equal(exported.status, 200);
  await exported.text();

  const all = await entries({});
  const newest = all.slice(0, 5).map(({ action, actor }) => `${actor} ${action}`);
  assert.deepEqual(newest, [
    'tiqets-dashboard ORDERS_EXPORTED',
    'operator SOURCE_RESUMED',
    'operator SOURCE_PAUSED',
    'operator NOTE_ADDED',
    'tiqets-dashboard ORDER_CANCELED',
  ]);
  assert.equal(all[2].sourceName, source.name);
  assert.ok(!JSON.stringify(all).includes('planted') && !JSON.stringify(all).includes('Lovelace'), 'no text and no buyer');

  const first = await ask(server.origin, LOG, { first: 2 }, operator);
  const { hasNextPage, endCursor } = first.data.auditLog.pageInfo;
  assert.ok(hasNextPage);
  const second = await ask(server.origin, LOG, { first: 2, after: endCursor }, operator);
  assert.deepEqual(
    [...first.data.auditLog.nodes, ...second.data.auditLog.nodes].map(({ action }) => action),
    all.slice(0, 4).map(({ action }) => action),
  );
});

test('nobody but an operator reads the log', async () => {
  for (const headers of [reseller, storefront, {}]) {
    const { data, errors } = await ask(server.origin, LOG, {}, headers);
    assert.equal(errors[0].extensions.code, 'FORBIDDEN');
    assert.equal(data?.auditLog ?? null, null);
  }
  const { page } = await signIn(browser, server.origin, RESELLER);
  assert.ok(!(await page.getByRole('navigation').innerText()).includes('Audit log'));
});

test('an operator finds who did what, by action and by caller, in each language', async () => {
  const { page, errors, outside } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'audit');
  const rows = page.locator('main tbody tr');
  await rows.filter({ hasText: 'Paused a source' }).first().waitFor();
  await assertAccessible(page, 'the audit log');
  await keepPicture(page, 'dashboard-audit');
  await page.getByLabel('Action').selectOption({ label: 'Canceled lines' });
  await page.getByRole('button', { name: 'Filter' }).click();
  await page.waitForFunction(() => location.hash === '#/audit?action=ORDER_CANCELED');
  await settle(page);
  assert.ok((await rows.allTextContents()).every((text) => text.includes('Canceled lines')));
  await rows.getByRole('link', { name: 'tiqets-dashboard' }).first().click();
  await page.getByRole('link', { name: 'Show everybody' }).waitFor();
  await rows.filter({ hasText: 'Exported orders' }).first().waitFor();
  await rows.filter({ hasText: 'Read ticket codes' }).getByRole('link').nth(1).click();
  await page.getByRole('heading', { name: /^Order / }).waitFor();
  for (const [language, title] of [
    ['fr', "Journal d'audit"],
    ['de', 'Protokoll'],
  ]) {
    await page.getByRole('combobox').first().selectOption(language);
    await goTo(page, 'audit');
    await page.getByRole('heading', { name: title }).waitFor();
  }
  await page.setViewportSize({ width: 390, height: 844 });
  await assertFits(page, 'the audit log on a phone');
  assert.deepEqual(outside, []);
  assert.deepEqual(errors, []);
});
