// How views ask: a query that is asked again when it may be out of date, and keys for what must not happen twice.

import { createContext, useContext, useEffect, useRef } from 'react';
import { type AnyVariables, useQuery, type UseQueryArgs, type UseQueryState } from 'urql';

import { useStore } from '../../store';
import type { Connection } from './connection';

export const ConnectionContext = createContext<Connection | null>(null);

export function useConnection(): Connection {
  const connection = useContext(ConnectionContext);
  if (!connection) throw new Error('there is no connection here');
  return connection;
}

/** What is known of a question, and how to ask it once more. */
export interface Asked<T> extends Pick<UseQueryState<T>, 'data' | 'error'> {
  again: () => void;
}

interface Freshness {
  /** Asks again after so many milliseconds, while the page is seen. */
  every?: number;
}

const WHILE_LOST = 15_000;

/**
 * A query that is asked again when subscriptions had a gap, and, where it is wanted or while the connection is lost, at intervals
 * and when the page is looked at again.
 */
export function useAsked<T, V extends AnyVariables>(args: UseQueryArgs<V, T>, { every }: Freshness = {}): Asked<T> {
  const [{ data, error }, execute] = useQuery<T, V>(args);
  const again = useRef(() => {});
  again.current = () => {
    if (!args.pause) execute({ requestPolicy: 'network-only' });
  };
  const connection = useConnection();
  const returns = useStore(connection.returns);
  // Polls while the subscription is down.
  const isLost = useStore(connection.liveness) === 'lost';
  const pause = every ?? (isLost ? WHILE_LOST : undefined);

  useEffect(() => {
    if (returns > 0) again.current();
  }, [returns]);

  useEffect(() => {
    if (pause === undefined) return;
    const askWhenSeen = () => void (document.visibilityState === 'visible' && again.current());
    const timer = setInterval(askWhenSeen, pause);
    document.addEventListener('visibilitychange', askWhenSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', askWhenSeen);
    };
  }, [pause]);

  return { data, error, again: () => again.current() };
}

/** A key for one intent of a person: the same intent sent again, after a lost answer, keeps its key. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `dashboard-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Keys for what a person may try several times, with the same or with other input: one for each input until it was answered. */
export function useKeys() {
  const keys = useRef(new Map<string, string>());
  return {
    keyOf(input: unknown): string {
      const text = JSON.stringify(input);
      const key = keys.current.get(text) ?? newKey();
      keys.current.set(text, key);
      return key;
    },
    /** The server has answered: the same input is another intent from now on. */
    answered(input: unknown): void {
      keys.current.delete(JSON.stringify(input));
    },
  };
}
