// Orders are found as a call center knows them, and the list and the page of one are read on a phone too.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { keepPicture, openChromium } from './chromium.mjs';
import { assertAccessible, assertFits, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, reseller, storefront } from './shop.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const LONG_WORD = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunter';
const PLACE = `mutation Place($input: CreateOrderInput!) { placeOrder(input: $input) { problems { code }
  order { id number lines { eventTitle visitDate } totals { confirmed { amount currency } } } } }`;
const QUOTE = 'mutation Quote($order: ID!) { quoteCancellation(input: { order: $order }) { quote { id } problems { code } } }';
const CANCEL = `mutation Cancel($quote: ID!, $key: ID!) {
  cancelOrder(input: { quote: $quote, idempotencyKey: $key }) { order { status } problems { code } } }`;

let server;
let browser;
/** The order of Zoë, and twenty-two of others. */
let found;

async function place(contact, headers, more = {}) {
  const input = { ...(await anOrder(server.origin)), contact, ...more };
  const { data, errors } = await ask(server.origin, PLACE, { input }, headers);
  assert.deepEqual(data?.placeOrder.problems ?? errors, []);
  return data.placeOrder.order;
}

before(async () => {
  server = await startServer();
  browser = await openChromium();
  const zoe = { firstName: 'Zoë', lastName: 'Quistgård', email: 'zoe.quist@example.org' };
  found = await place(zoe, reseller, { resellerReference: 'TQ-100458' });
  for (let count = 0; count < 22; count += 1) {
    await place({ firstName: 'Bo', lastName: 'Berg', email: `bo.${count}@example.org` }, reseller);
  }
  // The same visitor, of nobody whom the reseller may see.
  await place(zoe, storefront);
});

after(async () => {
  await browser?.close();
  assert.equal((await server?.stop()) ?? 0, 0, 'the server drains and ends with 0');
});

const rows = (page) => page.locator('tr[data-order]').evaluateAll((all) => all.map((row) => row.dataset.order));

/** Waits until the list has so many rows. */
async function waitForRows(page, count) {
  await page.waitForFunction((wanted) => document.querySelectorAll('tr[data-order]').length === wanted, count);
}

async function search(page, text) {
  await page.getByRole('searchbox', { name: 'Search' }).fill(text);
  await page.keyboard.press('Enter');
}

test('a reseller finds its order by email, name, reference and number, and nobody else’s', async () => {
  const { page, errors } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders');
  for (const text of ['zoe.quist@example.org', 'quistgard ZOE', 'tq100458', found.number.toLowerCase().replaceAll('-', '')]) {
    await search(page, text);
    await waitForRows(page, 1);
    assert.deepEqual(await rows(page), [found.number], text);
    await search(page, '');
    await waitForRows(page, 20);
  }
  const row = page.getByRole('row', { name: new RegExp(found.number) });
  await search(page, 'quist');
  for (const text of [found.lines[0].eventTitle, 'Zoë Quistgård', 'TQ-100458', 'Sold']) await row.getByText(text).waitFor();
  await keepPicture(page, 'dashboard-orders-found');
  await assertAccessible(page, 'the orders that were found');
  await search(page, '%');
  await page.getByText('No orders match this filter.').waitFor();
  await search(page, 'a b c d e f g h i');
  await page.getByText('At most 8 words.').waitFor();
  assert.deepEqual(errors, []);
});

test('an operator finds the orders of a visitor at all sellers', async () => {
  const { page } = await signIn(browser, server.origin, OPERATOR);
  await goTo(page, 'orders');
  await search(page, 'zoe.quist@');
  await waitForRows(page, 2);
});

test('filters, size and page are in the address, and back returns to them', async () => {
  const { page, errors } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders');
  await page.getByRole('button', { name: 'Sold', exact: true }).click();
  await search(page, 'berg');
  await page.getByLabel('Visit from').fill('2020-01-01');
  await page.getByRole('link', { name: 'Next page' }).click();
  await waitForRows(page, 2);
  const address = page.url();
  for (const part of ['show=sold', 'search=berg', 'visitFrom=2020-01-01', 'page=2', 'after=']) {
    assert.ok(address.includes(part), `${part} is in ${address}`);
  }
  const shown = await rows(page);
  await page.getByRole('link', { name: shown[1] }).click();
  await page.getByRole('heading', { name: `Order ${shown[1]}` }).waitFor();
  await page.goBack();
  await waitForRows(page, 2);
  assert.equal(page.url(), address);
  assert.deepEqual(await rows(page), shown);
  await page.getByRole('link', { name: shown[0] }).click();
  await page.getByRole('link', { name: 'All orders' }).click();
  await waitForRows(page, 2);
  assert.equal(page.url(), address, 'the link back knows the list too');

  await page.getByLabel('Orders per page').selectOption('50');
  await waitForRows(page, 22);
  assert.ok(page.url().includes('size=50') && !page.url().includes('after='), 'another size begins on the first page');
  await page.reload();
  await waitForRows(page, 22);
  assert.equal(await page.getByRole('searchbox', { name: 'Search' }).inputValue(), 'berg');
  await page.getByLabel('to', { exact: true }).fill('2019-01-01');
  await page.getByText('The last day must not be before the first one').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await waitForRows(page, 23);
  assert.deepEqual(errors, []);
});

