// GraphiQL as a person meets it: opened, an example run, events of three vendors seen, nothing fetched from outside.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { keepPicture, openChromium, openPage } from './chromium.mjs';
import { assertFits } from './dashboard.mjs';
import { assertAccessible, openTab, run, stored, tabNames, toggle, visit, write } from './graphiql.mjs';
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

/** What the response pane of GraphiQL holds, as JSON. */
async function responseOf(page) {
  const answered = await page.waitForResponse(
    (response) => response.request().method() === 'POST' && (response.request().postData() ?? '').includes('ThreeVendors'),
  );
  return answered.json();
}

test('GraphiQL runs the three-vendor example', async () => {
  const { page, errors, outside } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/graphql`);

  // A tab that is clicked before the editor is there changes the tab and not the text: a person waits for the page too.
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('FirstQuery').waitFor();
  await page.getByRole('button', { name: 'ThreeVendors', exact: true }).click();
  // The button runs what the editor holds, so wait until it holds the example.
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('ThreeVendors').waitFor();
  const response = responseOf(page);
  await page.getByRole('button', { name: /Execute query/ }).click();
  const answer = await response;

  assert.equal(answer.errors, undefined);
  const vendors = new Set(answer.data.events.nodes.map((event) => event.source.vendor));
  assert.deepEqual([...vendors].sort(), ['ACME', 'SECUTIX', 'TICKETING']);

  // What was answered is what a person sees: a title of the first screen stands in the response pane.
  const pane = page.getByRole('region', { name: 'Result Window' });
  await pane.getByText(answer.data.events.nodes[0].title).first().waitFor();
  await page.setViewportSize({ width: 1200, height: 760 });
  await keepPicture(page, 'graphiql-three-vendors', { inReadme: 'graphiql' });

  assert.deepEqual(outside, [], 'nothing is asked of another host');
  assert.deepEqual(errors, [], 'the console stays clean');
});

test('the doc explorer, the examples and the headers editor are at hand', async () => {
  const { page, errors, outside } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/graphql`);

  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByRole('link', { name: 'Query', exact: true }).click();
  await page.getByRole('link', { name: 'events', exact: true }).waitFor();

  await page.getByRole('button', { name: 'Show Examples' }).click();
  await page
    .getByRole('region', { name: 'Examples' })
    .getByRole('button', { name: /^Calendar/ })
    .click();
  await page.getByRole('tabpanel', { name: 'Calendar' }).waitFor();

  await page.getByRole('button', { name: 'Headers' }).click();
  await page.getByRole('region', { name: 'Headers' }).waitFor();
  await keepPicture(page, 'graphiql-docs');

  assert.deepEqual(outside, []);
  assert.deepEqual(errors, []);
});

test('whoever tries it out asks as any caller of the sandbox, and each sees what is its own', async () => {
  const { page, errors, outside } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/graphql`);
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('FirstQuery').waitFor();

  await page.getByRole('button', { name: 'PartnerView', exact: true }).click();
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('PartnerView').first().waitFor();
  const caller = page.getByLabel('Ask as');
  // The example brings the key of its caller along.
  assert.equal(await caller.inputValue(), 'tiqets-dashboard');
  const asked = () =>
    page.waitForResponse(
      (response) => response.request().method() === 'POST' && (response.request().postData() ?? '').includes('query PartnerView'),
    );

  const own = asked();
  await page.getByRole('button', { name: /Execute query/ }).click();
  assert.equal((await (await own).json()).data.viewer.reseller.name, 'Tiqets');

  await caller.selectOption('digitick-dashboard');
  const other = asked();
  await page.getByRole('button', { name: /Execute query/ }).click();
  assert.equal((await (await other).json()).data.viewer.reseller.name, 'Digitick');
  await page.getByRole('region', { name: 'Result Window' }).getByText('Digitick').first().waitFor();
  await keepPicture(page, 'graphiql-callers');

  await page.getByRole('button', { name: 'Show History' }).click();
  await page.getByRole('region', { name: 'History' }).getByText('PartnerView').first().waitFor();
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  await page.getByText('statement').first().waitFor();
  assert.deepEqual(outside, []);
  assert.deepEqual(errors, []);
});

test("a gateway's questions are answered in the editor too", async () => {
  const { page } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/graphql`);
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('FirstQuery').waitFor();
  await page.getByRole('button', { name: 'Federation', exact: true }).click();
  await page.getByRole('region', { name: 'Operation Editor' }).getByText('Federation').first().waitFor();
  const answered = page.waitForResponse((response) => (response.request().postData() ?? '').includes('query Federation'));
  await page.getByRole('button', { name: /Execute query/ }).click();
  const { data, errors } = await (await answered).json();
  assert.equal(errors, undefined);
  assert.ok(data._service.sdl.includes('@key'));
  assert.ok(data._entities[0].event.title);
});

