// People who sign in by an OpenID Connect provider: a real provider, a real browser, and the attempts of other sites.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';

import { openChromium, openPage } from './chromium.mjs';
import { assertAccessible, goTo, OPERATOR, settle } from './dashboard.mjs';
import { freePort, goThroughProvider, signInSettings, startProvider } from './provider.mjs';
import { startServer } from './server.mjs';
import { ask, placeOrder, reseller } from './shop.mjs';

const COOKIE = 'ticketgraph-session';
const DELIBERATE = { 'x-csrf-protection': '1' };
const VIEWER = '{ viewer { name scopes reseller { name } } }';

let provider;
let server;
let browser;

before(async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  provider = await startProvider(`${origin}/sign-in/callback`);
  server = await startServer(signInSettings(provider.issuer, origin), { listen: `127.0.0.1:${port}` });
  browser = await openChromium();
  await placeOrder(server.origin, reseller, 'ACME', 1);
});

after(async () => {
  await browser?.close();
  const code = await server?.stop();
  await provider?.stop();
  assert.equal(code ?? 0, 0, 'the server drains and ends with 0');
});

/** A browser of its own in which a person has signed in. */
async function signInAs(person, at = '') {
  const tab = await openPage(browser, server.origin);
  await tab.page.goto(`${server.origin}/dashboard${at}`);
  await goThroughProvider(tab.page, person);
  await tab.page.getByRole('navigation').waitFor();
  // What the pages of the provider complain about, such as a font of another host, is not ours.
  tab.errors.length = 0;
  await settle(tab.page);
  return tab;
}

async function sessionCookie(page) {
  const cookies = await page.context().cookies(server.origin);
  return cookies.find(({ name }) => name === COOKIE);
}

/** The caller that the server sees behind a cookie. */
async function viewerOf(cookie, headers = DELIBERATE) {
  return ask(server.origin, VIEWER, {}, { ...headers, cookie: `${COOKIE}=${cookie}` });
}

/** Buttons and links that only some roles have. */
async function views(page) {
  return page.getByRole('navigation').getByRole('link').allTextContents();
}

test('a manager signs in, comes back to the same view, and signs out', async () => {
  const orders = '#/orders?size=50';
  const { page, errors } = await signInAs('mara', orders);
  assert.equal(new URL(page.url()).hash, orders, 'the view from before the way to the provider');
  await page.getByText('mara@example.org · Tiqets').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await assertAccessible(page, 'the view of a person');
  assert.ok((await page.locator('main table tbody tr').count()) > 0, 'the orders of the reseller are shown');

  const cookie = await sessionCookie(page);
  const { httpOnly, sameSite, path, secure } = cookie;
  assert.deepEqual({ httpOnly, sameSite, path, secure }, { httpOnly: true, sameSite: 'Strict', path: '/', secure: false });
  const kept = await page.evaluate(() => [document.cookie, JSON.stringify(sessionStorage), JSON.stringify(localStorage)]);
  assert.ok(!kept.join().includes(cookie.value) && kept[0] === '' && kept[1] === '{}', 'no script sees the session');
  assert.deepEqual((await viewerOf(cookie.value)).data.viewer.reseller, { name: 'Tiqets' });

  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await sessionCookie(page), undefined, 'the cookie is removed');
  assert.equal((await viewerOf(cookie.value)).errors[0].extensions.code, 'UNAUTHENTICATED', 'a copy of it opens nothing');
  assert.deepEqual(errors, [], 'the console stays clean');
  const log = '{ auditLog(filter: { actor: "sign-in/mara" }) { nodes { action actorName reseller { name } } } }';
  const { data } = await ask(server.origin, log, {}, { authorization: `Bearer ${OPERATOR}` });
  const person = { actorName: 'mara@example.org', reseller: { name: 'Tiqets' } };
  assert.deepEqual(data.auditLog.nodes, [
    { action: 'SIGNED_OUT', ...person },
    { action: 'SIGNED_IN', ...person },
  ]);
  assert.ok(!server.log().includes('mara') && !server.log().includes(cookie.value), 'the log names nobody');
  await page.context().close();
});

