// The dashboard as people meet it: a reseller who watches an order, an operator who watches a vendor die.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { keepPicture, openChromium, openPage } from './chromium.mjs';
import { assertAccessible, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, placeOrder, reseller, storefront } from './shop.mjs';

const CREATE =
  'mutation Create($input: CreateOrderInput!) { createOrder(input: $input) { order { id number } problems { code } } }';
const HOLD = 'mutation Hold($input: OrderActionInput!) { holdOrder(input: $input) { order { status } problems { code } } }';
const CONFIRM =
  'mutation Confirm($input: OrderActionInput!) { confirmOrder(input: $input) { order { status } problems { code } } }';
const STATUS = 'query Status($id: ID!) { order(id: $id) { status totals { confirmed { amount } } } }';

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await openChromium();
  for (const quantity of [2, 1, 3]) await placeOrder(server.origin, reseller, 'ACME', quantity);
});

after(async () => {
  await browser?.close();
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

test('a key that is not known is refused in words, and a known one stays out of addresses and off the disk', async () => {
  const { page } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/dashboard`);
  await page.getByLabel('API key', { exact: true }).fill('not a key');
  await page.keyboard.press('Enter');
  await page.getByText('Invalid API key.').waitFor();
  await assertAccessible(page, 'the refused sign-in');

  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.getByLabel('API key', { exact: true }).fill(RESELLER);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Sales', exact: true }).waitFor();
  await settle(page);
  assert.ok(![page.url(), ...asked].some((url) => url.includes(RESELLER)), 'no address holds the key');
  const kept = await page.evaluate(() => ({
    local: JSON.stringify(localStorage),
    cookies: document.cookie,
    session: sessionStorage.length,
  }));
  assert.ok(!kept.local.includes(RESELLER) && kept.cookies === '');
  assert.equal(kept.session, 1);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test('a reseller sees what it sold as columns, as a table and as a statement', async () => {
  const { page, errors, outside } = await signIn(browser, server.origin, RESELLER);
  await settle(page);
  const { data } = await ask(
    server.origin,
    'query S($from: LocalDate!, $to: LocalDate!) { viewer { reseller { statement(from: $from, to: $to) { ticketsSold orders gross { amount currency } } } } }',
    { from: day(-7), to: day(1) },
    reseller,
  );
  const [row] = data.viewer.reseller.statement;
  assert.equal(row.ticketsSold, 6);

  await page.locator('.chart .recharts-bar-rectangle path').first().waitFor();
  const amount = new Intl.NumberFormat('en', { style: 'currency', currency: row.gross.currency }).format(row.gross.amount / 100);
  await page.getByRole('list', { name: 'Totals' }).getByText(amount).waitFor();
  await page.getByText(`6 tickets sold in ${row.orders} orders`).waitFor();
  await page.getByRole('region', { name: 'Statement' }).getByRole('cell', { name: amount }).first().waitFor();

  await page.getByLabel('Measure').selectOption({ label: `Gross in ${row.gross.currency}` });
  await page.getByRole('button', { name: 'Month', exact: true }).click();
  await settle(page);
  await page.getByText('Show as table').click();
  await page
    .getByRole('group', { name: / by source$/ })
    .getByRole('cell', { name: amount })
    .first()
    .waitFor();

  await page.getByText('Show as table').click();
  await page.getByRole('button', { name: 'Day', exact: true }).click();
  await page.getByRole('button', { name: '7 days' }).click();
  await settle(page);
  await page.locator('.chart .recharts-bar-rectangle path').first().waitFor();
  await page.setViewportSize({ width: 1100, height: 1120 });
  await keepPicture(page, 'dashboard-sales', { inReadme: 'dashboard' });
  assert.deepEqual(outside, [], 'nothing is asked of another host');
  assert.deepEqual(errors, [], 'the console stays clean');
});

test('a reseller opens an order placed a moment ago, sees it confirmed by itself, and cancels it by its quote', async () => {
  const { page, errors, outside } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders');
  await page.getByText('Live', { exact: true }).waitFor();

  // The list was there first: the order comes into it by the subscription.
  const created = await ask(server.origin, CREATE, { input: await anOrder(server.origin) }, reseller);
  assert.deepEqual(created.data.createOrder.problems, []);
  const { id, number } = created.data.createOrder.order;
  await page.getByRole('link', { name: number }).click();
  await page.getByRole('heading', { name: `Order ${number}` }).waitFor();
  const standing = page.locator('.standing');
  await standing.getByText('Draft').waitFor();

  await act(HOLD, id);
  await standing.getByText('Held', { exact: true }).waitFor();
  await act(CONFIRM, id);
  await standing.getByText('Sold', { exact: true }).waitFor();
  await page.locator('[data-leg=harbor]').getByText('Sold', { exact: true }).waitFor();
  const code = page.getByRole('img', { name: /^Barcode of ticket/ });
  await code.waitFor();
  assert.ok(await code.evaluate((image) => image.complete && image.naturalWidth > 0), 'the code is drawn');
  await page.getByText('Calls to the source (2)').click();
  await page.getByRole('cell', { name: 'Confirm 1' }).waitFor();
  await keepPicture(page, 'dashboard-order');

  const opener = page.getByRole('button', { name: 'Cancel …' });
  await opener.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.ok(await opener.evaluate((button) => button === document.activeElement), 'the focus is back where it was');

  await opener.click();
  await page.getByRole('button', { name: 'Calculate refund' }).click();
  await page.getByRole('heading', { name: 'Refund' }).waitFor();
  await assertAccessible(page, 'the quote of a cancellation');
  await page.getByRole('button', { name: 'Confirm cancellation' }).click();
  await standing.getByText('Canceled', { exact: true }).waitFor();
  await page.getByText('Void', { exact: true }).waitFor();
  const { data } = await ask(server.origin, STATUS, { id }, reseller);
  assert.equal(data.order.status, 'CANCELLED');
  assert.equal(data.order.totals[0].confirmed.amount, 0);
  assert.deepEqual(outside, []);
  assert.deepEqual(errors, []);
});

test('a reseller reads whether its connection works, and copies the message that hands it over', async () => {
  const permissions = ['clipboard-read', 'clipboard-write'];
  const { page, errors } = await signIn(browser, server.origin, RESELLER, { permissions });
  await goTo(page, 'connections');
  await page.getByText('Ready', { exact: true }).waitFor();
  await page.getByText('The vendor knows the API key').waitFor();
  await page.getByRole('button', { name: 'Check again' }).click();
  await page.getByRole('button', { name: 'Check again' }).waitFor();
  await page.getByText('Onboarding message').click();
  await page.getByRole('button', { name: 'Copy message' }).click();
  await page.getByText('Copied').waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(copied.length > 100 && !copied.includes('harbor-sandbox-key'), 'the message is whole and holds no secret');
  assert.deepEqual(errors, []);
});

test('an operator follows an order over three vendors, leg by leg', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  const [first, ...others] = await Promise.all(['ACME', 'SECUTIX', 'TICKETING'].map((vendor) => anOrder(server.origin, vendor)));
  const lines = [...first.lines, ...others.flatMap((order) => order.lines)];
  const created = await ask(server.origin, CREATE, { input: { ...first, lines } }, storefront);
  assert.deepEqual(created.data.createOrder.problems, []);
  const { id } = created.data.createOrder.order;
  await goTo(page, 'orders', id);
  const leg = (source) => page.locator(`[data-leg=${source}]`);
  await leg('quay').getByText('Draft', { exact: true }).waitFor();

  await act(HOLD, id, storefront);
  await leg('harbor').getByText('Held', { exact: true }).waitFor();
  await act(CONFIRM, id, storefront);
  for (const source of ['harbor', 'quay']) await leg(source).getByText('Sold', { exact: true }).waitFor();
  await page.locator('.standing').getByText('Sold', { exact: true }).waitFor();
  assert.equal(await page.getByRole('img', { name: /^Barcode of ticket/ }).count(), 3);
  await keepPicture(page, 'dashboard-three-vendors');
  assert.deepEqual(errors, []);
});

test('an operator compares the ledger with a vendor, and reads what a reseller sold', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'reconciliation');
  await page.getByLabel('Source').selectOption({ label: 'Harbor Museum' });
  await page.getByRole('button', { name: 'Compare' }).click();
  await page.getByRole('region', { name: 'Harbor Museum' }).getByText('Matched', { exact: true }).waitFor();
  await goTo(page, 'resellers');
  await page.getByRole('link', { name: 'Sales and statement Tiqets' }).click();
  await page.getByRole('heading', { name: 'Sales of Tiqets' }).waitFor();
  await settle(page);
  await page.locator('.chart .recharts-bar-rectangle path').first().waitFor();
  assert.deepEqual(errors, []);
});

test('what changed while the connection was cut is there when it is back', async () => {
  const { page } = await openPage(browser, server.origin);
  let isCut = false;
  const open = new Set();
  await page.routeWebSocket(/\/graphql\/ws$/, (socket) => {
    if (isCut) return void socket.close();
    socket.connectToServer();
    open.add(socket);
  });
  const { id, number } = (await ask(server.origin, CREATE, { input: await anOrder(server.origin) }, reseller)).data.createOrder
    .order;
  await page.goto(`${server.origin}/dashboard`);
  await page.locator('form input').fill(RESELLER);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation').waitFor();
  await goTo(page, 'orders', id);
  await page.getByRole('heading', { name: `Order ${number}` }).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();

  isCut = true;
  for (const socket of open) await socket.close();
  await page.getByText('Connection lost, reconnecting').waitFor();
  await act(HOLD, id);
  isCut = false;
  await page.getByText('Live', { exact: true }).waitFor();
  await page.locator('.standing').getByText('Held', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Release the hold' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Release the hold' }).click();
  await page.locator('.standing').getByText('Released', { exact: true }).waitFor();
});

test('an unreachable server shows an error, and a click retries', async () => {
  const { page } = await signIn(browser, server.origin, RESELLER);
  await settle(page);
  await page.route('**/graphql', (route) => route.abort());
  await goTo(page, 'connections');
  await page.getByText('The server is unreachable.').waitFor();
  await assertAccessible(page, 'a failed view');
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Ready', { exact: true }).waitFor();
});

/** The day that many days from today: YYYY-MM-DD. */
function day(offset) {
  return new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
}
