// Requests of at most 64 KB that are made to hurt: each is answered, and costs the process little memory and processor.
//
// The bound of the processor is one second for an optimized build; a debug build works several times longer.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { ask } from './shop.mjs';
import { startServer } from './server.mjs';

const MOST_BYTES = 64 * 1024;
const MOST_MEGABYTES = 64;
const MOST_SECONDS = 5;
/** Clock ticks a second in /proc (`getconf CLK_TCK`), 100 on every Linux of today. */
const TICKS = 100;

let server;

before(async () => {
  server = await startServer();
  // The first request builds what all others use.
  for (let count = 0; count < 2; count += 1) await ask(server.origin, '{ events { nodes { id title } } __schema { types { name } } }');
});

after(async () => {
  await server?.stop();
});

const many = (count, piece) => Array.from({ length: count }, (_, index) => piece(index)).join(' ');
const query = (text, variables) => JSON.stringify({ query: text, variables });
const types = 'types { name fields { name type { name ofType { name ofType { name } } } args { name type { name ofType { name } } } } }';

const HOSTILE = {
  'unknown fields': query(`{ ${'sourcez titel '.repeat(2400)} }`),
  'one field very often': query(`{ viewer { ${'id '.repeat(4900)} } }`),
  'aliases': query(`{ ${many(60, (index) => `a${index}: viewer { id }`)} }`),
  'a chain of fragments': query(`{ ...f0 } ${many(480, (index) => `fragment f${index} on Query { ...f${index + 1} viewer { id } }`)} fragment f480 on Query { viewer { id } }`),
  'fragments that double': query(`{ ...f0 } ${many(100, (index) => `fragment f${index} on Query { ...f${index + 1} ...f${index + 1} }`)} fragment f100 on Query { viewer { id } }`),
  'nested fields to merge': query(`{ ${'events { nodes { source { id name } } } '.repeat(300)} }`),
  'fragments to merge': query(`{ ${many(150, (index) => `...f${index}`)} } ${many(150, (index) => `fragment f${index} on Query { events { nodes { source { id name } } } ...f${(index + 1) % 150 || 149} }`)}`),
  'conflicts': query(`{ ${many(700, (index) => `a: event(id: "${index}") { id }`)} }`),
  'variables': query(`query(${many(900, (index) => `$v${index}: Int`)}) { viewer { id } }`),
  'introspection twenty times': query(`{ ${many(20, (index) => `a${index}: __schema { ${types} }`)} }`),
  'lists of lists of the schema': query('{ __type(name: "Node") { possibleTypes { interfaces { possibleTypes { name fields { name } } } } } }'),
  'types of fields of types': query(`{ ${many(20, (index) => `a${index}: __schema { types { fields { type { fields { name description } } } } }`)} }`),
  'a long string': query(`{ events(filter: {text: "${'x'.repeat(60_000)}"}) { totalCount } }`),
  'a long block string': query(`{ events(filter: {text: """${'\n x'.repeat(15_000)}"""}) { totalCount } }`),
  'commas': query(`{ viewer { id ${','.repeat(60_000)} } }`),
  'a long comment': query(`{ viewer { id } } #${'x'.repeat(60_000)}`),
  'brackets': query(`{ event(id: ${'['.repeat(30_000)}`),
  'braces': query('{a'.repeat(30_000)),
  'nested JSON': `{"query":"{viewer{id}}","variables":{"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`,
  'keys of JSON': JSON.stringify({ query: '{ viewer { id } }', variables: Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index])) }),
  'directives': query(`{ viewer { ${'id @skip(if: false) '.repeat(800)} } }`),
  'deferred fragments': query(`{ ${'... @defer { events(first: 100) { nodes { id title } } } '.repeat(15)} }`),
  'rows of rows': query('{ events(first: 100) { nodes { performances(first: 20) { nodes { id startsAt availability { status offers { status ticketType { id name } price { retail { amount } } } } } } } } }'),
};

/** Seconds of processor that the server has used. */
function seconds() {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Megabytes of the server: `VmRSS` now, `VmHWM` at most since it was reset. */
const megabytes = (name) => Number(readFileSync(`/proc/${server.pid}/status`, 'utf8').match(new RegExp(`${name}:\\s+(\\d+)`))[1]) / 1024;

for (const [name, body] of Object.entries(HOSTILE)) {
  test(`a request costs little: ${name}`, async () => {
    assert.ok(body.length <= MOST_BYTES, `${body.length} bytes`);
    writeFileSync(`/proc/${server.pid}/clear_refs`, '5');
    const before = { seconds: seconds(), megabytes: megabytes('VmRSS') };
    const response = await fetch(`${server.origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'multipart/mixed, application/graphql-response+json' },
      body,
    });
    await response.arrayBuffer();
    assert.ok(response.status < 500, `${response.status}`);
    const [worked, grown] = [seconds() - before.seconds, megabytes('VmHWM') - before.megabytes];
    assert.ok(grown <= MOST_MEGABYTES, `grown by ${grown.toFixed(0)} MB`);
    assert.ok(worked <= MOST_SECONDS, `worked for ${worked.toFixed(1)} s`);
    if (process.env.SHOW) console.log(name, response.status, `${worked.toFixed(2)} s`, `${grown.toFixed(0)} MB`);
  });
}
