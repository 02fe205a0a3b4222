// GraphiQL as a person meets it: opened, an example run, events of three vendors seen, nothing fetched from outside.

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
