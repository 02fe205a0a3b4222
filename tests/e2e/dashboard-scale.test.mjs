// The dashboard with 5,000 orders, and over a slow network.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openChromium, openPage } from './chromium.mjs';
import { assertAccessible, assertFits, goTo, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, reseller } from './shop.mjs';

const ORDERS = 5_000;
const AT_ONCE = 50;
const CREATE = 'mutation Create($input: CreateOrderInput!) { createOrder(input: $input) { order { number } problems { code } } }';

let server;
let browser;
let last;

before(async () => {
  server = await startServer();
  browser = await openChromium();
  const input = await anOrder(server.origin);
  for (let made = 0; made < ORDERS; made += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, async (_, at) => {
      const contact = { firstName: 'Guest', lastName: `Number${made + at}`, email: `guest${made + at}@example.com` };
      const variables = { input: { ...input, contact, idempotencyKey: crypto.randomUUID() } };
      const { data, errors } = await ask(server.origin, CREATE, variables, reseller);
      assert.deepEqual(errors ?? data.createOrder.problems, []);
      return data.createOrder.order.number;
    });
    last = (await Promise.all(batch)).at(-1);
  }
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

const shown = (page) => page.locator('tr[data-order]').evaluateAll((rows) => rows.map((row) => row.dataset.order));

test('5,000 orders are counted, paged a hundred at a time, and one of them is found by its e-mail address', async () => {
  const { page, errors } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders');
  await page.getByText('5,000 orders').waitFor();
  await page.getByLabel('Orders per page').selectOption('100');
  await settle(page);
  const first = await shown(page);
  assert.equal(first.length, 100);
  await page.getByRole('link', { name: 'Next page' }).click();
  await page.getByText('Page 2').waitFor();
  await settle(page);
  const second = await shown(page);
  assert.equal(new Set([...first, ...second]).size, 200, 'no order comes twice');
  await assertAccessible(page, 'a hundred orders');
  await assertFits(page, 'a hundred orders');
  await page.getByRole('searchbox', { name: 'Search' }).fill('guest4999@example.com');
  await page.keyboard.press('Enter');
  await page.getByText('1 order', { exact: true }).waitFor();
  assert.deepEqual(await shown(page), [last]);
  assert.deepEqual(errors, []);
});

test('over a slow network the page says that it loads, and then shows the same', async () => {
  const { page, errors } = await openPage(browser, server.origin);
  const network = await page.context().newCDPSession(page);
  // A phone far from a mast: 40 kB a second, 800 ms until the first byte.
  const slow = { offline: false, latency: 800, downloadThroughput: 40_000, uploadThroughput: 40_000 };
  await network.send('Network.emulateNetworkConditions', slow);
  await page.goto(`${server.origin}/dashboard`);
  await page.locator('form input').fill(RESELLER);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation').waitFor();
  await page.evaluate(() => {
    location.hash = '#/orders';
  });
  await page.locator('main .loading').first().waitFor();
  await assertAccessible(page, 'a page that loads');
  await settle(page);
  assert.equal((await shown(page)).length, 20);
  assert.deepEqual(errors, []);
});
