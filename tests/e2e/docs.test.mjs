// Runs the code blocks of the documentation as they stand: shells, clients, generated types, the Relay compiler.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { openChromium, openPage } from './chromium.mjs';
import { startServer } from './server.mjs';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;

/** A port that nobody uses. */
async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  return port;
}

let server;

before(async () => {
  server = await startServer();
});

after(async () => {
  await server?.stop();
});

/** The blocks of code of a page: the words behind the opening fence, the chapter, the text. */
async function blocks(page) {
  const text = await readFile(join(root, page), 'utf8');
  const found = [];
  let chapter = '';
  let open;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) {
      if (open) found.push(open);
      open = open ? undefined : { words: line.slice(3), chapter, text: '' };
    } else if (open) {
      open.text += `${line}\n`;
    } else if (line.startsWith('#')) {
      chapter = line.replace(/^#+ /, '');
    }
  }
  return found;
}

/** The same text for the server of this test: its address, and those of its emulated vendors. */
function here_and_now(text) {
  const port = (name) => server.log().match(new RegExp(`the emulated ${name} listens on http://127.0.0.1:(\\d+)`))[1];
  const own = { 4000: new URL(server.origin).port };
  const ports = { ...own, 4101: port('acme'), 4102: port('secutix'), 4103: port('ticketing'), 4104: port('tixngo'), 4105: port('octo') };
  return text.replaceAll(/127\.0\.0\.1:(4\d{3})\b/g, (_, fixed) => `127.0.0.1:${ports[fixed]}`);
}

async function shell(text, cwd = root) {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here_and_now(text)], { cwd, maxBuffer: 1 << 24 });
  return stdout;
}

