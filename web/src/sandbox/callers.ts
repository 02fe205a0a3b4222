// The ready callers of the sandbox, out of its own configuration, for whoever tries it out. Their keys are no secrets: they open
// nothing but emulated vendors.

import configuration from '../../../config/sandbox.toml?raw';

declare const HAS_SANDBOX: boolean;

export interface Caller {
  /** The name under [clients]. */
  name: string;
  key: string;
  /** The reseller that it belongs to; none: it may see everything that its scopes allow. */
  reseller?: string;
}

const CLIENT = /^\[clients\.([\w-]+)\]\s+key = \{ value = "([^"]+)" \}(?:\s+reseller = "([^"]+)")?/gm;

export const callers: Caller[] = [...(HAS_SANDBOX ? configuration : '').matchAll(CLIENT)].map(([, name, key, reseller]) => ({
  name: name ?? '',
  key: key ?? '',
  reseller,
}));

/** Returns true if the server is a sandbox. Only sandboxes reveal this to anonymous callers. */
export async function isSandbox(): Promise<boolean> {
  try {
    const answer = await fetch(new URL('/graphql', location.href), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ sources { environment } }' }),
      signal: AbortSignal.timeout(5000),
    });
    const body: { data?: { sources?: { environment: string }[] } } = await answer.json();
    const sources = body.data?.sources ?? [];
    return sources.length > 0 && sources.every(({ environment }) => environment === 'SANDBOX');
  } catch {
    return false;
  }
}
