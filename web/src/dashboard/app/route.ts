// The address of a view is the part after `#`, so that the server has one page to serve: `#/orders/ID`.
// Nothing secret ever stands in it.

import { useSyncExternalStore } from 'react';

const read = () => location.hash.replace(/^#\/?/, '');

function subscribe(listener: () => void) {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

/** The parts of the present address, decoded: `['orders', 'ID']`; none at the begin. */
export function useRoute(): string[] {
  const path = useSyncExternalStore(subscribe, read);
  return path === '' ? [] : path.split('/').map(decode);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a view, for an `href`. */
export function hrefOf(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

/** Goes to a view. */
export function goTo(...parts: string[]): void {
  location.hash = hrefOf(...parts);
}