test('the shell of "start here" asks, buys at four vendors, repeats itself, and loses a vendor', async () => {
  const wanted = ['2. Send a query', '3. Buy from four vendors at once', '4. Stop a vendor'];
  const steps = (await blocks('docs/start-here.md')).filter(({ words, chapter }) => words === 'sh' && wanted.includes(chapter));
  assert.equal(steps.length, 3);
  const [ask, buy, die] = steps.map(({ text }) => text);
  const output = await shell(`${ask}\necho\n${buy}\nbuy my-first-order\n${die}`);
  assert.match(output, /^\{"data":\{"events":\{"nodes":\[\{"title":/);
  const answers = output.slice(output.indexOf('\n{')).trim().split(/\n(?=\{\n)/).map((text) => JSON.parse(text.replace(/^\s+/, '')));
  const [first, again, dead] = answers;
  assert.equal(first.order.status, 'CONFIRMED', JSON.stringify(first.problems));
  assert.deepEqual(new Set(first.order.legs.map(({ source }) => source.vendor)), new Set(['ACME', 'SECUTIX', 'TICKETING', 'OCTO']));
  assert.deepEqual([first.replayed, again.replayed, again.order.id], [false, true, first.order.id]);
  assert.equal(dead.order.status, 'FAILED');
  assert.ok(dead.problems.some(({ code }) => code === 'SOURCE_UNAVAILABLE'), JSON.stringify(dead.problems));
});

test('the order of "start here" survives the death of its server', async () => {
  const steps = (await blocks('docs/start-here.md')).filter(({ words }) => words === 'sh');
  const of = (chapter) => steps.filter((step) => step.chapter === chapter).map(({ text }) => text);
  const [buy] = of('3. Buy from four vendors at once');
  const [interrupt, again, clear] = of('5. Kill the server in the middle of an order');
  const kill = 'pkill -9 -n -x ticketgraph';
  assert.ok(interrupt.includes(kill));
  await inEmptyFolder(async (folder) => {
    const restarted = join(folder, 'restarted');
    // The first window: it starts the server again.
    const first = server.ended.then(async () => {
      server = await startServer({}, { last: server });
      await writeFile(restarted, '');
    });
    const window = `${buy}\n${interrupt.replace(kill, `kill -9 ${server.pid}`)}\nuntil [ -e ${restarted} ]; do sleep 0.1; done
      for attempt in $(seq 60); do ${again.trim()} >${folder}/last; jq -e '.order.status == "CONFIRMED"' ${folder}/last >/dev/null && break; sleep 0.5; done
      cat ${folder}/last`;
    const output = await shell(window);
    await first;
    const last = JSON.parse(output.slice(output.lastIndexOf('\n{\n')));
    assert.deepEqual([last.replayed, last.order.status], [true, 'CONFIRMED'], JSON.stringify(last.problems));
    await shell(clear);
  });
});

/** The sections of the page for clients, each with its blocks. */
async function sections() {
  const found = new Map();
  for (const { chapter, words, text } of await blocks('docs/clients.md')) {
    found.set(chapter, [...(found.get(chapter) ?? []), [...words.split(' '), text]]);
  }
  return [...found].map(([chapter, parts]) => ({ chapter, parts }));
}

/** Follows a section in an empty folder, line by line: installs, writes the named files, runs shells and programs. */
async function follow({ chapter, parts }, folder) {
  let output = '';
  for (const part of parts) {
    const [language, name, text] = part.length === 3 ? part : [part[0], undefined, part[1]];
    if (name === 'serve') continue;
    if (language === 'sh') output += await shell(text, folder);
    if (language === 'sh' || !name) continue;
    await mkdir(join(folder, dirname(name)), { recursive: true });
    await writeFile(join(folder, name), here_and_now(text));
    if (language === 'js') {
      await assert.doesNotReject(run(process.execPath, [name], { cwd: folder, timeout: 30_000 }), `${chapter}: ${name}`);
    }
  }
  return output;
}

async function inEmptyFolder(act) {
  const folder = await mkdtemp(join(tmpdir(), 'ticketgraph-docs-'));
  try {
    return await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('every section of the page for clients is followed in an empty folder', async () => {
  const all = await sections();
  assert.ok(all.filter(({ parts }) => parts.some(([, name]) => name === 'install')).length >= 6);
  const checks = {
    curl: (output) => assert.ok(output.includes('"data"') && !output.includes('"errors"'), output),
    Exports: async (_, folder) => assert.match(await readFile(join(folder, 'statement.csv'), 'utf8'), /^reseller,/),
    Relay: async (_, folder) => assert.deepEqual(await readdir(join(folder, 'src/__generated__')), ['SourcesQuery.graphql.ts']),
    'Generated types': async (_, folder) => {
      const made = await readFile(join(folder, 'src/generated.ts'), 'utf8');
      for (const expected of [/export const PricesDocument/, /amount: number/, /SAME_KEY_AFTER_DELAY/]) assert.match(made, expected);
    },
  };
  const followed = new Set();
  for (const section of all) {
    await inEmptyFolder(async (folder) => {
      const output = await follow(section, folder);
      await checks[section.chapter]?.(output, folder);
    });
    followed.add(section.chapter);
  }
  for (const chapter of Object.keys(checks)) assert.ok(followed.has(chapter), chapter);
});

test('the React page buys once and watches its order', async () => {
  const section = (await sections()).find(({ chapter }) => chapter === 'React');
  await inEmptyFolder(async (folder) => {
    await follow(section, folder);
    const port = await freePort();
    const arguments_ = ['vite', '--port', `${port}`, '--strictPort', '--host', '127.0.0.1'];
    const vite = spawn('npx', arguments_, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const browser = await openChromium();
    try {
      for await (const chunk of vite.stdout) if (String(chunk).includes(`${port}`)) break;
      const { page, errors } = await openPage(browser, `http://127.0.0.1:${port}`);
      await page.goto(`http://127.0.0.1:${port}`);
      const ware = page.getByRole('listitem').first();
      await ware.getByRole('button', { name: 'Buy' }).click();
      const order = ware.getByRole('status');
      await order.filter({ hasText: /: CONFIRMED, \D*\d/ }).waitFor({ timeout: 30_000 });
      const first = await order.textContent();
      await ware.getByRole('button', { name: 'Buy' }).click();
      await page.waitForLoadState('networkidle');
      assert.equal(await order.textContent(), first, 'a second click buys nothing');
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
      process.kill(-vite.pid);
    }
  });
});
