// The dashboard's page Webhooks before the real service, with receivers that listen on this machine.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Webhook } from 'standardwebhooks';

import { keepPicture, openChromium, openPage } from './chromium.mjs';
import { assertAccessible, assertFits, goTo, OPERATOR, RESELLER, settle, signIn } from './dashboard.mjs';
import { freePort, goThroughProvider, signInSettings, startProvider } from './provider.mjs';
import { receive } from './receiver.mjs';
import { startServer } from './server.mjs';
import { ask, placeOrder, reseller } from './shop.mjs';

const operator = { authorization: `Bearer ${OPERATOR}` };
const other = { authorization: 'Bearer sandbox-digitick-dashboard' };
const SECRET = /^whsec_[A-Za-z0-9+/=]+$/;

let provider;
let server;
let browser;

before(async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  provider = await startProvider(`${origin}/sign-in/callback`);
  const settings = {
    ...signInSettings(provider.issuer, origin),
    TICKETGRAPH__WEBHOOKS__INITIAL_BACKOFF: '500ms',
    TICKETGRAPH__WEBHOOKS__MAX_BACKOFF: '4s',
    TICKETGRAPH__WEBHOOKS__DESTINATIONS__CRM__URL: 'http://127.0.0.1:9/planted-path',
    TICKETGRAPH__WEBHOOKS__DESTINATIONS__CRM__SECRET__VALUE: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    TICKETGRAPH__WEBHOOKS__DESTINATIONS__CRM__EVENTS: '["connection.updated"]',
    TICKETGRAPH__WEBHOOKS__DESTINATIONS__CRM__RESELLER: 'tiqets',
  };
  server = await startServer(settings, { listen: `127.0.0.1:${port}` });
  browser = await openChromium();
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  await provider?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

const typeOf = ({ body }) => JSON.parse(body).type;
const isOfOrder = (id) => (message) => JSON.parse(message.body).data.id === id;
const idOf = ({ headers }) => headers['webhook-id'];

function verifies({ headers, body }, secret) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

async function call(query, variables, headers = reseller) {
  const { data, errors } = await ask(server.origin, query, variables, headers);
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Creates a webhook by the API. */
async function create(url, headers = reseller, signature = 'HMAC') {
  const { createWebhook } = await call(
    `mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } secret problems { code } } }`,
    { input: { idempotencyKey: crypto.randomUUID(), url, events: ['ORDER_UPDATED'], signature } },
    headers,
  );
  assert.deepEqual(createWebhook.problems, []);
  return { id: createWebhook.webhook.id, secret: createWebhook.secret };
}

const urls = async (headers = reseller) => (await call('{ webhooks { url } }', {}, headers)).webhooks.map(({ url }) => url);

const button = (page, name) => page.getByRole('main').getByRole('button', { name, exact: true });
const inDialog = (page, name) => page.getByRole('dialog').getByRole('button', { name, exact: true });
const rowsOf = (page, type) => page.getByRole('row').filter({ has: page.getByRole('button', { name: type, exact: true }) });

/** The buttons of a webhook, without those of its log. */
const actions = (page) => page.getByRole('region', { name: 'Settings' }).getByRole('button').allTextContents();

async function sendTest(page) {
  await button(page, 'Send a test').click();
  const result = page.getByRole('status').filter({ hasText: 'Test message' });
  await result.waitFor();
  return result.textContent();
}

test('a manager adds a webhook, sees its secret once, and the test message verifies with it', async (context) => {
  const receiver = await receive(context);
  const { page, errors } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/dashboard`);
  await goThroughProvider(page, 'mara');
  await page.getByRole('navigation').getByRole('link', { name: 'Webhooks' }).click();
  // What the pages of the provider complain about is not ours.
  errors.length = 0;
  await settle(page);
  await button(page, 'Add webhook').click();
  const dialog = page.getByRole('dialog', { name: 'Add a webhook' });
  await inDialog(page, 'Add').click();
  await dialog.getByText('Enter a complete URL').waitFor();
  await assertAccessible(page, 'the form with a wrong URL');
  // No user may stand in the URL, and at least one event is needed: the API refuses both beside their fields.
  await dialog.getByLabel('URL', { exact: true }).fill(receiver.url.replace('//', '//user@'));
  await inDialog(page, 'Add').click();
  await dialog.getByRole('group', { name: 'Events' }).getByRole('alert').getByText('does not accept').waitFor();
  await dialog.getByLabel(/^Orders/).check();
  await inDialog(page, 'Add').click();
  const field = dialog.getByLabel('URL', { exact: true });
  await page.waitForFunction(() => document.querySelector('dialog input')?.getAttribute('aria-invalid') === 'true');
  assert.match(await field.getAttribute('aria-describedby'), /trouble/);
  await dialog.getByText('Messages cannot be sent to this URL.').waitFor();
  assert.ok(!(await urls()).some((url) => url.includes(receiver.host)), 'nothing was created');

  await field.fill(receiver.url);
  await inDialog(page, 'Add').click();
  const shown = page.getByRole('dialog', { name: 'Secret of the webhook' });
  await shown.getByText('shown only now').waitFor();
  await assertAccessible(page, 'the secret');
  const secret = await shown.getByRole('group', { name: 'Secret' }).locator('code').textContent();
  assert.match(secret, SECRET);
  await inDialog(page, 'Copy secret').waitFor();
  await inDialog(page, 'Done').click();
  await page.getByRole('heading', { name: `Webhook to ${receiver.host}` }).waitFor();
  await settle(page);
  assert.doesNotMatch(await page.content(), /whsec_/);
  assert.ok((await urls()).includes(receiver.url));

  assert.match(await sendTest(page), /^Test message: Accepted, status 204, after /);
  assert.equal(typeOf(receiver.received[0]), 'webhook.test');
  assert.ok(verifies(receiver.received[0], secret), 'the secret that was shown verifies');
  const row = rowsOf(page, 'webhook.test');
  await row.getByText('Delivered').waitFor();
  await button(page, 'webhook.test').click();
  const attempt = page.getByRole('region', { name: 'Attempt 1' });
  await attempt.getByText(`webhook-id: ${idOf(receiver.received[0])}`).waitFor();
  await attempt.getByText('x-request-id: of-the-receiver').waitFor();
  assert.doesNotMatch(await page.content(), /whsec_/);
  assert.deepEqual(errors, []);
});

test('a webhook has an address of its own, and back and forward go between it and the list', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks');
  const heading = page.getByRole('heading', { name: `Webhook to ${receiver.host}` });
  await page.getByRole('link', { name: receiver.url }).click();
  await heading.waitFor();
  assert.equal(new URL(page.url()).hash, `#/webhooks/${encodeURIComponent(id)}`);
  await page.goBack();
  await page.getByRole('table', { name: 'Webhooks' }).waitFor();
  await page.goForward();
  await heading.waitFor();
  await page.reload();
  await heading.waitFor();
});

test('settings are edited, and what was not changed stays', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks', id);
  await button(page, 'Edit').click();
  const dialog = page.getByRole('dialog', { name: 'Edit the webhook' });
  assert.ok(await inDialog(page, 'Save').isDisabled(), 'nothing was changed yet');
  await dialog.getByLabel(/^Tickets/).check();
  await dialog.getByLabel('Ids and the object').check();
  await inDialog(page, 'Save').click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('Orders, Tickets').waitFor();
  const { node } = await call('query ($id: ID!) { node(id: $id) { ... on Webhook { url events include } } }', { id });
  assert.deepEqual(node, { url: receiver.url, events: ['ORDER_UPDATED', 'TICKET_UPDATED'], include: 'FULL' });
});

test('a destination that fails is seen in the log, with each attempt and the next one, until it accepts', async (context) => {
  const receiver = await receive(context);
  receiver.status = 500;
  const { id } = await create(receiver.url);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks', id);
  await page.getByText('Nothing sent yet').waitFor();
  const order = await placeOrder(server.origin, reseller, 'ACME', 1);
  // Messages about an order wait for the first of them.
  const refused = rowsOf(page, 'order.updated').filter({ hasText: 'Refused' });
  await refused.waitFor();
  const message = await refused.getAttribute('data-row');
  const row = page.locator(`[data-row="${message}"]`);
  await row.getByText('500', { exact: true }).waitFor();
  await row.getByText('Waiting').waitFor();
  await page.getByText('Failing', { exact: true }).waitFor();
  await page.getByText('Attempts have failed since').waitFor();
  const next = await row.getByRole('cell').last().textContent();
  assert.match(next, /\d{1,2}:\d{2}:\d{2}/, 'the time of the next attempt');
  await row.getByRole('button').click();
  await page.getByRole('region', { name: 'Attempt 2', exact: true }).getByText('500', { exact: true }).waitFor();
  await assertAccessible(page, 'the log of a destination that fails');
  await keepPicture(page, 'dashboard-webhook-failing');

  receiver.status = 204;
  await row.getByText('Delivered').waitFor();
  await page.getByRole('link', { name: order.id }).first().click();
  await page.getByRole('heading', { name: `Order ${order.number}` }).waitFor();
});

test('a disabled webhook shows its reason, and goes on from where it stopped once it is enabled', async (context) => {
  const receiver = await receive(context);
  receiver.status = 410;
  const { id } = await create(receiver.url);
  const order = await placeOrder(server.origin, reseller, 'ACME', 1);
  await receiver.until(isOfOrder(order.id));
  const { page, errors } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks');
  const line = page.getByRole('row').filter({ hasText: receiver.url });
  await line.getByText('Disabled').waitFor();
  await line.getByText('responded with status 410').waitFor();
  await line.getByRole('link').click();
  await page.getByText('responded with status 410').waitFor();

  receiver.status = 204;
  const before = receiver.received.length;
  await button(page, 'Enable').click();
  await page.getByRole('dialog').getByText('It goes on from where it stopped').waitFor();
  await inDialog(page, 'Enable').click();
  await button(page, 'Disable').waitFor();
  await receiver.until(isOfOrder(order.id), before);
  await rowsOf(page, 'order.updated').last().getByText('Delivered').waitFor();

  await button(page, 'Disable').click();
  await inDialog(page, 'Disable').click();
  await page.getByText('Somebody disabled it.').waitFor();
  const { node } = await call('query ($id: ID!) { node(id: $id) { ... on Webhook { state disabledReason } } }', { id });
  assert.deepEqual(node, { state: 'DISABLED', disabledReason: 'REQUESTED' });
  assert.deepEqual(errors, []);
});

test('a replay from a cursor sends what follows again with the same ids, and one from the begin sends all', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url);
  const first = await placeOrder(server.origin, reseller, 'ACME', 1);
  await receiver.until(isOfOrder(first.id));
  const second = await placeOrder(server.origin, reseller, 'ACME', 1);
  await receiver.until(isOfOrder(second.id));
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks', id);
  const ofFirst = receiver.received.filter(isOfOrder(first.id)).map(idOf);
  const lastOfFirst = ofFirst.at(-1);
  const idsOfSecond = () => receiver.received.filter(isOfOrder(second.id)).map(idOf);

  const row = page.locator(`[data-row="${lastOfFirst}"]`);
  await row.getByText('Delivered').waitFor();
  await row.getByRole('button').click();
  await button(page, 'Replay what follows').click();
  const dialog = page.getByRole('dialog', { name: 'Replay changes' });
  await dialog.getByText('Everything after this cursor is sent again').waitFor();
  const cursor = dialog.getByLabel('Cursor', { exact: true });
  const given = await cursor.inputValue();
  assert.equal(given, JSON.parse(receiver.received.find((message) => idOf(message) === lastOfFirst).body).data.cursor);
  await cursor.fill('not a cursor');
  await inDialog(page, 'Replay').click();
  await dialog.getByRole('alert').getByText('does not accept').waitFor();
  await cursor.fill(given);
  const [known, from] = [idsOfSecond(), receiver.received.length];
  await inDialog(page, 'Replay').click();
  await dialog.waitFor({ state: 'detached' });
  await receiver.until((message) => idOf(message) === known.at(-1), from);
  assert.ok(known.includes(idOf(receiver.received[from])), 'the same id');
  assert.ok(!receiver.received.slice(from).some(isOfOrder(first.id)), 'nothing at or before the cursor');

  await button(page, 'Replay').click();
  assert.ok(await inDialog(page, 'Replay').isDisabled(), 'a cursor is needed');
  await dialog.getByLabel('With the first change that is still stored').check();
  await dialog.getByText('Every stored change').waitFor();
  await assertAccessible(page, 'the replay');
  const all = receiver.received.length;
  await inDialog(page, 'Replay').click();
  await receiver.until((message) => idOf(message) === ofFirst[0], all);
});

