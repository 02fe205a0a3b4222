// Who signed in by the provider. The session is a cookie that no script can read, so the server is asked for it.

import { createStore } from '../../store';
import { key } from './settings';

export interface Session {
  /** The name of the person. */
  name: string;
  reseller: string | null;
}

/** Why the page for signing in is shown; none: nobody has signed in yet. */
export type Reason = 'key' | 'expired' | 'ended' | 'no-access' | 'refused' | 'invalid' | 'unavailable';
const RETURNS: Reason[] = ['no-access', 'refused', 'invalid', 'unavailable'];

interface Answer {
  provider: { name: string } | null;
  session: Session | null;
  ended: 'EXPIRED' | 'UNKNOWN' | null;
}

const NOTHING: Answer = { provider: null, session: null, ended: null };
const RETURN_TO = 'ticketgraph.return';
// With it a page uses its cookie deliberately: no other site may send this header.
const DELIBERATE = { 'x-csrf-protection': '1' };

/** The session that is used; null while a key is, and before anybody has signed in. */
export const session = createStore<Session | null>(null);

/** Asks the server for the provider and the session. */
export async function askSession(): Promise<Answer> {
  try {
    const response = await fetch('/session', { headers: DELIBERATE, credentials: 'same-origin' });
    return response.ok ? ((await response.json()) as Answer) : NOTHING;
  } catch {
    return NOTHING;
  }
}

/** Ends the session, or all sessions of the person. Returns false if the server could not be reached: then it goes on. */
export async function endSession(everywhere: boolean): Promise<boolean> {
  try {
    const path = everywhere ? '/session/end?everywhere=true' : '/session/end';
    const response = await fetch(path, { method: 'POST', headers: DELIBERATE, credentials: 'same-origin' });
    if (response.ok) session.set(null);
    return response.ok;
  } catch {
    return false;
  }
}

/** Goes to the provider. Whoever comes back sees the same view again. */
export function goToProvider(asksAgain: boolean): void {
  try {
    sessionStorage.setItem(RETURN_TO, location.hash);
  } catch {
    // Then the first view is shown.
  }
  location.assign(asksAgain ? '/sign-in?prompt=login' : '/sign-in');
}

/** The view from before the way to the provider comes back into the address, and the reason for a failure out of it. */
function comeBack(): Reason | null {
  const reason = new URLSearchParams(location.search).get('sign-in');
  let hash = location.hash;
  try {
    hash = hash === '' ? (sessionStorage.getItem(RETURN_TO) ?? '') : hash;
    sessionStorage.removeItem(RETURN_TO);
  } catch {
    // Nothing was kept.
  }
  if (reason !== null || hash !== location.hash) history.replaceState(null, '', location.pathname + hash);
  return RETURNS.find((known) => known === reason) ?? null;
}

/** The reason with which the provider's way ended, if it ended without a session. */
export const firstReason = comeBack();

/** What a caller sends with a request: its key, or the wish to use its cookie. */
export function credentialsOf(present: string | null): { headers: Record<string, string>; credentials: RequestCredentials } {
  return present === null
    ? { headers: DELIBERATE, credentials: 'same-origin' }
    : { headers: { authorization: `Bearer ${present}` }, credentials: 'omit' };
}

/** What the present caller sends with a request. */
export function credentials() {
  return credentialsOf(key.get());
}