test('each role may do what its table says, and a person of no role gets in nowhere', async () => {
  for (const [person, scopes, names] of [
    ['vera', ['catalog:read', 'order:read', 'report:read'], ['Sales', 'Orders', 'Connections']],
    ['sam', ['catalog:read', 'order:read', 'order:write', 'report:read', 'ticket:barcode'], ['Sales', 'Orders', 'Connections']],
    [
      'mara',
      ['catalog:read', 'delivery:write', 'order:read', 'order:write', 'report:read', 'ticket:barcode', 'webhook:write'],
      ['Sales', 'Orders', 'Connections'],
    ],
  ]) {
    const { page } = await signInAs(person);
    const { data } = await viewerOf((await sessionCookie(page)).value);
    assert.deepEqual([...data.viewer.scopes].sort(), scopes, person);
    assert.equal(data.viewer.reseller.name, 'Tiqets');
    assert.deepEqual((await views(page)).slice(0, names.length), names, person);
    await page.context().close();
  }
  const operator = await signInAs('olga');
  const { data } = await viewerOf((await sessionCookie(operator.page)).value);
  assert.equal(data.viewer.reseller, null);
  assert.ok(data.viewer.scopes.includes('admin'));
  assert.ok((await views(operator.page)).includes('Sources'));
  await operator.page.context().close();

  const { page } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/dashboard`);
  await goThroughProvider(page, 'nobody');
  await page.getByText('Your account has no access here.').waitFor();
  await assertAccessible(page, 'the page without access');
  assert.equal(await sessionCookie(page), undefined);
  assert.equal(new URL(page.url()).search, '', 'the reason leaves the address');
  // At the provider the person is still known: another account is asked for.
  await page.getByRole('button', { name: 'Use another account' }).click();
  await page.locator('input[name=login]').fill('vera');
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.getByText('vera@example.org · Tiqets').waitFor();
  await page.context().close();
});

test('whoever signs out everywhere is signed out in every browser', async () => {
  const [first, second, other] = [await signInAs('sam'), await signInAs('sam'), await signInAs('vera')];
  await goTo(second.page, 'orders');
  await second.page.getByText('Live', { exact: true }).waitFor();
  await first.page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await first.page.getByRole('heading', { name: 'Sign in' }).waitFor();
  // The open stream ends, and with it the view.
  await second.page.getByText('Your session has ended.').waitFor();
  assert.equal(await sessionCookie(second.page), undefined);
  const { value } = await sessionCookie(other.page);
  assert.equal((await viewerOf(value)).data.viewer.name, 'vera@example.org', 'others stay');
  for (const { page } of [first, second, other]) await page.context().close();
});

test('an expired session leads to the sign-in with its reason, and back to the same view', async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const own = await startProvider(`${origin}/sign-in/callback`);
  const settings = { ...signInSettings(own.issuer, origin), TICKETGRAPH__SIGN_IN__IDLE_TIMEOUT: '2s' };
  const short = await startServer(settings, { listen: `127.0.0.1:${port}` });
  try {
    const { page } = await openPage(browser, origin);
    await page.goto(`${origin}/dashboard#/connections`);
    await goThroughProvider(page, 'mara');
    await page.getByText('mara@example.org').waitFor();
    await page.waitForTimeout(2_500);
    await page.reload();
    await page.getByText('Your session has expired.').waitFor();
    await assertAccessible(page, 'the page after an expiry');
    await page.getByRole('button', { name: 'Sign in with Example Login' }).click();
    await page.getByText('mara@example.org').waitFor();
    assert.equal(new URL(page.url()).hash, '#/connections');
    for (const [language, text] of [
      ['fr', 'Votre session a expiré.'],
      ['de', 'abgelaufen'],
    ]) {
      await page.waitForTimeout(2_500);
      await page.evaluate((tag) => localStorage.setItem('ticketgraph.language', tag), language);
      await page.reload();
      await page.getByText(text).waitFor();
      await page.locator('main button.main').first().click();
      await page.getByText('mara@example.org').waitFor();
    }
    await page.context().close();
  } finally {
    await short.stop();
    await own.stop();
  }
});

test('a cookie of another deployment is no session: it is removed and the page says so', async () => {
  const { page } = await openPage(browser, server.origin);
  await page.context().addCookies([{ name: COOKIE, value: 'A'.repeat(43), url: server.origin, httpOnly: true, sameSite: 'Strict' }]);
  await page.goto(`${server.origin}/dashboard`);
  await page.getByText('Your session has ended.').waitFor();
  await page.getByRole('button', { name: 'Sign in with Example Login' }).waitFor();
  assert.equal(await sessionCookie(page), undefined);
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await page.getByText('Your session has ended.').count(), 0, 'it is said once');
  await page.context().close();
});

test('a return that belongs to no sign-in of this browser, and a refusal, are said in words', async () => {
  const { page } = await openPage(browser, server.origin);
  await page.goto(`${server.origin}/sign-in/callback?code=stolen&state=guessed`);
  await page.getByText('The sign-in could not be verified.').waitFor();
  await page.getByRole('button', { name: 'Sign in with Example Login' }).click();
  await page.locator('input[name=login]').waitFor();
  await page.getByText('Cancel').click();
  await page.getByText('The sign-in was canceled or refused.').waitFor();
  assert.equal(await sessionCookie(page), undefined);
  await page.context().close();
});