test('a replaced secret signs beside the new one, which is shown once', async (context) => {
  const receiver = await receive(context);
  const { id, secret: old } = await create(receiver.url);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks', id);
  await button(page, 'Replace secret').click();
  await page.getByRole('dialog').getByText('nothing is refused while you change it').waitFor();
  await inDialog(page, 'Replace secret').click();
  const shown = page.getByRole('dialog', { name: 'Secret of the webhook' });
  await shown.getByText('messages are also signed with the secret that was replaced').waitFor();
  const secret = await shown.getByRole('group', { name: 'Secret' }).locator('code').textContent();
  assert.match(secret, SECRET);
  assert.notEqual(secret, old);
  await inDialog(page, 'Done').click();
  await page.getByText('Old secret valid until').waitFor();
  assert.doesNotMatch(await page.content(), /whsec_/);
  await sendTest(page);
  const [message] = receiver.received;
  assert.deepEqual([old, secret].map((one) => verifies(message, one)), [true, true]);
});

test('a webhook whose response was lost is created once, and its secret can be replaced', async (context) => {
  const receiver = await receive(context);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks');
  let isLost = false;
  await page.route('**/graphql', async (route) => {
    if (isLost || !route.request().postData().includes('mutation CreateWebhook')) return route.continue();
    isLost = true;
    await route.fetch();
    return route.abort();
  });
  await button(page, 'Add webhook').click();
  const dialog = page.getByRole('dialog', { name: 'Add a webhook' });
  await dialog.getByLabel('URL', { exact: true }).fill(receiver.url);
  await dialog.getByLabel(/^Orders/).check();
  await inDialog(page, 'Add').click();
  await dialog.getByText('The response was lost. You can try again').waitFor();
  await inDialog(page, 'Add').click();
  await page.getByRole('dialog').getByText('the response with its secret was lost').waitFor();
  await inDialog(page, 'Done').click();
  assert.equal((await urls()).filter((url) => url === receiver.url).length, 1);
  await button(page, 'Replace secret').click();
  await inDialog(page, 'Replace secret').click();
  const secret = await page.getByRole('group', { name: 'Secret' }).locator('code').textContent();
  await inDialog(page, 'Done').click();
  // Each click sends one test.
  await sendTest(page);
  await button(page, 'Send a test').click();
  await receiver.until(() => receiver.received.length === 2);
  assert.deepEqual(receiver.received.map((message) => verifies(message, secret)), [true, true]);
});

