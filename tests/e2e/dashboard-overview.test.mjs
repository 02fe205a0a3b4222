// The overview, the first page of an operator: sales of every seller, sources, orders that need a person, tickets on their way into
// an app, and callers.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { keepPicture, openChromium } from './chromium.mjs';
import { assertAccessible, assertFits, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, control, placeOrder, reseller, storefront } from './shop.mjs';

const PLACE =
  'mutation Place($input: CreateOrderInput!) { placeOrder(input: $input) { order { id number } problems { code } } }';
const SELLERS = `query Sellers($day: LocalDate!) { sellerStatements(from: $day, to: $day) {
  resellerKey rows { ticketsSold gross { amount currency exponent } } } }`;
const operator = { authorization: `Bearer ${OPERATOR}` };

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

const card = (page, name) => page.getByRole('region', { name, exact: true });
const OPERAS = `{ events(first: 100, filter: { vendors: [SECUTIX] }) { nodes {
  performances(first: 1) { nodes { id availability { offers { status ticketType { id } } } } } } } }`;

/** Places an order of one ticket for an app. Not every event has its tickets in one. */
async function placeForApp() {
  const { data } = await ask(server.origin, OPERAS);
  const dates = data.events.nodes.flatMap(({ performances }) => performances.nodes);
  const contact = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' };
  for (const { id, availability } of dates) {
    const offer = availability.offers.find(({ status }) => status === 'AVAILABLE');
    if (!offer) continue;
    const lines = [{ performance: id, ticketType: offer.ticketType.id, quantity: 1 }];
    const input = { idempotencyKey: crypto.randomUUID(), contact, delivery: 'MOBILE_APP', lines };
    const placed = await ask(server.origin, PLACE, { input }, storefront);
    const { order, problems } = placed.data.placeOrder;
    if (problems.length === 0) return order;
  }
  throw new Error('no ticket is for an app');
}

/** A text with blanks as a person reads them. */
const plain = (text) => text.replace(/\s+/g, ' ').trim();
const textOf = async (locator) => plain(await locator.innerText());
const money = ({ amount, currency, exponent }) =>
  plain(new Intl.NumberFormat('en', { style: 'currency', currency }).format(amount / 10 ** exponent));

test('an operator begins with what every seller sold today, to the cent', async () => {
  await placeOrder(server.origin, reseller, 'ACME', 2);
  await placeOrder(server.origin, storefront, 'ACME', 1);
  // The museum and the person are in New York: both have the same day.
  const timezoneId = 'America/New_York';
  const day = new Date().toLocaleDateString('sv', { timeZone: timezoneId });
  const { data } = await ask(server.origin, SELLERS, { day }, operator);
  const rowsOf = (key) => data.sellerStatements.find(({ resellerKey }) => resellerKey === key).rows;
  assert.deepEqual([rowsOf(null).length, rowsOf('tiqets').length, rowsOf('digitick').length], [1, 1, 0]);

  const { page, errors } = await signIn(browser, server.origin, OPERATOR, { timezoneId });
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  await settle(page);
  const sales = card(page, 'Sales');
  const shop = await textOf(sales.locator('[data-row=""]'));
  for (const { gross } of rowsOf(null)) assert.ok(shop.includes(money(gross)), `${money(gross)} is in ${shop}`);
  assert.match(shop, /^Own shop \(no reseller\) 1 /);
  const tiqets = await textOf(sales.locator('[data-row=tiqets]'));
  assert.match(tiqets, /^Tiqets 2 /);
  assert.ok(tiqets.includes(money(rowsOf('tiqets')[0].gross)), tiqets);
  assert.match(await textOf(sales.locator('[data-row=digitick]')), /^Digitick 0 – – – –$/);

  // The museum's sales of both sellers together.
  const dollars = [...rowsOf(null), ...rowsOf('tiqets')];
  const total = dollars.reduce((sum, { gross }) => sum + gross.amount, 0);
  for (const period of ['today', 'last7', 'last30']) {
    const tile = await textOf(sales.locator(`[data-period=${period}]`));
    assert.ok(tile.includes(money({ ...dollars[0].gross, amount: total })), `${period}: ${tile}`);
    assert.ok(tile.includes('$0.00 (–)'), 'nothing was sold before');
  }
  await sales.getByRole('link', { name: 'Tiqets' }).click();
  await page.getByRole('heading', { name: 'Sales of Tiqets' }).waitFor();
  assert.deepEqual(errors, []);
});

