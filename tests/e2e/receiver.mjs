// A destination of webhooks on this machine.

import { once } from 'node:events';
import { createServer } from 'node:http';

/** Starts a receiver that keeps what arrives and responds with `status`, until the test ends. */
export async function receive(context) {
  const receiver = { status: 204, received: [] };
  const listener = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    receiver.received.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(receiver.status, { 'x-request-id': 'of-the-receiver' }).end();
    listener.emit('received');
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.after(() => listener.close().closeAllConnections());
  receiver.host = `127.0.0.1:${listener.address().port}`;
  receiver.url = `http://${receiver.host}/changes`;
  /** Waits until something that arrived fulfills a condition. */
  receiver.until = async (condition, from = 0) => {
    const signal = AbortSignal.timeout(30_000);
    while (!receiver.received.slice(from).some(condition)) await once(listener, 'received', { signal });
  };
  return receiver;
}