test('a webhook with a key pair shows its public key, and no secret', async (context) => {
  const receiver = await receive(context);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks');
  await button(page, 'Add webhook').click();
  const dialog = page.getByRole('dialog', { name: 'Add a webhook' });
  await dialog.getByLabel('URL', { exact: true }).fill(receiver.url);
  await dialog.getByLabel(/^Availability/).check();
  await dialog.getByLabel('Ed25519 with a public key').check();
  await inDialog(page, 'Add').click();
  await page.getByRole('dialog', { name: 'Public key of the webhook' }).getByText('whpk_').waitFor();
  assert.doesNotMatch(await page.content(), /whsec_/);
  await inDialog(page, 'Done').click();
  await page.getByRole('main').getByText('whpk_').waitFor();
});

test('a deleted webhook is gone from the list and receives nothing', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks', id);
  await button(page, 'Delete').click();
  await page.getByRole('dialog').getByText(`The webhook to ${receiver.host} is deleted with its log`).waitFor();
  await inDialog(page, 'Back').click();
  assert.ok((await urls()).includes(receiver.url), 'nothing happens without the second click');
  await button(page, 'Delete').click();
  await inDialog(page, 'Delete permanently').click();
  await page.getByRole('heading', { name: 'Webhooks', level: 1 }).waitFor();
  await page.getByRole('link', { name: receiver.url }).waitFor({ state: 'detached' });
  assert.ok(!(await urls()).includes(receiver.url));
  await goTo(page, 'webhooks', id);
  await page.getByText('There is no such webhook').waitFor();
});

