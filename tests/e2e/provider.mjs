// A real OpenID Connect provider on loopback. Whoever types a name into its form is that person; passwords are not asked for.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

/** The people of the provider, and the groups in their claims. */
const PEOPLE = {
  mara: ['tiqets-managers'],
  sam: ['tiqets-sellers'],
  vera: ['tiqets-viewers', 'elsewhere'],
  olga: ['operators'],
  nobody: ['strangers'],
};

/** Returns a port that is free now. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a provider with one client, whose browsers return to `redirect`. */
export async function startProvider(redirect) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'ticketgraph', client_secret: 'planted-secret', redirect_uris: [redirect] }],
    cookies: { keys: ['for tests'] },
    scopes: ['openid', 'email', 'groups'],
    claims: { openid: ['sub'], email: ['email'], groups: ['groups'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, groups: PEOPLE[id] ?? [] }),
    }),
    // Nobody is asked for consent.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid email groups');
      await grant.save();
      return grant;
    },
  });
  server.on('request', provider.callback());
  return { issuer, stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) };
}

/** The settings of a server whose people sign in at the provider. */
export function signInSettings(issuer, publicUrl) {
  const roles = {
    managers: ['tiqets-managers', 'manager', 'tiqets'],
    sellers: ['tiqets-sellers', 'seller', 'tiqets'],
    viewers: ['tiqets-viewers', 'viewer', 'tiqets'],
    operators: ['operators', 'operator'],
  };
  const settings = {
    ISSUER: issuer,
    CLIENT_ID: 'ticketgraph',
    CLIENT_SECRET: 'planted-secret',
    PUBLIC_URL: publicUrl,
    PROVIDER_NAME: 'Example Login',
    SCOPES: '["email", "groups"]',
    // All people of a test come from one address.
    REQUESTS_PER_MINUTE_AND_ADDRESS: '1000',
  };
  for (const [name, [value, role, reseller]] of Object.entries(roles)) {
    settings[`ROLES__${name}__VALUE`] = value;
    settings[`ROLES__${name}__ROLE`] = role;
    if (reseller) settings[`ROLES__${name}__RESELLER`] = reseller;
  }
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [`TICKETGRAPH__SIGN_IN__${key}`, value]));
}

/** Goes to the provider and says who it is there. */
export async function goThroughProvider(page, person) {
  await page.getByRole('button', { name: 'Sign in with Example Login' }).click();
  await page.locator('input[name=login]').fill(person);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
}