test('a reseller has no overview', async () => {
  const { page, errors } = await signIn(browser, server.origin, RESELLER);
  await page.getByRole('heading', { name: 'Sales', exact: true }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Overview' }).count(), 0);
  await goTo(page, 'overview');
  await page.getByRole('heading', { name: 'Page not found' }).waitFor();
  const documents = ['{ callers { name } }', '{ sellerStatements(from: "2026-01-01", to: "2026-01-02") { resellerKey } }'];
  for (const document of documents) {
    const refused = await ask(server.origin, document, {}, reseller);
    assert.equal(refused.errors[0].extensions.code, 'FORBIDDEN');
  }
  assert.deepEqual(errors, []);
});

test('an operator reads why a source failed and what waits, and pauses and resumes it knowing what that does', async () => {
  const rules = [{ fault: { kind: 'status', status: 403 } }];
  await control(server, 'acme', 'faults', { body: { rules } });
  await ask(server.origin, '{ events(first: 5) { nodes { title } } }', {}, storefront);
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await settle(page);
  const harbor = page.locator('[data-line=harbor]');
  await harbor.getByText('Last failure: Credentials not accepted', { exact: false }).waitFor();
  await harbor.getByText('No order request waits.').waitFor();
  await harbor.getByText('No rate limit is configured.').waitFor();
  const opera = page.locator('[data-line=opera]');
  await opera.getByText(/^\d+ requests? left of the rate limit, which allows about 15 orders a minute\.$/).waitFor();
  await page.locator('[data-line=quay]').getByText('No failure since this replica started.').waitFor();

  await harbor.getByRole('button', { name: 'Pause Harbor Museum' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('New orders are refused until you resume. Orders that have begun go on.').waitFor();
  await dialog.getByLabel('No calls at all').check();
  await dialog.getByText('No call is made until you resume', { exact: false }).waitFor();
  await dialog.getByLabel('Reason').fill('Works on site');
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await harbor.getByText('No calls at all since', { exact: false }).waitFor();
  await harbor.getByText('Works on site', { exact: false }).waitFor();
  await harbor.getByRole('button', { name: 'Resume Harbor Museum' }).click();
  await dialog.getByText('Harbor Museum accepts new orders again', { exact: false }).waitFor();
  await assertAccessible(page, 'the dialog that resumes a source');
  await page.keyboard.press('Escape');
  assert.equal(await harbor.getByText('Works on site', { exact: false }).count(), 1, 'nothing happens without a confirmation');
  await harbor.getByRole('button', { name: 'Resume Harbor Museum' }).click();
  await dialog.getByRole('button', { name: 'Resume' }).click();
  await harbor.getByRole('button', { name: 'Pause Harbor Museum' }).waitFor();
  assert.deepEqual(errors, []);
});

test('an order that needs a person is counted in the navigation, noted, tried again and settled from the overview', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await page.getByText('No order needs a decision').waitFor();
  const attention = page.getByRole('navigation').getByRole('link', { name: 'Needs attention' });
  assert.equal(await attention.innerText(), 'Needs attention');

  // The night club sells, the museum refuses, and the night club does not take its sale back.
  const refuse = (path) => ({ method: 'POST', path, fault: { kind: 'status', status: 400 } });
  await control(server, 'acme', 'faults', { body: { rules: [refuse('/orders/organizations/')] } });
  await control(server, 'ticketing', 'faults', { body: { rules: [refuse('/refunds')] } });
  const [club, museum] = [await anOrder(server.origin, 'TICKETING'), await anOrder(server.origin, 'ACME')];
  const input = { ...club, lines: [...club.lines, ...museum.lines] };
  const placed = await ask(server.origin, PLACE, { input }, storefront);
  const { id, number } = placed.data.placeOrder.order;

  await page.getByRole('navigation').getByRole('link', { name: 'Needs attention 1 order' }).waitFor();
  const stuck = page.getByRole('listitem').filter({ has: page.getByRole('link', { name: number }) });
  await stuck.getByText('Quay Nights: Needs attention').waitFor();
  await assertAccessible(page, 'the overview with an order that needs a person');
  await keepPicture(page, 'dashboard-overview-attention');
  const dialog = page.getByRole('dialog');

  await stuck.getByRole('button', { name: `Add note ${number}` }).click();
  await assertAccessible(page, 'the dialog that adds a note');
  assert.ok(await dialog.getByRole('button', { name: 'Add note' }).isDisabled(), 'there is no text');
  await dialog.getByLabel('Note', { exact: true }).fill('Asked the venue at noon');
  await dialog.getByRole('button', { name: 'Add note' }).click();
  await stuck.getByRole('list', { name: 'Notes' }).getByText('Asked the venue at noon').waitFor();

  await stuck.getByRole('button', { name: 'Try again now' }).click();
  await dialog.getByText(`Looks up the part of order ${number} at Quay Nights now`, { exact: false }).waitFor();
  await dialog.getByRole('button', { name: 'Try again now' }).click();
  await dialog.waitFor({ state: 'detached' });
  await stuck.getByText('Quay Nights: Needs attention').waitFor();

  await stuck.getByRole('button', { name: 'Settle' }).click();
  await dialog.getByLabel('The sale was undone').check();
  await dialog.getByText('The sale counts as canceled, and its tickets are void.').waitFor();
  await dialog.getByLabel('Note', { exact: false }).fill('The venue refunded it by hand');
  await dialog.getByRole('button', { name: 'Settle' }).click();
  await page.getByText('No order needs a decision').waitFor();
  await page.waitForFunction(() => !document.querySelector('nav .count'));
  const { data } = await ask(server.origin, 'query($id: ID!) { order(id: $id) { status notes { text } } }', { id }, operator);
  assert.equal(data.order.status, 'FAILED');
  assert.deepEqual(
    data.order.notes.map(({ text }) => text),
    ['Asked the venue at noon', 'The venue refunded it by hand'],
  );
  assert.deepEqual(errors, []);
});

test('tickets that an app does not accept are listed with their order, and leave the list when they are in the app', async () => {
  const push = (fault) => control(server, 'tixngo', 'faults', { body: { rules: [{ method: 'POST', path: '/tickets', fault }] } });
  await push({ kind: 'status', status: 503 });
  const { id, number } = await placeForApp();

  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  const deliveries = card(page, 'App deliveries');
  const row = deliveries.getByRole('row').filter({ has: page.getByRole('link', { name: number }) });
  // The page asks again every half a minute; a person who cannot wait opens it again.
  const until = async (text, ofRow = /./) => {
    for (;;) {
      await page.reload();
      await settle(page);
      if (!(await deliveries.innerText()).includes(text)) continue;
      if (ofRow.test(await textOf(row))) return;
    }
  };
  // Its row shows the attempts, of which there are none at first.
  await until('1 ticket pending', new RegExp(`^${number} .*tixngo, .*Injection Pending [1-9]`));
  await assertAccessible(page, 'the overview with a ticket that waits');

  const { data } = await ask(server.origin, 'query($id: ID!) { order(id: $id) { legs { ourReference } } }', { id }, operator);
  const result = [{ ticketId: `${data.order.legs[0].ourReference}-0`, outcome: 'REJECTED', errors: [{ code: 'TOO_LONG' }] }];
  await control(server, 'tixngo', 'faults', { method: 'DELETE' });
  await push({ kind: 'status', status: 200, body: JSON.stringify({ result }) });
  await until('1 ticket rejected');
  assert.match(await textOf(row), /Injection Rejected \d/);
  await keepPicture(page, 'dashboard-overview-deliveries');
  await row.getByRole('link', { name: number }).click();
  await page.getByRole('heading', { name: `Order ${number}` }).waitFor();

  await control(server, 'tixngo', 'faults', { method: 'DELETE' });
  await goTo(page, 'sources');
  await page.getByRole('button', { name: 'Run now Injection' }).click();
  await page.getByRole('button', { name: 'Run now Injection' }).waitFor();
  await goTo(page, 'overview');
  await deliveries.getByText('All tickets are in their apps').waitFor();
  assert.deepEqual(errors, []);
});

test('an operator sees who calls and what was refused, and no key', async () => {
  for (let count = 0; count < 3; count += 1) await ask(server.origin, '{ callers { name } }', {}, storefront);
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  await settle(page);
  const callers = card(page, 'API callers');
  const shop = await textOf(callers.locator('[data-row=storefront]'));
  assert.match(shop, /^storefront API key \S+ 3 3 without permission 3 3 without permission$/);
  assert.match(await textOf(callers.locator('[data-row=anonymous]')), /^anonymous Without credentials \d+ \d+ – \d+ –$/);
  const own = await textOf(callers.locator('[data-row=tiqets-dashboard]'));
  assert.match(own, /^tiqets-dashboard API key · Tiqets \S+ 0 – 0 –$/);
  await callers.getByText('by the replica that answered this request', { exact: false }).waitFor();
  assert.ok(!(await page.content()).includes('sandbox-'), 'no key is shown');
  assert.deepEqual(errors, []);
});

test('a section that fails costs only itself, and a click asks again', async () => {
  const { page } = await signIn(browser, server.origin, OPERATOR);
  await settle(page);
  const isFailing = (name) => (route) => {
    const { operationName } = route.request().postDataJSON() ?? {};
    return operationName === name ? route.abort() : route.continue();
  };
  const sections = { SellerSales: 'Sales', Sources: 'Sources', Attention: 'Needs a decision', WaitingDeliveries: 'App deliveries' };
  for (const [operation, name] of Object.entries({ ...sections, Callers: 'API callers' })) {
    const fail = isFailing(operation);
    await page.route('**/graphql', fail);
    await page.reload();
    await card(page, name).getByText('The server is unreachable.').waitFor();
    await settle(page);
    assert.equal(await page.getByRole('alert').filter({ hasText: 'unreachable' }).count(), 1, `only ${name} fails`);
    assert.equal(await page.getByRole('region').count(), 5);
    await page.unroute('**/graphql', fail);
    await card(page, name).getByRole('button', { name: 'Try again' }).click();
    await card(page, name).getByText('The server is unreachable.').waitFor({ state: 'detached' });
  }
  await assertAccessible(page, 'the overview after a failure');
});

test('the overview is read on a phone, by keyboard and in three languages', async () => {
  await placeOrder(server.origin, storefront, 'ACME', 1);
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  for (const settings of [phone, { colorScheme: 'dark' }, {}]) {
    const { page, errors } = await signIn(browser, server.origin, OPERATOR, settings);
    await settle(page);
    const month = page.getByRole('button', { name: '30 days' });
    await month.focus();
    await page.keyboard.press('Enter');
    assert.equal(await month.getAttribute('aria-pressed'), 'true');
    await page.locator('[data-row=""]').getByText('$').first().waitFor();
    await assertAccessible(page, `the overview with ${JSON.stringify(settings)}`);
    await assertFits(page, 'the overview');
    await keepPicture(page, `dashboard-overview-${settings.colorScheme ?? (settings.isMobile ? 'phone' : 'light')}`);
    for (const [language, heading, section] of [
      ['fr', 'Vue d’ensemble', 'Clients de l’API'],
      ['de', 'Übersicht', 'Aufrufer der API'],
    ]) {
      await page.locator('select').first().selectOption(language);
      await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
      await card(page, section).getByRole('table').waitFor();
      await assertFits(page, `the overview in ${language}`);
    }
    await page.locator('select').first().selectOption('en');
    assert.deepEqual(errors, []);
    await page.context().close();
  }
});