test('the log is shown a page at a time', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url);
  const testWebhook = 'mutation ($input: WebhookActionInput!) { testWebhook(input: $input) { problems { code } } }';
  for (let count = 0; count < 22; count += 1) {
    await call(testWebhook, { input: { idempotencyKey: crypto.randomUUID(), webhook: id } });
  }
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks', id);
  assert.equal(await rowsOf(page, 'webhook.test').count(), 20);
  await page.getByRole('link', { name: 'Older deliveries' }).click();
  await page.getByRole('link', { name: 'Newest deliveries' }).waitFor();
  await settle(page);
  const newest = idOf(receiver.received.at(-1));
  await page.locator(`[data-row="${newest}"]`).waitFor({ state: 'detached' });
  assert.equal(await rowsOf(page, 'webhook.test').count(), 2);
});

test('a caller without the scope has no such page, and is refused in words at its address', async () => {
  const { page, errors } = await signIn(browser, server.origin, 'sandbox-storefront');
  assert.ok(!(await page.getByRole('navigation').innerText()).includes('Webhooks'));
  await goTo(page, 'webhooks');
  await page.getByRole('heading', { name: 'Webhooks' }).waitFor();
  await page.getByRole('alert').getByText('You have no permission for this. It needs the scope webhook:write.').waitFor();
  await assertAccessible(page, 'the refusal');
  const refused = await ask(server.origin, '{ webhooks { id } }', {}, { authorization: 'Bearer sandbox-storefront' });
  assert.equal(refused.errors[0].extensions.code, 'FORBIDDEN');
  assert.deepEqual(errors, []);
});

