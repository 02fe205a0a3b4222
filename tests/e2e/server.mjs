// The real binary on a free port, with the built-in sandbox of emulated vendors.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { once } from 'node:events';

const root = new URL('../../', import.meta.url).pathname;
const binary = process.env.TICKETGRAPH_BINARY ?? resolve(root, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/ticketgraph');

/**
 * Starts the server, with settings of its own where some are given; resolves with its `origin` once it says where it listens. `stop` drains it and takes its data away.
 * `last` is a killed server, in whose place and with whose data it starts.
 */
export async function startServer(env = {}, { listen = '127.0.0.1:0', last } = {}) {
  const data = last?.data ?? (await mkdtemp(join(tmpdir(), 'ticketgraph-e2e-')));
  const address = last ? new URL(last.origin).host : listen;
  const child = spawn(binary, ['serve', '--listen', address, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Without the sandbox's past orders, unless the test is about them.
    env: { ...process.env, TICKETGRAPH__SANDBOX__HISTORY: 'false', ...env },
  });
  const ended = once(child, 'exit');
  let log = '';

  const origin = new Promise((resolve, reject) => {
    const read = (chunk) => {
      log += chunk;
      const found = log.match(/(http:\/\/127\.0\.0\.1:\d+)\/graphql\b/);
      if (found) resolve(found[1]);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    ended.then(([code]) => reject(new Error(`${binary} ended with ${code} before it served:\n${log}`)), reject);
  });

  async function stop() {
    child.kill('SIGTERM');
    const [code] = await ended;
    await rm(data, { recursive: true, force: true });
    return code;
  }

  return { origin: await origin, data, pid: child.pid, stop, ended, log: () => log };
}