test('on a phone each order shows its date and its money', async () => {
  const { page } = await signIn(browser, server.origin, RESELLER, PHONE);
  await goTo(page, 'orders');
  await waitForRows(page, 20);
  await assertFits(page, 'the list of orders');
  for (const part of ['.of-visit', '.of-total', '.of-status', '.of-event']) {
    const cut = await page.locator(`tr[data-order] ${part}`).evaluateAll((cells) =>
      cells.filter((cell) => {
        const { left, right, height } = cell.getBoundingClientRect();
        return cell.textContent.trim() === '' || left < 0 || right > 360 || height === 0;
      }),
    );
    assert.equal(cut.length, 0, `${part} is within the window`);
  }
  await keepPicture(page, 'dashboard-phone-orders-cards');
});

test('a title with a word of 60 letters breaks neither the list nor the order', async () => {
  const { title } = { title: found.lines[0].eventTitle };
  for (const settings of [PHONE, {}]) {
    const { page, errors } = await signIn(browser, server.origin, RESELLER, settings);
    await page.route('**/graphql', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replaceAll(title, LONG_WORD) });
    });
    const width = page.viewportSize().width;
    for (const path of [['orders'], ['orders', found.id]]) {
      await goTo(page, ...path);
      await page.getByText(LONG_WORD).first().waitFor();
      await assertFits(page, `${path[0]} at ${width}`);
      const wide = await page.locator('.ticket, .rows li, .orders tbody tr > *').evaluateAll((boxes) =>
        boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.className),
      );
      assert.deepEqual(wide, [], `nothing runs out of its place at ${width}`);
      await keepPicture(page, `dashboard-long-title-${path.length}-${width}`);
    }
    assert.deepEqual(errors, []);
  }
});

test('a canceled order says what was paid, refunded and kept, and its timeline has days and plain words', async () => {
  const { id, number } = await place({ firstName: 'Ida', lastName: 'Back', email: 'ida@example.org' }, reseller);
  const quoted = await ask(server.origin, QUOTE, { order: id }, reseller);
  const variables = { quote: quoted.data.quoteCancellation.quote.id, key: crypto.randomUUID() };
  const canceled = await ask(server.origin, CANCEL, variables, reseller);
  assert.deepEqual(canceled.data.cancelOrder.problems, []);
  const { page, errors } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders', id);
  await page.locator('.standing').getByText('Canceled', { exact: true }).waitFor();
  const fact = (name) => page.locator('.facts > div', { hasText: name }).first().locator('dd').textContent();
  assert.match(await fact('Paid'), /[1-9]/);
  assert.equal(await fact('Refunded'), await fact('Paid'));
  assert.match(await fact('Fee kept'), /0\.00/);
  assert.equal(await page.getByText('Held until').count(), 0, 'nothing is held any more');

  const timeline = page.locator('.timeline');
  const today = new Intl.DateTimeFormat('en', { dateStyle: 'full' }).format(new Date());
  assert.equal(await page.locator('.day h3').last().textContent(), today);
  const text = await timeline.allTextContents();
  for (const word of ['asked', 'requested', 'legs', 'undefined']) assert.ok(!text.join(' ').includes(word), `${word}: ${text}`);
  assert.match(text.join(' '), /Whole order: .*Sold/);

  const technical = page.locator('[data-leg=harbor] details', { hasText: 'Technical details' });
  assert.equal(await technical.getByText('Our reference').isVisible(), false, 'folded');
  await technical.getByText('Technical details').click();
  await technical.getByText('Our reference').waitFor();
  const labels = await technical.locator('dt').allTextContents();
  assert.ok(labels.length > 1 && labels.every((label) => /^[A-Z][A-Za-z ]+$/.test(label)), `${labels}`);
  await assertFits(page, `order ${number}`);
  await page.getByLabel('Language').selectOption('de');
  await page.getByText('Einbehaltene Gebühr').waitFor();
  await page.getByText('Technische Details').first().waitFor();
  assert.deepEqual(errors, []);
  await settle(page);
});
