// Runs the code blocks of the documentation as they stand: shells, clients, generated types, the Relay compiler.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import relay from 'relay-compiler';

import { startServer } from './server.mjs';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;
const here = new URL('./', import.meta.url).pathname;

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
  const ports = { ...own, 4101: port('acme'), 4102: port('secutix'), 4103: port('ticketing'), 4104: port('tixngo') };
  return text.replaceAll(/127\.0\.0\.1:(4\d{3})\b/g, (_, fixed) => `127.0.0.1:${ports[fixed]}`);
}

async function shell(text, cwd = root) {
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', here_and_now(text)], { cwd, maxBuffer: 1 << 24 });
  return stdout;
}

test('the shell of "start here" asks, buys at three vendors, repeats itself, and loses a vendor', async () => {
  const wanted = ['2. Send a query', '3. Buy from three vendors at once', '4. Stop a vendor'];
  const steps = (await blocks('docs/start-here.md')).filter(({ words, chapter }) => words === 'sh' && wanted.includes(chapter));
  assert.equal(steps.length, 3);
  const [ask, buy, die] = steps.map(({ text }) => text);
  const output = await shell(`${ask}\necho\n${buy}\nbuy my-first-order\n${die}`);
  assert.match(output, /^\{"data":\{"events":\{"nodes":\[\{"title":/);
  const answers = output.slice(output.indexOf('\n{')).trim().split(/\n(?=\{\n)/).map((text) => JSON.parse(text.replace(/^\s+/, '')));
  const [first, again, dead] = answers;
  assert.equal(first.order.status, 'CONFIRMED', JSON.stringify(first.problems));
  assert.deepEqual(new Set(first.order.legs.map(({ source }) => source.vendor)), new Set(['ACME', 'SECUTIX', 'TICKETING']));
  assert.deepEqual([first.replayed, again.replayed, again.order.id], [false, true, first.order.id]);
  assert.equal(dead.order.status, 'FAILED');
  assert.ok(dead.problems.some(({ code }) => code === 'SOURCE_UNAVAILABLE'), JSON.stringify(dead.problems));
});

test('every shell of the page for clients runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ticketgraph-docs-'));
  try {
    const shells = (await blocks('docs/clients.md')).filter(({ words }) => words === 'sh');
    assert.ok(shells.length >= 3);
    const output = [];
    for (const { text } of shells) output.push(await shell(text, folder));
    assert.ok(output[0].includes('"data"') && !output[0].includes('"errors"'), output[0]);
    assert.ok((await readFile(join(folder, 'schema.graphql'), 'utf8')).includes('type Query {'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('every client of the page runs', async () => {
  const programs = (await blocks('docs/clients.md')).filter(({ words }) => words === 'js');
  assert.ok(programs.length >= 3);
  // Below node_modules, so that packages are found and nothing is left in the checkout.
  const folder = join(here, 'node_modules/.ticketgraph-docs');
  await mkdir(folder, { recursive: true });
  try {
    for (const [number, { chapter, text }] of programs.entries()) {
      const file = join(folder, `${number}.mjs`);
      await writeFile(file, here_and_now(text));
      await assert.doesNotReject(run(process.execPath, [file], { timeout: 30_000 }), chapter);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the configuration for generated types makes types of a query', async () => {
  const named = (await blocks('docs/clients.md')).find(({ words }) => words === 'js codegen.mjs');
  const folder = join(here, 'node_modules/.ticketgraph-codegen');
  await mkdir(join(folder, 'src'), { recursive: true });
  try {
    await cp(join(root, 'schema/ticketgraph.graphql'), join(folder, 'schema.graphql'));
    await writeFile(join(folder, 'codegen.mjs'), named.text);
    const query = 'query Prices { events(first: 1) { nodes { ticketTypes { price { retail { amount currency } } } } problems { code retry } } }\n';
    await writeFile(join(folder, 'src/prices.graphql'), query);
    await run(process.execPath, [join(here, 'node_modules/@graphql-codegen/cli/esm/bin.js'), '--config', 'codegen.mjs'], { cwd: folder });
    const made = await readFile(join(folder, 'src/generated.ts'), 'utf8');
    assert.match(made, /export const PricesDocument/);
    assert.match(made, /amount: number/);
    assert.match(made, /SAME_KEY_AFTER_DELAY/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the configuration for the Relay compiler is taken', async () => {
  const named = (await blocks('docs/clients.md')).find(({ words }) => words === 'json relay.config.json');
  const folder = await mkdtemp(join(tmpdir(), 'ticketgraph-docs-relay-'));
  try {
    await cp(join(root, 'schema/ticketgraph.graphql'), join(folder, 'schema.graphql'));
    await writeFile(join(folder, 'relay.config.json'), named.text);
    await writeFile(join(folder, 'package.json'), '{}');
    await mkdir(join(folder, 'src'));
    const source = "import { graphql } from 'react-relay';\nexport const q = graphql`query AppQuery { viewer { id } }`;\n";
    await writeFile(join(folder, 'src/App.ts'), source);
    await run(relay, ['relay.config.json'], { cwd: folder });
    assert.deepEqual(await readdir(join(folder, 'src/__generated__')), ['AppQuery.graphql.ts']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
