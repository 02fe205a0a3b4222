// A relative time that updates as time passes.

import { useSyncExternalStore } from 'react';

import { useTranslation } from '../words';

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const notify of listeners) notify();
  }, 5000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

export function Ago({ at }: { at: string }) {
  const { f } = useTranslation();
  // What happened after the last look at the clock is not in the future.
  const seen = Math.max(useNow(), Math.min(Date.parse(at), Date.now()));
  return (
    <time dateTime={at} title={f.time(at)}>
      {f.ago(at, seen)}
    </time>
  );
}
