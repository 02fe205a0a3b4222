// The dashboard of a sandbox that was just started: no first page is empty, because the sandbox has a past.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openChromium } from './chromium.mjs';
import { assertAccessible, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';

let server;
let browser;

before(async () => {
  server = await startServer({ TICKETGRAPH__SANDBOX__HISTORY: 'true' });
  browser = await openChromium();
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

for (const key of [RESELLER, 'sandbox-digitick-dashboard']) {
  test(`a reseller sees sales, a statement, orders and connections with ${key}`, async () => {
    const { page, errors } = await signIn(browser, server.origin, key);
    for (const view of ['sales', 'orders', 'connections']) {
      await goTo(page, view);
      assert.equal(await page.locator('main .empty').count(), 0, `${view} is not empty`);
    }
    await goTo(page, 'sales');
    assert.ok((await page.getByRole('region', { name: 'Statement' }).locator('tbody tr').count()) > 0, 'a statement');
    await assertAccessible(page, 'three months of sales');
    await goTo(page, 'orders');
    assert.ok((await page.locator('tr[data-order]').count()) > 10, 'a page of orders');
    assert.deepEqual(errors, []);
    await page.context().close();
  });
}

test('the operator sees sources, cases for a person, orders and resellers, and the past agrees with each vendor', async () => {
  const { page, errors } = await signIn(browser, server.origin, OPERATOR);
  for (const view of ['sources', 'orders', 'resellers']) {
    await goTo(page, view);
    assert.equal(await page.locator('main .empty').count(), 0, `${view} is not empty`);
  }
  await goTo(page, 'attention');
  assert.equal(await page.getByText('No order needs a decision').count(), 0);
  assert.ok((await page.locator('main ul.stack > li').count()) > 0, 'an order needs a person');
  await goTo(page, 'reconciliation');
  const sources = await page.locator('main select option').allTextContents();
  assert.equal(sources.length, 5);
  for (const source of sources) {
    await page.locator('main select').selectOption({ label: source });
    await page.getByRole('button', { name: 'Compare' }).click();
    await settle(page);
    const report = page.getByRole('region', { name: source });
    await report.getByText('Both sides match.').waitFor();
  }
  assert.deepEqual(errors, []);
  await page.context().close();
});
