// The changes of the schema since each release, as GraphQL Inspector finds them: schema/CHANGELOG.md. Run by scripts/changelog.

import { readFile, readdir } from 'node:fs/promises';

import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const folder = new URL('../../schema/', import.meta.url);
const read = (name) => readFile(new URL(name, folder), 'utf8');

const INTRODUCTION = `# Changes of the schema

Written by \`scripts/changelog\` from the released schemas in [releases](releases): what a client has to know before it updates. Changed
descriptions are left out, and so is what belongs to a new type. Enums gain values: treat an unknown one as "other".
`;

const HEADINGS = [
  [CriticalityLevel.Breaking, 'Breaking'],
  [CriticalityLevel.Dangerous, 'Check your client'],
  [CriticalityLevel.NonBreaking, 'Added or deprecated'],
];

/** The lines of the changes from one schema to the next, by criticality. */
async function changes(before, after) {
  const found = await diff(buildSchema(before), buildSchema(after));
  const added = new Set(found.filter(({ type }) => type === 'TYPE_ADDED' || type === 'DIRECTIVE_ADDED').map(({ path }) => path));
  const news = found.filter(({ type, path }) => {
    const [owner, ...rest] = (path ?? '').split('.');
    const isPartOfNew = added.has(owner) && (rest.length > 0 || !type.match(/^(TYPE|DIRECTIVE)_ADDED$/));
    return !type.includes('DESCRIPTION') && !isPartOfNew;
  });
  // An argument of a new field comes with the field.
  const fields = new Set(news.filter(({ type }) => type === 'FIELD_ADDED').map(({ path }) => path));
  const shown = news.filter(({ type, path }) => type !== 'FIELD_ARGUMENT_ADDED' || !fields.has(path.split('.').slice(0, 2).join('.')));
  return HEADINGS.flatMap(([level, heading]) => {
    const lines = shown.filter(({ criticality }) => criticality.level === level).map(({ message }) => `- ${message.replaceAll("'", '`')}`);
    return lines.length ? [`### ${heading}\n\n${[...new Set(lines)].sort().join('\n')}\n`] : [];
  });
}

/** The whole page: the newest changes first. */
export async function changelog() {
  const numbers = (name) => name.split('.').map((part) => Number(part) || 0);
  const byVersion = (a, b) => numbers(a).map((part, place) => part - numbers(b)[place]).find((order) => order) ?? 0;
  const releases = (await readdir(new URL('releases/', folder))).filter((name) => name.endsWith('.graphql')).sort(byVersion);
  const versions = [...releases.map((file) => ({ title: file.replace('.graphql', ''), file: `releases/${file}` })), { title: 'Unreleased', file: 'ticketgraph.graphql' }];
  const parts = [];
  for (const [place, { title, file }] of versions.entries()) {
    const lines = place ? await changes(await read(versions[place - 1].file), await read(file)) : ['The first version.\n'];
    parts.unshift(`## ${title}\n\n${lines.length ? lines.join('\n') : 'No changes.\n'}`);
  }
  return [INTRODUCTION, ...parts].join('\n');
}

if (process.argv[1] === new URL(import.meta.url).pathname) process.stdout.write(await changelog());
