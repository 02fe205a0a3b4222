// Asking again when an order changes.

import { useEffect, useRef } from 'react';
import { useSubscription } from 'urql';

import { OrdersChangedDocument } from '../api/documents';

/** An order moves several times within a moment, and many orders may: the first change begins the wait, the others join it. */
const WAIT = 400;

export function useOrderChanges(again: () => void): void {
  const [watched] = useSubscription({ query: OrdersChangedDocument });
  const changed = watched.data?.ordersChanged;
  const latest = useRef(again);
  latest.current = again;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (!changed || timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, WAIT);
    // Only a change is a reason to ask.
  }, [changed?.id, changed?.version]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
}
