// One connection to the API for one key or session: queries and mutations over HTTP, subscriptions over a WebSocket that comes back by itself.

import { cacheExchange, Client, type CombinedError, fetchExchange, mapExchange, subscriptionExchange } from 'urql';
import { createClient } from 'graphql-ws';

import { createStore, type Store } from '../../store';
import { credentialsOf } from '../app/session';

/** `idle`: nothing is watched. */
export type Liveness = 'idle' | 'connecting' | 'live' | 'lost';

export interface Connection {
  client: Client;
  liveness: Store<Liveness>;
  /** Counts how often the socket came back: whatever is shown then may have missed a change, and is asked for again. */
  returns: Store<number>;
  close(): void;
}

const UNKNOWN_KEY = 4403;

/** Whether the server does not know the key. */
export function isUnknownKey(error: CombinedError): boolean {
  return error.graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED') || error.response?.status === 401;
}

/** Opens a connection for a key, or without one for the session. `onRefused` is called when the server does not know it (any more). */
export function connect(key: string | null, onRefused: () => void): Connection {
  const { headers, credentials } = credentialsOf(key);
  const liveness = createStore<Liveness>('idle');
  const returns = createStore(0);
  let watchers = 0;
  let wasLive = false;

  const socket = createClient({
    url: new URL('/graphql/ws', location.href.replace(/^http/, 'ws')).href,
    connectionParams: headers,
    keepAlive: 15_000,
    // Going from view to view ends one subscription and begins another: the socket stays.
    lazyCloseTimeout: 3_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: (tries) => new Promise((resolve) => setTimeout(resolve, Math.min(500 * 2 ** tries, 15_000))),
    shouldRetry: (event) => !(event instanceof CloseEvent && event.code === UNKNOWN_KEY),
    on: {
      connecting: () => liveness.set(wasLive ? 'lost' : 'connecting'),
      connected: () => {
        liveness.set('live');
        if (wasLive) returns.set(returns.get() + 1);
        wasLive = true;
      },
      closed: (event) => {
        liveness.set(watchers > 0 ? 'lost' : 'idle');
        // Nothing was watched, so nothing was missed.
        if (watchers === 0) wasLive = false;
        if ((event as CloseEvent).code === UNKNOWN_KEY) onRefused();
      },
    },
  });

  const client = new Client({
    url: new URL('/graphql', location.href).href,
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetchOptions: { headers, credentials },
    exchanges: [
      mapExchange({ onError: (error) => isUnknownKey(error) && onRefused() }),
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => {
            watchers += 1;
            const stop = socket.subscribe({ query: query ?? '', variables }, sink);
            return {
              unsubscribe: () => {
                watchers -= 1;
                stop();
              },
            };
          },
        }),
      }),
    ],
  });

  return { client, liveness, returns, close: () => void socket.dispose() };
}