/** Every list of problems in a response that is not empty, with its path. */
function problemsIn(value, path = '') {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) =>
    name === 'problems' && part.length > 0 ? [[`${path}.${name}`, part]] : problemsIn(part, `${path}.${name}`),
  );
}

const AVAILABILITY = `{ events(first: 50, filter: { vendors: [TICKETING] }) {
  nodes { performances(first: 1) { nodes { availability(maxAgeSeconds: 0) { status } } } } problems { code } } }`;

/** Waits until no source is unavailable: a vendor that was stopped is asked again only after a moment. */
async function allAvailable() {
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: AVAILABILITY }) };
  for (let tries = 0; ; tries += 1) {
    const text = await (await fetch(`${server.origin}/graphql`, request)).text();
    if (text.includes('"AVAILABLE"') && !text.includes('"UNKNOWN"') && !text.includes('"code"')) return;
    assert.ok(tries < 100, `not available again: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Runs every open tab in its order, as it is. Returns what was sent and returned, by name. */
async function runAll(page, names) {
  const done = {};
  for (const name of names) {
    await openTab(page, name);
    const text = await page.getByRole('region', { name: 'Operation Editor' }).innerText();
    if (/^\s*subscription\s/m.test(text.replaceAll('\u00a0', ' '))) {
      const socket = page.waitForEvent('websocket');
      await toggle(page);
      await socket;
      await page.getByRole('region', { name: 'Response status' }).getByText('WebSocket').waitFor();
      await toggle(page);
      await page.getByRole('button', { name: /Execute query/ }).waitFor();
      assert.equal(await page.getByRole('region', { name: 'Result Window' }).getByText('errors').count(), 0, name);
      continue;
    }
    done[name] = await run(page, name);
    const { body } = done[name];
    assert.equal(body.errors, undefined, `${name}: ${JSON.stringify(body.errors)}`);
    if (name !== 'FailingVendor') assert.deepEqual(problemsIn(body), [], name);
  }
  return done;
}

test('every example runs as it is, one after the other, and does so at the second visit', async () => {
  const { page, errors, outside } = await openPage(browser, server.origin);
  const files = await readdir(new URL('../../web/src/examples/', import.meta.url));
  const visits = [];
  for (const which of ['first', 'second']) {
    await allAvailable();
    await visit(page, server.origin);
    const names = await tabNames(page);
    assert.equal(names.length, files.length, `the ${which} visit has a tab for each example`);
    const done = await runAll(page, names);
    visits.push(done);

    const placed = done.PlaceOrder.body.data.placeOrder;
    assert.equal(placed.replayed, false, 'a new order');
    assert.equal(placed.order.status, 'CONFIRMED');
    assert.equal(done.QuoteCancellation.sent.variables.order, placed.order.id);
    const { quote } = done.QuoteCancellation.body.data.quoteCancellation;
    assert.equal(done.CancelOrder.sent.variables.quote, quote.id);
    assert.equal(done.CancelOrder.body.data.cancelOrder.order.status, 'CANCELLED');
    const tokens = done.AdmissionTokens.body.data.events.nodes.flatMap(({ admissionTokens }) => admissionTokens.nodes);
    assert.ok(tokens.length > 0 && tokens.every(({ code }) => code), 'a caller who may see the codes');
    assert.equal(done.PartnerView.body.data.viewer.reseller.name, 'Tiqets');
    const of = (source) => done.FailingVendor.body.data.events.nodes.filter((event) => event.source.name === source);
    const statuses = (events) => new Set(events.flatMap(({ performances }) => performances.nodes.map((one) => one.availability.status)));
    assert.ok(statuses(of('quay')).has('UNKNOWN'), 'the stopped vendor');
    assert.ok(of('harbor').length > 0 && !statuses(of('harbor')).has('UNKNOWN'), 'and the others');
  }
  const [first, second] = visits;
  for (const name of ['PlaceOrder', 'CancelOrder']) {
    assert.notEqual(first[name].sent.variables.key, second[name].sent.variables.key, `${name} has a new key`);
  }
  assert.notEqual(first.PlaceOrder.body.data.placeOrder.order.id, second.PlaceOrder.body.data.placeOrder.order.id);

  const kept = await stored(page, `"activeTabIndex":${files.length - 1}`);
  const filled = [second.PlaceOrder, second.CancelOrder, second.Calendar].map(({ sent }) => sent.variables);
  for (const value of [filled[0].key, filled[0].lines[0].performance, filled[1].key, filled[2].from, filled[2].to]) {
    assert.ok(!kept.includes(value), `${value} is filled in again, not stored`);
  }
  assert.deepEqual([outside, errors], [[], []]);
});

test('what a person wrote is there at the second visit, with its caller', async () => {
  const { page } = await openPage(browser, server.origin);
  await visit(page, server.origin);
  await openTab(page, 'Calendar');
  await page.getByLabel('Ask as').selectOption('gate');
  await write(page, 'Variables', { from: '2026-12-24', to: '2026-12-26' });
  await stored(page, '2026-12-26');
  await visit(page, server.origin);
  await page.getByRole('tabpanel', { name: 'Calendar' }).waitFor();
  assert.equal(await page.getByLabel('Ask as').inputValue(), 'gate');
  const { sent, headers } = await run(page, 'Calendar');
  assert.deepEqual(sent.variables, { from: '2026-12-24', to: '2026-12-26' });
  assert.equal(headers.authorization, 'Bearer sandbox-gate');
});

test('an example that is opened again has its caller, its variables and a new key', async () => {
  const { page } = await openPage(browser, server.origin);
  await visit(page, server.origin);
  await openTab(page, 'PlaceOrder');
  const first = await run(page, 'PlaceOrder');
  assert.equal((await run(page, 'PlaceOrder')).body.data.placeOrder.replayed, true, 'the same click sells nothing more');
  await page.getByLabel('Ask as').selectOption('anonymous');
  await write(page, 'Variables', { key: 'spoiled', lines: [] });
  assert.equal((await run(page, 'PlaceOrder')).body.errors[0].extensions.code, 'FORBIDDEN');

  await page.getByRole('button', { name: 'Show Examples' }).click();
  const count = (await tabNames(page)).length;
  await page.getByRole('region', { name: 'Examples' }).getByRole('button', { name: /^Buy/ }).click();
  await page.getByRole('region', { name: 'Variables' }).getByText('"performance"').first().waitFor();
  assert.equal(await page.getByLabel('Ask as').inputValue(), 'storefront');
  assert.equal((await tabNames(page)).length, count, 'in its own tab');
  const { body } = await run(page, 'PlaceOrder');
  assert.deepEqual([body.data.placeOrder.replayed, body.data.placeOrder.order.status], [false, 'CONFIRMED']);
  assert.notEqual(body.data.placeOrder.order.id, first.body.data.placeOrder.order.id);
});

test('an example that continues another says so until that has run', async () => {
  const { page } = await openPage(browser, server.origin);
  await visit(page, server.origin);
  await openTab(page, 'CancelOrder');
  await page.getByRole('button', { name: /Execute query/ }).click();
  await page.getByRole('region', { name: 'Result Window' }).getByText('Run QuoteCancellation first').waitFor();
});

test('without the sandbox a key is asked for at each visit, and is stored nowhere', async () => {
  const live = await startServer({ TICKETGRAPH__AUTH__ANONYMOUS__ENABLED: 'false' });
  try {
    const { page } = await openPage(browser, live.origin);
    await visit(page, live.origin);
    for (const which of ['first', 'second']) {
      await openTab(page, 'PlaceOrder');
      const field = page.getByLabel('API key');
      assert.equal(await field.inputValue(), '', `the ${which} visit asks`);
      await page.getByRole('button', { name: /Execute query/ }).click();
      await page.getByRole('region', { name: 'Result Window' }).getByText('This tab needs an API key').waitFor();
      await field.fill('sandbox-operator');
      await field.press('Enter');
      await page.getByRole('button', { name: 'Variables', exact: true }).click();
      await page.getByRole('region', { name: 'Variables' }).getByText('"performance"').first().waitFor();
      const { body } = await run(page, 'PlaceOrder');
      assert.equal(body.data.placeOrder.order.status, 'CONFIRMED');

      await openTab(page, 'Sources');
      await write(page, 'Headers', { Authorization: 'Bearer planted-caller-key' });
      await page.getByRole('button', { name: /Execute query/ }).click();
      await page.getByRole('region', { name: 'Result Window' }).getByText('UNAUTHENTICATED').waitFor();
      const kept = await stored(page, 'caller:own');
      assert.ok(!kept.includes('planted-caller-key') && !kept.includes('sandbox-operator'), kept);
      await visit(page, live.origin);
    }
  } finally {
    await live.stop();
  }
});

test('what an earlier version of the page stored is removed, with the keys in it', async () => {
  const { page } = await openPage(browser, server.origin);
  await page.addInitScript(() => localStorage.setItem('graphiql:queries', '{"queries":[{"query":"{a}","headers":"Bearer planted"}]}'));
  await visit(page, server.origin);
  assert.equal(await page.evaluate(() => localStorage.getItem('graphiql:queries')), null);
});

test('a line under the response has its time, its size and its id', async () => {
  const { page } = await openPage(browser, server.origin);
  await visit(page, server.origin);
  const { id, status } = await run(page, 'FirstQuery');
  const text = await status.innerText();
  assert.match(text, /HTTP 200/);
  assert.match(text, /\d+ ms|\d+(\.\d)? s/);
  assert.match(text, /[1-9][\d.,]* k?B/);
  assert.ok(text.includes(id), text);
  await openTab(page, 'Sources');
  await status.getByText('No response yet').waitFor();
  await openTab(page, 'FirstQuery');
  await status.getByText(id).waitFor();
});

test('the messages of a subscription stay in a list, the newest first', async () => {
  const watching = await openPage(browser, server.origin, { viewport: { width: 1400, height: 2400 } });
  await visit(watching.page, server.origin);
  await openTab(watching.page, 'WatchOrders');
  const subscribed = watching.page.waitForEvent('websocket').then((socket) => socket.waitForEvent('framereceived'));
  await toggle(watching.page);
  await subscribed;

  const buying = await openPage(browser, server.origin);
  await visit(buying.page, server.origin);
  await openTab(buying.page, 'PlaceOrder');
  const { body } = await run(buying.page, 'PlaceOrder');
  const pane = watching.page.getByRole('region', { name: 'Result Window' });
  await pane.getByText('"receivedAt"').nth(2).waitFor();
  await pane.getByText('"CONFIRMED"').first().waitFor();
  await pane.getByText(body.data.placeOrder.order.number).nth(2).waitFor();
  const lines = await pane.locator('.view-line').evaluateAll((all) =>
    all.map((line) => ({ top: line.getBoundingClientRect().top, text: line.textContent })).sort((a, b) => a.top - b.top),
  );
  const times = lines.map(({ text }) => text.match(/receivedAt": "([^"]+)/)?.[1]).filter(Boolean);
  assert.deepEqual(times, [...times].sort().reverse(), 'the newest is at the top');
  const status = watching.page.getByRole('region', { name: 'Response status' });
  assert.match(await status.innerText(), /WebSocket\s+\d+ messages/);
  await toggle(watching.page);
  await watching.page.getByRole('button', { name: /Execute query/ }).waitFor();
  assert.ok((await pane.getByText('"receivedAt"').count()) >= 3, 'the list outlives the subscription');
  await keepPicture(watching.page, 'graphiql-messages');
});

test('the list of messages has a bound, and the reason of its end', async () => {
  const { page } = await openPage(browser, server.origin);
  let end;
  await page.routeWebSocket(/\/graphql\/ws$/, (socket) => {
    end = () => socket.close({ code: 4400, reason: 'the test ends' });
    socket.onMessage((text) => {
      const { type, id } = JSON.parse(text);
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (type !== 'subscribe') return;
      for (let index = 1; index <= 250; index += 1) {
        socket.send(JSON.stringify({ type: 'next', id, payload: { data: { ordersChanged: { number: `message ${index}` } } } }));
      }
    });
  });
  await visit(page, server.origin);
  await openTab(page, 'WatchOrders');
  await toggle(page);
  const pane = page.getByRole('region', { name: 'Result Window' });
  await page.getByRole('region', { name: 'Response status' }).getByText('250 messages').waitFor();
  await pane.getByText('"message 250"').waitFor();
  const text = async () => (await pane.innerText()).replaceAll('\u00a0', ' ');
  assert.match(await text(), /"received": 250,\s+"kept": 100,/);
  end();
  await pane.getByText('the test ends').waitFor();
  await pane.getByText('"message 250"').waitFor();
});

test('the docs start with what this schema is', async () => {
  const { page } = await openPage(browser, server.origin);
  await visit(page, server.origin);
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByText('Events, prices, availability, orders and tickets of many ticketing vendors in one schema.').waitFor();
});

test('the editor knows the fields of a gateway, and an SDL can be read', async () => {
  const { page } = await openPage(browser, server.origin);
  await visit(page, server.origin);
  await openTab(page, 'Federation');
  await run(page, 'Federation');
  await page.getByText(/^data\._service\.sdl \([\d,]+ lines\)$/).click();
  await page.locator('.status-line pre').getByText('type Performance implements Node').waitFor();
  assert.equal(await page.getByRole('region', { name: 'Variables' }).locator('.squiggly-error').count(), 0);

  const editor = page.getByRole('region', { name: 'Operation Editor' });
  await editor.getByText('Performance').click();
  await page.keyboard.press('ControlOrMeta+End');
  // A fault of our own: once it is marked, everything else has been checked too.
  await page.keyboard.insertText('query Wrong { nowhere }');
  await editor.locator('.squiggly-error').first().waitFor();
  assert.equal(await editor.locator('.squiggly-error').count(), 1);
});

test('tabs out of sight are in a menu, and no text runs under the buttons', async () => {
  const { page, errors } = await openPage(browser, server.origin, { viewport: { width: 1000, height: 800 } });
  await visit(page, server.origin);
  const list = page.getByRole('tablist');
  for (const name of await tabNames(page)) {
    await openTab(page, name);
    const [tab, row] = await Promise.all([page.getByRole('tab', { selected: true }).boundingBox(), list.boundingBox()]);
    assert.ok(tab.x >= row.x - 1 && tab.x + tab.width <= row.x + row.width + 1, `the tab of ${name} is in sight`);
    const buttons = await page.getByRole('toolbar', { name: 'Editor Commands' }).boundingBox();
    const ends = await page
      .getByRole('region', { name: 'Operation Editor' })
      .locator('.view-line > span')
      .evaluateAll((lines) => lines.map((line) => line.getBoundingClientRect().right));
    assert.ok(ends.length > 3 && Math.max(...ends) <= buttons.x, `${name} ends before the buttons`);
  }
  await assertAccessible(page, 'GraphiQL');
  assert.deepEqual(errors, []);
});

test('on a phone the tab is in sight and the response can be read', async () => {
  const { page, errors } = await openPage(browser, server.origin, { viewport: { width: 375, height: 700 }, isMobile: true, hasTouch: true });
  await visit(page, server.origin);
  await openTab(page, 'ThreeVendors');
  const tab = await page.getByRole('tab', { selected: true }).boundingBox();
  assert.ok(tab.x >= 0 && tab.x + tab.width <= 375 && tab.y < 100, 'the tab is in sight');
  await assertFits(page, 'GraphiQL on a phone');
  await keepPicture(page, 'graphiql-phone');
  await run(page, 'ThreeVendors');
  const pane = page.getByRole('region', { name: 'Result Window' });
  const { x, y, width, height } = await pane.boundingBox();
  assert.ok(x >= 0 && width >= 330 && y < 350 && height > 300, `the response is in sight: ${[x, y, width, height]}`);
  const lines = await pane.locator('.view-line').allTextContents();
  assert.ok(lines.some((line) => line.replaceAll('\u00a0', ' ').includes('"events": {')), 'a line is not cut into letters');
  await keepPicture(page, 'graphiql-phone-response');
  await assertAccessible(page, 'GraphiQL on a phone');
  assert.deepEqual(errors, []);
});