test('a reseller sees its own webhooks only, and configured ones are edited by nobody here', async (context) => {
  const [mine, theirs] = [await receive(context), await receive(context)];
  await create(mine.url);
  const { id } = await create(theirs.url, other);
  const { page } = await signIn(browser, server.origin, RESELLER);
  await goTo(page, 'webhooks');
  await page.getByRole('link', { name: mine.url }).waitFor();
  assert.equal(await page.getByRole('link', { name: theirs.url }).count(), 0);
  const configured = page.getByRole('row').filter({ hasText: 'Configured' });
  assert.doesNotMatch(await configured.textContent(), /planted-path/);
  await configured.getByRole('link').click();
  await page.getByText('Its settings cannot be edited here. Only operators can change its state').waitFor();
  assert.deepEqual(await actions(page), []);
  await goTo(page, 'webhooks', id);
  await page.getByText('There is no such webhook, or it belongs to somebody else.').waitFor();
  assert.ok((await urls(operator)).includes(theirs.url));

  const { page: all } = await signIn(browser, server.origin, OPERATOR);
  await goTo(all, 'webhooks');
  await all.getByRole('row').filter({ hasText: theirs.url }).getByText('Digitick').waitFor();
  await all.getByRole('row').filter({ hasText: 'Configured' }).getByRole('link').click();
  await button(all, 'Send a test').waitFor();
  assert.deepEqual(await actions(all), ['Send a test', 'Disable', 'Replay']);
});

test('a seller who signs in has no such page', async () => {
  const { page } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/dashboard`);
  await goThroughProvider(page, 'sam');
  await page.getByRole('navigation').waitFor();
  assert.ok(!(await page.getByRole('navigation').innerText()).includes('Webhooks'));
});

test('axe finds nothing, and everything fits a phone, in both directions and in each language', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url, reseller, 'ED25519');
  const phone = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true };
  for (const settings of [{ colorScheme: 'light' }, { colorScheme: 'dark', ...phone }]) {
    const { page, errors } = await signIn(browser, server.origin, RESELLER, settings);
    await goTo(page, 'webhooks');
    await assertAccessible(page, `the list, ${settings.colorScheme}`);
    await assertFits(page, 'the list');
    await button(page, 'Add webhook').click();
    await assertAccessible(page, `the form, ${settings.colorScheme}`);
    await assertFits(page, 'the form');
    await page.keyboard.press('Escape');
    await goTo(page, 'webhooks', id);
    await sendTest(page);
    await rowsOf(page, 'webhook.test').first().getByRole('button').click();
    await page.getByRole('region', { name: 'Attempt 1' }).waitFor();
    await assertAccessible(page, `a webhook, ${settings.colorScheme}`);
    await assertFits(page, 'a webhook');
    await keepPicture(page, `dashboard-webhook-${settings.colorScheme}`);
    await page.evaluate(() => {
      document.documentElement.dir = 'rtl';
    });
    await assertFits(page, 'a webhook from right to left');
    assert.deepEqual(errors, []);
  }
});

test('the page speaks French and German', async (context) => {
  const receiver = await receive(context);
  const { id } = await create(receiver.url);
  for (const [locale, add, once, send, sent, log] of [
    ['fr-FR', 'Ajouter un webhook', "Le secret n'est affiché que", 'Envoyer un test', 'Accepté, statut 204', 'En-têtes de la requête'],
    ['de-DE', 'Webhook hinzufügen', 'wird nur jetzt angezeigt', 'Test senden', 'Angenommen, Status 204', 'Kopfzeilen der Anfrage'],
  ]) {
    const { page } = await signIn(browser, server.origin, RESELLER, { locale });
    await goTo(page, 'webhooks');
    await button(page, add).click();
    await page.getByRole('dialog').getByLabel('URL', { exact: true }).fill(`${receiver.url}/${locale}`);
    await page.getByRole('dialog').getByRole('checkbox').first().check();
    await page.getByRole('dialog').locator('button.main').click();
    await page.getByRole('dialog').getByText(once).waitFor();
    await goTo(page, 'webhooks', id);
    await button(page, send).click();
    await page.getByRole('status').filter({ hasText: sent }).waitFor();
    await rowsOf(page, 'webhook.test').first().getByRole('button').click();
    await page.getByRole('heading', { name: log }).waitFor();
  }
});
