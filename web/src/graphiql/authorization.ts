// Whose key a tab sends. Keys of the sandbox are public and come from the page's own list; a key that a person enters is kept in
// memory only.

import { callers } from '../sandbox/callers';
import { createStore } from '../store';

/** Stands in headers for the key that the page asks for. Pages that are built without the sandbox have it in their examples. */
const PLACEHOLDER = 'YOUR_API_KEY';

/** The key that a person entered into the field of the page; it is gone with the page. */
export const enteredKey = createStore('');

export type Headers = Record<string, unknown>;

export function headersIn(text: string): Headers {
  try {
    const headers: unknown = JSON.parse(text || '{}');
    return typeof headers === 'object' && headers !== null ? { ...headers } : {};
  } catch {
    return {};
  }
}

const isAuthorization = (name: string) => name.toLowerCase() === 'authorization';

const bearer = (key: string): [string, string] => ['Authorization', `Bearer ${key}`];

function authorizationOf(headers: Headers): unknown {
  return Object.entries(headers).find(([name]) => isAuthorization(name))?.[1];
}

/** Headers with another key, or with none. */
export function withKey(text: string, key: string | undefined): string {
  const others = Object.entries(headersIn(text)).filter(([name]) => !isAuthorization(name));
  const headers = key === undefined ? others : [...others, bearer(key)];
  return headers.length > 0 ? JSON.stringify(Object.fromEntries(headers), null, 2) : '';
}

/** The headers of an example. Only a sandbox knows its keys. */
export function headersFor(key: string | undefined, isSandbox: boolean): string {
  return key === undefined ? '' : withKey('', isSandbox ? key : PLACEHOLDER);
}

/** The caller whose key the headers hold: a name, `anonymous`, `entered` for the key of the field, or `own` for any other. */
export function callerIn(text: string): string {
  const value = authorizationOf(headersIn(text));
  if (value === undefined) return 'anonymous';
  if (value === `Bearer ${PLACEHOLDER}`) return 'entered';
  return callers.find(({ key }) => value === `Bearer ${key}`)?.name ?? 'own';
}

/** Headers with the key of a caller by its name in [`callerIn`]. */
export function withCaller(text: string, name: string): string {
  if (name === 'anonymous') return withKey(text, undefined);
  return withKey(text, callers.find((caller) => caller.name === name)?.key ?? PLACEHOLDER);
}

/** Headers as they are stored: the name of the caller and nothing else, since any other header may be a secret. */
export function storedHeaders(text: string): string {
  const name = callerIn(text);
  return name === 'anonymous' ? '' : `caller:${name}`;
}

/** The headers of a tab that was stored. A key that is not of the sandbox has to be entered again. */
export function restoredHeaders(stored: string, isSandbox: boolean): string {
  if (!stored.startsWith('caller:')) return '';
  return withCaller('', isSandbox ? stored.slice('caller:'.length) : 'entered');
}

/** The headers to send, with the entered key in its place; none where it has not been entered. */
export function headersToSend(headers: Headers, isSandbox: boolean): Headers | undefined {
  const key = enteredKey.get();
  const value = authorizationOf(headers);
  const asks = value === `Bearer ${PLACEHOLDER}` || (value === undefined && !isSandbox && key !== '');
  if (!asks) return headers;
  if (key === '') return undefined;
  return { ...Object.fromEntries(Object.entries(headers).filter(([name]) => !isAuthorization(name))), ...Object.fromEntries([bearer(key)]) };
}
