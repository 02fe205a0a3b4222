// What the tests of the dashboard share: signing in, going to a view, and looking at it with axe.

import assert from 'node:assert/strict';

import { AxeBuilder } from '@axe-core/playwright';

import { openPage } from './chromium.mjs';

/** Keys of the sandbox: a reseller, and whoever runs the service. */
export const RESELLER = 'sandbox-tiqets-dashboard';
export const OPERATOR = 'sandbox-operator';

/** Opens the dashboard and signs in with a key, as a person does. */
export async function signIn(browser, origin, key, settings = {}) {
  const tab = await openPage(browser, origin, settings);
  await tab.page.goto(`${origin}/dashboard`);
  // The first field of the form, whatever language the page speaks.
  await tab.page.locator('form input').fill(key);
  await tab.page.keyboard.press('Enter');
  await tab.page.getByRole('navigation').waitFor();
  return tab;
}

/** Goes to a view by its address, and waits until it has what it asked for. */
export async function goTo(page, ...path) {
  await page.evaluate(
    (hash) => {
      location.hash = hash;
    },
    `#/${path.map(encodeURIComponent).join('/')}`,
  );
  await settle(page);
}

/** Waits until nothing on the page is being loaded any more. */
export async function settle(page) {
  await page.locator('main h1').waitFor();
  await page.locator('main .loading').first().waitFor({ state: 'detached' });
  await page.waitForFunction(() => !document.querySelector('main .loading'));
}

/** Fails where axe finds a fault that keeps somebody from using the page. */
export async function assertAccessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const messages = violations.map(
    ({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`,
  );
  assert.deepEqual(messages, [], `axe finds nothing on ${what}`);
}

/** Fails where the page is wider than its window. A phone would shrink it to fit, so the window is what was asked for. */
export async function assertFits(page, what) {
  const content = await page.evaluate(() => document.documentElement.scrollWidth);
  const { width } = page.viewportSize();
  assert.ok(content <= width, `${what} is ${content} wide in a window of ${width}`);
}