test('a page of another origin on the same site, which the cookie is sent to, can neither read nor change anything', async () => {
  const attacker = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1>free tickets</h1>'));
  attacker.listen(0, '127.0.0.1');
  await once(attacker, 'listening');
  const { page } = await signInAs('mara');
  const { value } = await sessionCookie(page);
  const evil = await page.context().newPage();
  await evil.goto(`http://127.0.0.1:${attacker.address().port}/`);
  const results = await evil.evaluate(
    async ([origin, query]) => {
      const attempt = async (path, init) => {
        try {
          const response = await fetch(`${origin}${path}`, { credentials: 'include', ...init });
          return `${response.type} ${response.type === 'opaque' ? '' : await response.text()}`;
        } catch {
          return 'blocked';
        }
      };
      const body = JSON.stringify({ query });
      const socket = () =>
        new Promise((resolve) => {
          const opened = new WebSocket(`${origin.replace('http', 'ws')}/graphql/ws`, 'graphql-transport-ws');
          opened.onopen = () =>
            opened.send(JSON.stringify({ type: 'connection_init', payload: { 'x-csrf-protection': '1' } }));
          opened.onmessage = ({ data }) => resolve(data);
          opened.onclose = ({ code }) => resolve(`closed ${code}`);
        });
      return {
        simple: await attempt('/graphql', { method: 'POST', mode: 'no-cors', body }),
        json: await attempt('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
        deliberate: await attempt('/graphql', {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-csrf-protection': '1' },
          body,
        }),
        query: await attempt(`/graphql?query=${encodeURIComponent(query)}`, {}),
        session: await attempt('/session', { headers: { 'x-csrf-protection': '1' } }),
        signOut: await attempt('/session/end?everywhere=true', { method: 'POST', mode: 'no-cors' }),
        socket: await socket(),
      };
    },
    [server.origin, VIEWER],
  );
  const leaked = Object.entries(results).filter(([, text]) => text.includes('mara') || text.includes('Tiqets'));
  assert.deepEqual(leaked, [], JSON.stringify(results));
  assert.deepEqual([results.deliberate, results.session, results.socket], ['blocked', 'blocked', 'closed 4403']);
  assert.equal((await viewerOf(value)).data.viewer.name, 'mara@example.org', 'nobody was signed out');

  // What the browser held back, sent as the attacker would without one.
  const foreign = { ...DELIBERATE, origin: `http://127.0.0.1:${attacker.address().port}` };
  assert.equal((await viewerOf(value, foreign)).errors[0].extensions.code, 'FORBIDDEN');
  assert.equal((await viewerOf(value, { ...DELIBERATE, 'sec-fetch-site': 'same-site' })).errors[0].extensions.code, 'FORBIDDEN');
  assert.equal((await viewerOf(value, {})).data.viewer.name, 'anonymous', 'a cookie alone is nobody');
  await page.context().close();
  attacker.close();
  attacker.closeAllConnections();
});

test('a WebSocket with a cookie needs the origin of the page and the wish to use it', async () => {
  const { page } = await signInAs('mara');
  const { value } = await sessionCookie(page);
  const attempt = (origin, payload) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/graphql/ws`, 'graphql-transport-ws', {
        headers: { cookie: `${COOKIE}=${value}`, ...(origin ? { origin } : {}) },
      });
      socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload })));
      socket.on('close', (code) => resolve(code));
      socket.on('message', (text) => {
        const { type, payload: result } = JSON.parse(text);
        if (type === 'connection_ack') {
          socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: VIEWER } }));
        } else if (type === 'next') {
          resolve(result.data.viewer.name);
          socket.terminate();
        }
      });
    });
  assert.equal(await attempt(server.origin, DELIBERATE), 'mara@example.org');
  assert.equal(await attempt(server.origin, {}), 'anonymous', 'a cookie alone is nobody');
  assert.equal(await attempt('http://127.0.0.1:1', DELIBERATE), 4403, 'an origin on this machine that may open sockets');
  assert.equal(await attempt(undefined, DELIBERATE), 4403, 'no origin');
  await page.context().close();
});

test('a key still signs in beside the provider, and a provider that is gone is said in words', async () => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const settings = signInSettings('http://127.0.0.1:1', origin);
  const lonely = await startServer(settings, { listen: `127.0.0.1:${port}` });
  try {
    const { page } = await openPage(browser, origin);
    await page.goto(`${origin}/dashboard`);
    await page.getByRole('button', { name: 'Sign in with Example Login' }).click();
    await page.getByText('Sign-in is not available at the moment.').waitFor();
    await page.getByLabel('API key', { exact: true }).fill('sandbox-tiqets-dashboard');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sales', exact: true }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Sign out everywhere' }).count(), 0);
    await page.context().close();
  } finally {
    await lonely.stop();
  }
});
