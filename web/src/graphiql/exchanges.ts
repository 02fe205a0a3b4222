// What the page measures of each request: how long it took, how large its response was, and by which id the log names it.

import { createStore } from '../store';

export interface Exchange {
  /** How it was sent. */
  transport: 'HTTP' | 'WebSocket';
  /** The HTTP status, once there is a response. */
  status?: number;
  /** The value of `x-request-id`, by which the server's log and its errors name the request. A WebSocket has none. */
  requestId?: string;
  /** Milliseconds from the request to the last byte or message so far. */
  elapsed?: number;
  /** Bytes of the response so far, uncompressed. */
  bytes: number;
  /** Messages of a subscription so far. */
  messages: number;
  /** True once the response is complete. */
  isComplete: boolean;
}

/** The last exchange of each open tab, by its id. */
export const exchanges = createStore<Record<string, Exchange>>({});

/** The tab whose operations run. */
let openTab = '';

/** Sets the tab whose operations run, and forgets the exchanges of closed tabs. */
export function setOpenTab(id: string, all: string[]) {
  openTab = id;
  const kept = Object.entries(exchanges.get()).filter(([tab]) => all.includes(tab));
  if (kept.length < Object.keys(exchanges.get()).length) exchanges.set(Object.fromEntries(kept));
}

/** Starts the exchange of the open tab. The returned function changes it, unless the tab has started another one since. */
function begin(transport: Exchange['transport']): (change: (exchange: Exchange) => Partial<Exchange>) => void {
  const tab = openTab;
  const started = performance.now();
  let own: Exchange = { transport, bytes: 0, messages: 0, isComplete: false };
  exchanges.set({ ...exchanges.get(), [tab]: own });
  return (change) => {
    if (exchanges.get()[tab] !== own) return;
    own = { ...own, elapsed: performance.now() - started, ...change(own) };
    exchanges.set({ ...exchanges.get(), [tab]: own });
  };
}

/** Like `fetch`, and measures what it fetches. */
export const measuredFetch: typeof fetch = async (input, init) => {
  const update = begin('HTTP');
  try {
    const response = await fetch(input, init);
    const { status, statusText, headers } = response;
    update(() => ({ status, requestId: headers.get('x-request-id') ?? undefined }));
    if (!headers.get('content-type')?.startsWith('multipart/')) {
      // Read as a whole, so that the browser's own tools keep it.
      const body = await response.arrayBuffer();
      update(() => ({ bytes: body.byteLength, isComplete: true }));
      return new Response(body, { status, statusText, headers });
    }
    const counter = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        update(({ bytes }) => ({ bytes: bytes + chunk.byteLength }));
        controller.enqueue(chunk);
      },
      flush: () => update(() => ({ isComplete: true })),
    });
    return new Response(response.body?.pipeThrough(counter), { status, statusText, headers });
  } catch (error) {
    update(() => ({ isComplete: true }));
    throw error;
  }
};

/** Measures the messages of a subscription. */
export function measureMessages() {
  const update = begin('WebSocket');
  return {
    add: (message: unknown) =>
      update(({ bytes, messages }) => ({
        bytes: bytes + new TextEncoder().encode(JSON.stringify(message)).byteLength,
        messages: messages + 1,
      })),
    end: () => update(() => ({ isComplete: true })),
  };
}
