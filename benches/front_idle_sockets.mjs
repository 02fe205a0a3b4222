// What an idle subscriber costs: opens WebSockets that each watch the health of the sources, and reads the memory of the
// server before and after. Prints the bytes of one subscriber.
//
//   cargo build --release && TICKETGRAPH_BINARY=target/release/ticketgraph node benches/front_idle_sockets.mjs 10000

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { startServer } from '../tests/e2e/server.mjs';

const WebSocket = createRequire(new URL('../tests/e2e/package.json', import.meta.url))('ws');
const wanted = Number(process.argv[2] ?? 10_000);
/** Most bytes that one idle subscriber may cost, both buffers of its connection included. */
const STATED = 64 * 1024;

const server = await startServer();
const memory = () => Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]) * 1024;

/** One subscriber; resolves once the server has answered a ping sent behind the subscription. */
function subscriber() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/graphql/ws`, 'graphql-transport-ws', { perMessageDeflate: false });
    socket.on('error', reject);
    socket.on('open', () => socket.send('{"type":"connection_init"}'));
    socket.on('message', (text) => {
      const { type } = JSON.parse(text);
      if (type === 'connection_ack') {
        socket.send('{"type":"subscribe","id":"1","payload":{"query":"subscription { sourceHealthChanged { name } }"}}');
        socket.send('{"type":"ping"}');
      }
      if (type === 'pong') resolve(socket);
    });
  });
}

const sockets = [];
const open = async (count) => {
  while (sockets.length < count) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(200, count - sockets.length) }, subscriber))));
  }
};
await open(100);
const before = memory();
await open(100 + wanted);
const each = (memory() - before) / wanted;
console.log(`${wanted} idle subscribers: ${(each / 1024).toFixed(1)} KiB each, ${STATED / 1024} KiB stated`);
for (const socket of sockets) socket.terminate();
await server.stop();
process.exitCode = each <= STATED ? 0 : 1;
