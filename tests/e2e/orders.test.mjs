// A purchase as a person makes it in GraphiQL: the ready order is placed over three vendors, then quoted and undone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { keepPicture, openChromium, openPage } from './chromium.mjs';
import { startServer } from './server.mjs';

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

/** Opens the tab of an example and waits until the editor holds it: the button runs what the editor holds. */
async function openExample(page, name) {
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('region', { name: 'Operation Editor' }).getByText(name).first().waitFor();
}

/** Presses the button, and answers with what the server said. */
async function execute(page, name) {
  const answered = page.waitForResponse(
    (response) => response.request().method() === 'POST' && (response.request().postData() ?? '').includes(`mutation ${name}`),
  );
  await page.getByRole('button', { name: /Execute query/ }).click();
  return (await answered).json();
}

/** Writes the variables of the open tab as a person would paste them. */
async function setVariables(page, variables) {
  await page.getByRole('button', { name: 'Variables' }).click();
  await page.getByRole('region', { name: 'Variables' }).click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(JSON.stringify(variables));
  // The editor closes brackets and quotes by itself, behind the cursor.
  await page.keyboard.press('ControlOrMeta+Shift+End');
  await page.keyboard.press('Delete');
}

test('the ready order is confirmed with tickets of four vendors, and undone by its quote', async () => {
  const { page, errors, outside } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/graphql`);
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('FirstQuery').waitFor();

  await openExample(page, 'PlaceOrder');
  const placed = await execute(page, 'PlaceOrder');
  assert.equal(placed.errors, undefined);
  assert.deepEqual(placed.data.placeOrder.problems, []);
  const { order } = placed.data.placeOrder;
  assert.equal(order.status, 'CONFIRMED');
  const vendors = (of) => [...new Set(of)].sort();
  assert.deepEqual(vendors(order.tickets.map((ticket) => ticket.line.leg.source.vendor)), ['ACME', 'OCTO', 'SECUTIX', 'TICKETING']);
  assert.equal(order.tickets.length, 8);
  assert.ok(order.plan.legRisks.some(({ code, source }) => code === 'PRICE_MAY_MOVE' && source.name === 'harbor'));
  const unproven = order.plan.legRisks.filter(({ code }) => code === 'UNDO_UNPROVEN').map(({ source }) => source.name);
  assert.deepEqual([order.plan.guarantee, unproven.sort()], ['BEST_EFFORT', ['club', 'lagoon']], 'two sales cannot be undone for certain');
  for (const ticket of order.tickets) {
    assert.equal(ticket.status, 'ISSUED');
    assert.ok(ticket.deliveries[0]?.value, 'its code is there');
  }
  await page.getByRole('region', { name: 'Result Window' }).getByText(order.number).first().waitFor();
  await keepPicture(page, 'graphiql-order');

  // The same click again: the key is the same, so it buys nothing more.
  const again = await execute(page, 'PlaceOrder');
  assert.equal(again.data.placeOrder.replayed, true);
  assert.equal(again.data.placeOrder.order.id, order.id);

  await openExample(page, 'QuoteCancellation');
  await setVariables(page, { order: order.id });
  const quoted = await execute(page, 'QuoteCancellation');
  assert.deepEqual(quoted.data.quoteCancellation.problems, []);
  const { quote } = quoted.data.quoteCancellation;
  assert.equal(quote.lines.length, 4);

  await openExample(page, 'CancelOrder');
  await setVariables(page, { key: 'a key of this test', quote: quote.id });
  const cancelled = await execute(page, 'CancelOrder');
  assert.equal(cancelled.data.cancelOrder.order.status, 'CANCELLED');
  assert.deepEqual(vendors(cancelled.data.cancelOrder.order.tickets.map((ticket) => ticket.status)), ['VOID']);

  assert.deepEqual(outside, [], 'nothing is asked of another host');
  assert.deepEqual(errors, [], 'the console stays clean');
});

test('whoever watches sees each step of an order that is placed in another window', async () => {
  const watching = await openPage(browser, server.origin);
  await watching.page.goto(`${server.origin}/graphql`);
  await watching.page.getByRole('region', { name: 'Operation Editor' }).getByText('FirstQuery').waitFor();
  await openExample(watching.page, 'WatchOrders');
  // Listened to from the event of the socket on: all frames may be sent before the click below resolves.
  const sent = [];
  const subscribed = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no operation was sent within 30 s, only: ${sent}`)), 30_000);
    watching.page.on('websocket', (socket) => {
      sent.push(socket.url());
      socket.on('framesent', ({ payload }) => {
        const { type } = JSON.parse(payload);
        sent.push(type);
        if (type === 'subscribe') {
          clearTimeout(late);
          resolve();
        }
      });
    });
  });
  await watching.page.getByRole('button', { name: /Execute query/ }).click();
  await subscribed;

  const buying = await openPage(browser, server.origin);
  await buying.page.goto(`${server.origin}/graphql`);
  await buying.page.getByRole('region', { name: 'Operation Editor' }).getByText('FirstQuery').waitFor();
  await openExample(buying.page, 'PlaceOrder');
  const placed = await execute(buying.page, 'PlaceOrder');
  assert.equal(placed.data.placeOrder.order.status, 'CONFIRMED');

  const pane = watching.page.getByRole('region', { name: 'Result Window' });
  await pane.getByText(placed.data.placeOrder.order.number).first().waitFor();
  await pane.getByText('"CONFIRMED"').first().waitFor();
  await keepPicture(watching.page, 'graphiql-watch');
  assert.deepEqual(watching.errors, []);
});
