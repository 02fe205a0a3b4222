// The address of a view is the part after `#`, so that the server has one page to serve and never sees the rest: `#/orders/ID`, and
// with settings of the view `#/orders?size=50`. Nothing secret ever stands in it.

import { useSyncExternalStore } from 'react';

const read = () => location.hash.replace(/^#\/?/, '');

function subscribe(listener: () => void) {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

const [readPath, readSettings] = [0, 1].map((part) => () => read().split('?', 2)[part] ?? '') as [() => string, () => string];

/** The parts of the present address, decoded: `['orders', 'ID']`; none at the begin. */
export function useRoute(): string[] {
  const path = useSyncExternalStore(subscribe, readPath);
  return path === '' ? [] : path.split('/').map(decode);
}

/** The settings of the view in the present address. */
export function useSettings(): URLSearchParams {
  return new URLSearchParams(useSyncExternalStore(subscribe, readSettings));
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

/** The address of a view with settings. Those without a value are left out. */
export function hrefWith(settings: Record<string, string | null | undefined>, ...parts: string[]): string {
  const given = Object.entries(settings).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? hrefOf(...parts) : `${hrefOf(...parts)}?${new URLSearchParams(given)}`;
}

/** Goes to a view. */
export function goTo(...parts: string[]): void {
  location.hash = hrefOf(...parts);
}
