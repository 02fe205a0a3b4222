// Every view of the dashboard, for everybody: with a screen reader, in both colors, on a phone, by keyboard, in three languages.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { keepPicture, openChromium, openPage } from './chromium.mjs';
import { assertAccessible, assertFits, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { anOrder, ask, placeOrder, reseller, storefront } from './shop.mjs';

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await openChromium();
  await placeOrder(server.origin, reseller, 'ACME', 2);
  for (const vendor of ['SECUTIX', 'TICKETING']) await placeOrder(server.origin, storefront, vendor, 1);
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

/** Every view, as who has it. */
const VIEWS = [
  [RESELLER, ['sales'], ['orders'], ['orders', 'ORDER'], ['connections'], ['webhooks'], ['no-such-view']],
  [OPERATOR, ['overview'], ['sources'], ['attention'], ['orders'], ['orders', 'ORDER'], ['resellers'], ['reconciliation'], ['webhooks']],
];

/** Walks through every view of everybody. */
async function walk(settings, look) {
  const { data } = await ask(server.origin, '{ orders(first: 20) { nodes { id tickets { id } } } }', {}, reseller);
  const { id } = data.orders.nodes.find(({ tickets }) => tickets.length > 0);
  for (const [key, ...views] of VIEWS) {
    const { page, errors } = await signIn(browser, server.origin, key, settings);
    for (const view of views) {
      await goTo(page, ...view.map((part) => (part === 'ORDER' ? id : part)));
      await look(page, view.join('/'));
    }
    assert.deepEqual(errors, []);
    await page.context().close();
  }
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing on any view in ${colorScheme}`, async () => {
    const { page } = await openPage(browser, server.origin, { colorScheme });
    await page.goto(`${server.origin}/dashboard`);
    await page.getByText('Sandbox mode').waitFor();
    await assertAccessible(page, `the sign-in in ${colorScheme}`);
    await walk({ colorScheme }, async (tab, view) => {
      await assertAccessible(tab, `${view} in ${colorScheme}`);
      await keepPicture(tab, `dashboard-${colorScheme}-${view.replace('/', '-')}`);
    });
  });
}

test('every view fits a phone', async () => {
  await walk({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }, async (page, view) => {
    await assertFits(page, view);
    await keepPicture(page, `dashboard-phone-${view.replace('/', '-')}`);
  });
});

test('the page speaks English, French and German, and keeps the choice', async () => {
  const { page } = await signIn(browser, server.origin, RESELLER, { locale: 'fr-CH' });
  await page.getByRole('heading', { name: 'Ventes', exact: true }).waitFor();
  await page.getByLabel('Langue').selectOption('de');
  await page.getByRole('heading', { name: 'Verkäufe', exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
  await page.reload();
  await page.getByRole('heading', { name: 'Verkäufe', exact: true }).waitFor();
  await page.getByLabel('Design').selectOption('dark');
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
});

test('every view is mirrored for languages that are written from right to left', async () => {
  for (const viewport of [{ width: 360, height: 740 }, { width: 1400, height: 900 }]) {
    await walk({ viewport, locale: 'ar-EG' }, async (page, view) => {
      await page.evaluate(() => {
        document.documentElement.dir = 'rtl';
      });
      await assertFits(page, `${view} from right to left`);
      const { brand, signOut, title } = await page.evaluate(() => {
        const middle = (selector) => {
          const { left, right } = document.querySelector(selector).getBoundingClientRect();
          return (left + right) / 2 / innerWidth;
        };
        const range = document.createRange();
        range.selectNodeContents(document.querySelector('main h1'));
        return { brand: middle('.brand'), signOut: middle('.top-line > :last-child'), title: range.getBoundingClientRect().right / innerWidth };
      });
      assert.ok(brand > 0.5 && signOut < 0.5, `${view}: the brand is at ${brand}, the way out at ${signOut}`);
      assert.ok(title > 0.85, `${view}: the title ends at ${title}`);
      await keepPicture(page, `dashboard-rtl-${viewport.width}-${view.replace('/', '-')}`);
    });
  }
});

test('dates are written as in the region of the browser, in the type of the brand', async () => {
  const dateIn = async (locale) => {
    const { page } = await signIn(browser, server.origin, RESELLER, { locale });
    await goTo(page, 'orders');
    const time = await page.locator('tr[data-order] time').first();
    return { page, text: `${await time.textContent()} ${await time.getAttribute('title')}` };
  };
  const british = await dateIn('en-GB');
  const american = await dateIn('en-US');
  assert.match(british.text, /\d{1,2} [A-Z][a-z]+ \d{4}/);
  assert.match(american.text, /[A-Z][a-z]+ \d{1,2}, \d{4}/);
  const brand = await american.page.evaluate(async () => {
    await document.fonts.ready;
    return [document.fonts.check("16px 'Inter Variable'"), document.querySelector('.brand img').naturalWidth > 0];
  });
  assert.deepEqual(brand, [true, true]);
});

test('everything can be reached by keyboard, and the focus goes where the view begins', async () => {
  const { page } = await signIn(browser, server.origin, RESELLER);
  await settle(page);
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
  await page.keyboard.press('Shift+Tab');
  await page.getByRole('link', { name: 'Orders', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Orders', exact: true }).waitFor();
  assert.equal(await focused(), 'Orders');
  await page.getByRole('searchbox', { name: 'Search' }).focus();
  await page.keyboard.type('nothing');
  await page.keyboard.press('Enter');
  await page.getByText('No orders match this filter.').waitFor();
});

test('all orders can be seen, a page at a time', async () => {
  const input = await anOrder(server.origin);
  const create =
    'mutation Create($input: CreateOrderInput!) { createOrder(input: $input) { order { number } problems { code } } }';
  for (let count = 0; count < 22; count += 1) {
    const { data } = await ask(server.origin, create, { input: { ...input, idempotencyKey: crypto.randomUUID() } }, reseller);
    assert.deepEqual(data.createOrder.problems, []);
  }
  const { data } = await ask(server.origin, '{ orders(first: 100) { nodes { number } } }', {}, reseller);
  const numbers = data.orders.nodes.map(({ number }) => number);

  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders');
  const shown = () => page.locator('tr[data-order]').evaluateAll((rows) => rows.map((row) => row.dataset.order));
  assert.deepEqual(await shown(), numbers.slice(0, 20));
  await page.getByRole('link', { name: 'Next page' }).click();
  await page.getByText('Page 2').waitFor();
  assert.deepEqual(await shown(), numbers.slice(20));
});
