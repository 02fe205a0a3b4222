// Statements that settle: files that are saved from the dashboard, periods of the calendar, and a statement on paper.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

import { openChromium } from './chromium.mjs';
import { assertAccessible, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { startServer } from './server.mjs';
import { ask, placeOrder, reseller } from './shop.mjs';

const STATEMENT = `query($from: LocalDate!, $to: LocalDate!) { viewer { reseller { id name statement(from: $from, to: $to) {
  orders currency gross { formatted } net { formatted } institution } } } }`;

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await openChromium();
  for (const quantity of [2, 1]) await placeOrder(server.origin, reseller, 'ACME', quantity);
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

/** Clicks a button and returns the name and the lines of the file that is saved. */
async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  const text = await readFile(await download.path(), 'utf8');
  assert.ok(text.startsWith('\uFEFF'), 'a spreadsheet sees that it is UTF-8');
  return { name: download.suggestedFilename(), lines: text.slice(1).trimEnd().split('\r\n') };
}

const periodOf = async (page) => ({
  from: await page.getByLabel('From', { exact: true }).inputValue(),
  to: await page.getByLabel('To', { exact: true }).inputValue(),
});

test('a reseller saves the statement and its orders as files, and a row leads to its orders', async () => {
  const { page, errors, outside } = await signIn(browser, server.origin, RESELLER);
  await settle(page);
  const days = await periodOf(page);
  const { data } = await ask(server.origin, STATEMENT, days, reseller);
  const [row] = data.viewer.reseller.statement;
  const region = page.getByRole('region', { name: 'Statement' });
  const statement = await saved(page, region.getByRole('button', { name: 'Export CSV' }));
  assert.equal(statement.name, `statement_${days.from}_${days.to}.csv`);
  assert.equal(statement.lines.length, data.viewer.reseller.statement.length + 1);
  const cells = Object.fromEntries(statement.lines[0].split(',').map((name, at) => [name, statement.lines[1].split(',')[at]]));
  assert.equal(`${cells.gross} ${cells.currency}`, row.gross.formatted);
  assert.deepEqual([cells.from, cells.to, cells.orders], [days.from, days.to, String(row.orders)]);

  await region.getByRole('link', { name: row.institution }).click();
  await page.getByText(`Sales at ${row.institution} from`).waitFor();
  await settle(page);
  const numbers = await page.locator('tr[data-order]').evaluateAll((rows) => rows.map((order) => order.dataset.order));
  assert.equal(numbers.length, 2);
  await assertAccessible(page, 'the orders of a source');
  const orders = await saved(page, page.getByRole('button', { name: 'Export CSV' }));
  assert.deepEqual(
    orders.lines.slice(1).map((line) => line.split(',')[0]),
    numbers,
  );
  await page.getByRole('button', { name: 'Failed or canceled' }).click();
  await settle(page);
  const none = await saved(page, page.getByRole('button', { name: 'Export CSV' }));
  assert.equal(none.lines.length, 1, 'the names of the columns alone');
  assert.deepEqual([errors, outside], [[], []]);
});

test('a file that breaks off is not saved, and a refusal is shown in words', async () => {
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'orders');
  const button = page.getByRole('button', { name: 'Export CSV' });
  page.on('download', () => assert.fail('something was saved'));
  await page.route('**/exports/**', (route) => route.abort());
  await button.click();
  await page.getByText('The export failed: the file is incomplete and was not saved.').waitFor();
  await page.unroute('**/exports/**');
  const body = JSON.stringify({ errors: [{ message: 'narrow the range', extensions: { code: 'OPERATION_TOO_LARGE' } }] });
  await page.route('**/exports/**', (route) => route.fulfill({ status: 400, contentType: 'application/json', body }));
  await button.click();
  await page.getByText('narrow the range').waitFor();
});

test('periods are months, quarters and days up to today, and the period before is compared', async () => {
  const { page } = await signIn(browser, server.origin, RESELLER);
  await page.clock.setFixedTime(new Date('2027-05-17T10:00:00'));
  await page.reload();
  await settle(page);
  for (const [name, from, to, before] of [
    ['7 days', '2027-05-11', '2027-05-17', 'May 4 – May 10'],
    ['30 days', '2027-04-18', '2027-05-17', 'Mar 19 – Apr 17'],
    ['This month', '2027-05-01', '2027-05-17', 'Apr 1 – Apr 17'],
    ['Last month', '2027-04-01', '2027-04-30', 'Mar 1 – Mar 31'],
    ['This quarter', '2027-04-01', '2027-05-17', 'Feb 13 – Mar 31'],
    ['Last quarter', '2027-01-01', '2027-03-31', 'Oct 1 – Dec 31'],
  ]) {
    const asked = page.waitForRequest((request) => request.postData()?.includes('EarlierStatement') ?? false);
    await page.getByRole('button', { name, exact: true }).click();
    const { variables } = (await asked).postDataJSON();
    assert.deepEqual(await periodOf(page), { from, to }, name);
    const short = (day) =>
      new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(day));
    assert.equal(`${short(variables.from)} – ${short(variables.to)}`, before, name);
    await settle(page);
  }
});

test('a statement on paper has its totals and columns, and nothing to click', async () => {
  for (const [key, colorScheme] of [
    [RESELLER, 'light'],
    [OPERATOR, 'dark'],
  ]) {
    const { page } = await signIn(browser, server.origin, key, { colorScheme });
    if (key === OPERATOR) {
      await goTo(page, 'resellers');
      await page.getByRole('link', { name: 'Sales and statement Tiqets' }).click();
    }
    await page.getByRole('region', { name: 'Statement' }).waitFor();
    await settle(page);
    const { data } = await ask(server.origin, STATEMENT, await periodOf(page), reseller);
    const [row] = data.viewer.reseller.statement;
    const buttons = (await page.getByRole('button').allTextContents()).map((name) => name.trim());
    assert.ok(buttons.includes('Export CSV') && buttons.includes('Print'));
    const columns = await page.getByRole('columnheader').allTextContents();
    for (const format of ['A4', 'Letter']) {
      const { text, overflowing } = await readPdf(await page.pdf({ format }));
      const amount = row.gross.formatted.split(' ')[0];
      for (const wanted of [amount, data.viewer.reseller.name, 'Payable to venue', 'Commission', 'Refunded', 'Statement']) {
        assert.ok(text.includes(wanted), `${format} has ${wanted}: ${text}`);
      }
      for (const name of buttons.filter((button) => button !== '' && !columns.includes(button))) {
        assert.ok(!text.includes(name), `${format} shows the button ${name}: ${text}`);
      }
      assert.deepEqual(overflowing, [], `nothing is cut on ${format}`);
    }
    await page.context().close();
  }
});

/** Returns the text of a document, and the texts that end beyond the edge of their page. */
async function readPdf(bytes) {
  const pdf = await getDocument({ data: new Uint8Array(bytes), verbosity: 0 }).promise;
  const texts = [];
  const overflowing = [];
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const sheet = await pdf.getPage(number);
    const { width } = sheet.getViewport({ scale: 1 });
    const { items } = await sheet.getTextContent();
    texts.push(...items.map(({ str }) => str));
    overflowing.push(...items.filter((item) => item.transform[4] + item.width > width).map(({ str }) => str));
  }
  await pdf.destroy();
  return { text: texts.join(' ').replaceAll(/\s+/g, ' '), overflowing };
}
