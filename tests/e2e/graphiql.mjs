// What the tests of GraphiQL share: opening the page, opening a tab, running it, and writing into its editors.

import assert from 'node:assert/strict';

import { AxeBuilder } from '@axe-core/playwright';

/** Opens the page and waits until its editor holds an operation: a tab that is clicked before changes the tab and not the text. */
export async function visit(page, origin) {
  await page.goto(`${origin}/graphql`);
  await page
    .getByRole('region', { name: 'Operation Editor' })
    .getByText(/^(query|mutation|subscription)$/)
    .first()
    .waitFor();
  // Without an editor for the response nothing runs.
  await page.getByRole('region', { name: 'Result Window' }).locator('.monaco-editor').waitFor();
}

/** The names of all open tabs, out of the menu. */
export async function tabNames(page) {
  await page.getByRole('button', { name: /^All tabs/ }).click();
  const names = await page.getByRole('menuitem').allTextContents();
  await page.keyboard.press('Escape');
  return names;
}

/** Opens a tab by the menu, and waits until the editor holds its operation: the button runs what the editor holds. */
export async function openTab(page, name) {
  await page.getByRole('button', { name: /^All tabs/ }).click();
  await page.getByRole('menuitem', { name, exact: true }).click();
  await page.getByRole('tabpanel', { name }).waitFor();
  await page.getByRole('region', { name: 'Operation Editor' }).getByText(name, { exact: true }).first().waitFor();
}

const executeButton = (page) => page.getByRole('button', { name: /Execute query/ });

/** Runs the open tab over HTTP. Resolves with what was sent and what was returned, once the status line is complete. */
export async function run(page, name) {
  const answered = page.waitForResponse(
    (response) => response.request().method() === 'POST' && response.request().postDataJSON()?.operationName === name,
  );
  await executeButton(page).click();
  const response = await answered;
  const body = await response.json();
  const status = page.getByRole('region', { name: 'Response status' });
  const id = response.headers()['x-request-id'];
  await status.getByText(id).waitFor();
  return { sent: response.request().postDataJSON(), headers: response.request().headers(), body, id, status };
}

/** Starts or stops the subscription of the open tab. */
export async function toggle(page) {
  await page.getByRole('button', { name: /(Execute|Stop) query/ }).click();
}

/** Writes into the editor of the variables or the headers as a person would paste into it. */
export async function write(page, editor, value) {
  await page.getByRole('button', { name: editor, exact: true }).click();
  await page.getByRole('region', { name: editor }).click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(JSON.stringify(value));
  // The editor closes brackets and quotes by itself, behind the cursor.
  await page.keyboard.press('ControlOrMeta+Shift+End');
  await page.keyboard.press('Delete');
}

/** Everything that the page keeps in the browser, once the stored tabs contain a text. */
export async function stored(page, text) {
  await page.waitForFunction((part) => localStorage.getItem('ticketgraph:graphiql:tabState')?.includes(part), text);
  return page.evaluate(() => JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
}

// What this page cannot change: GraphiQL's tabs are list items with two buttons each, and its editor colors the words of a language.
const OF_GRAPHIQL = [/^nested-interactive: <li [^>]*class="graphiql-tab/, /^color-contrast: <span class="mtk\d/];

/** Fails where axe finds a fault of this page. */
export async function assertAccessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const faults = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  const own = faults.filter((fault) => !OF_GRAPHIQL.some((pattern) => pattern.test(fault)));
  assert.deepEqual(own, [], `axe finds nothing on ${what}`);
}
