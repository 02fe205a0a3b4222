// The rules of graphql-eslint for any schema: descriptions, names, deprecations, nothing unreachable.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import plugin from '@graphql-eslint/eslint-plugin';
import { Linter } from 'eslint';

import { changelog } from './changelog.mjs';

const schema = new URL('../../schema/ticketgraph.graphql', import.meta.url).pathname;

// Taste, or against what this schema is.
const LEFT_OUT = {
  alphabetize: 'the printer of the server sorts by its own alphabet',
  'description-style': 'short descriptions stand in one line, long ones in a block',
  'input-name': 'a mutation with one plain argument needs no input',
  'no-root-type': 'there are mutations and subscriptions',
  'require-field-of-type-query-in-mutation-result': 'what changed is in the payload',
  'require-nullable-result-in-root': 'a payload is always there: what went wrong is its data',
  'strict-id-in-types': 'values such as money are no nodes; nodes are held by the rules for Relay',
};

// Stricter than the usual set: not only types, everything is described.
const STRICTER = {
  'require-description': [
    'error',
    { types: true, DirectiveDefinition: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true },
  ],
};

// Names of the domain that end like a type, and the directives of the specification, which the library prints: without the
// descriptions of their arguments, which introspection has.
const NOT_OURS = [/^Type "TicketType" should not/, /in directive "(defer|include|skip|specifiedBy)"$/];

test('every rule of graphql-eslint for schemas is clean, but those left out with a reason', async () => {
  const { parser, rules, configs } = plugin;
  const text = await readFile(schema, 'utf8');
  const all = Object.entries(configs['flat/schema-all'].rules).map(([name, options]) => [name.split('/')[1], options]);
  for (const name of Object.keys(LEFT_OUT)) assert.ok(all.some(([known]) => known === name), `${name} is no rule`);
  const kept = all.filter(([name]) => !(name in LEFT_OUT));
  assert.ok(kept.some(([name]) => name === 'require-description') && kept.length >= 20, `${kept.map(([name]) => name)}`);
  const config = {
    files: ['**/*.graphql'],
    languageOptions: { parser, parserOptions: { graphQLConfig: { schema: text } } },
    plugins: { graphql: { rules } },
    rules: Object.fromEntries(kept.map(([name, options]) => [`graphql/${name}`, STRICTER[name] ?? options])),
  };
  const found = new Linter({ configType: 'flat' }).verify(text, [config], { filename: 'schema.graphql' });
  const ours = found.filter(({ message }) => !NOT_OURS.some((pattern) => pattern.test(message)));
  assert.deepEqual(ours.map(({ ruleId, line, message }) => `${line} ${ruleId}: ${message}`), []);
});

test('the page of changes is up to date', async () => {
  const page = await readFile(new URL('../../schema/CHANGELOG.md', import.meta.url), 'utf8');
  assert.equal(await changelog(), page, 'run scripts/changelog');
});
