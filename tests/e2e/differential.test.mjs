// Random requests over the schema, compared with graphql-js: the same verdict, the same coerced variables, and the same
// data for the operation as sent and for the operation that the gateway would execute. Both run in graphql-js over one
// set of resolvers whose values follow from the field and its arguments.
//
// CASES and SEED change the number of requests and the first of them; a failing request is printed with its seed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import {
  GraphQLError, Kind, TypeInfo, buildSchema, execute, getNamedType, getNullableType, getVariableValues, isAbstractType,
  isCompositeType, isEnumType, isInputObjectType, isListType, isNonNullType, isObjectType, isScalarType, parse, print,
  specifiedRules, validate, visit, visitWithTypeInfo,
} from 'graphql';

const root = new URL('../../', import.meta.url).pathname;
const binary = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/examples/lower_documents');
const cases = Number(process.env.CASES ?? 10_000);
const firstSeed = Number(process.env.SEED ?? 1);

const schema = buildSchema(await readFile(`${root}schema/ticketgraph.graphql`, 'utf8'));

/** A generator of pseudo-random numbers (mulberry32). */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Values of the custom scalars that every implementation accepts. */
const SCALARS = {
  CurrencyCode: ['EUR', 'CHF'], DateTime: ['2026-12-01T10:00:00Z'], LocalDate: ['2026-12-01'], Locale: ['fr', 'de-AT'],
  MinorUnits: [0, 1250], TimeZone: ['Europe/Zurich'], URL: ['https://example.org/a'],
};

/** Generates one request: a document and its variables. */
class Generator {
  constructor(seed) {
    this.next = random(seed);
    this.variables = new Map();
    this.fragments = new Map();
    this.values = {};
    this.fields = 0;
  }

  chance(share) {
    return this.next() < share;
  }

  pick(items) {
    return items[Math.floor(this.next() * items.length)];
  }

  request() {
    const kind = this.chance(0.85) ? 'query' : this.pick(['mutation', 'subscription']);
    this.kind = kind;
    const type = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    const selections = this.selections(type, 0, kind === 'subscription' ? 1 : 3, kind === 'subscription');
    const definitions = [...this.variables].map(([name, { type: of, initial }]) => `$${name}: ${of}${initial === undefined ? '' : ` = ${initial}`}`);
    if (this.chance(0.01)) definitions.push('$unused: Int');
    const head = this.chance(0.3) && kind === 'query' && definitions.length === 0 ? '' : `${kind} Q${definitions.length ? `(${definitions.join(', ')})` : ''} `;
    const fragments = [...this.fragments].map(([name, { on, body }]) => `fragment ${name} on ${on} ${body}`);
    if (this.chance(0.01)) fragments.push('fragment Unused on Query { __typename }');
    let query = [head + selections, ...fragments].join(this.chance(0.5) ? '\n' : ' #\r ');
    if (this.chance(0.02)) query = this.garble(query);
    return { query, variables: this.values };
  }

  /** Removes, doubles or replaces a piece of a text. */
  garble(text) {
    const at = Math.floor(this.next() * text.length);
    return text.slice(0, at) + this.pick(['', '{', '}', '"', '$', '#', '\r', '"""', ' id ', ':']) + text.slice(at + Math.floor(this.next() * 3));
  }

  selections(type, depth, most, isSubscription = false) {
    const count = 1 + Math.floor(this.next() * most);
    const parts = [];
    for (let index = 0; index < count; index += 1) {
      parts.push(isSubscription ? this.field(type, depth, false) : this.selection(type, depth));
    }
    return `{ ${parts.join(this.pick([' ', ', ', '\n']))} }`;
  }

  selection(type, depth) {
    const draw = this.next();
    if (draw < 0.1 && depth < 6) return `...${this.condition(type)}${this.deferral()}${this.directives()} ${this.fragmentBody(type, depth)}`;
    if (draw < 0.18 && depth < 6) return `...${this.fragment(type, depth)}${this.deferral()}${this.directives()}`;
    // graphql-js does not compare the type of `__typename` with that of another field under the same key, as §5.3.2 asks.
    if (draw < 0.24 || !type.getFields) return `${this.chance(0.2) ? 'kind: ' : ''}__typename${this.directives()}`;
    return this.field(type, depth);
  }

  /** The type condition of the inline fragment that is generated next; most may apply. */
  condition(type) {
    this.on = type;
    if (this.chance(0.2)) return '';
    const candidates = [type, ...(isAbstractType(type) ? schema.getPossibleTypes(type) : type.getInterfaces())];
    if (isObjectType(type)) {
      candidates.push(...Object.values(schema.getTypeMap()).filter((union) => isAbstractType(union) && schema.isSubType(union, type)));
    }
    if (this.chance(0.02)) candidates.push(schema.getType('PageInfo'));
    this.on = this.pick(candidates);
    return ` on ${this.on.name}`;
  }

  fragmentBody(type, depth) {
    return this.selections(this.on ?? type, depth + 1, 2);
  }

  fragment(type, depth) {
    const known = [...this.fragments].filter(([, { on, body }]) => on === type.name && body);
    if (known.length && this.chance(0.4)) return this.pick(known)[0];
    const name = `F${this.fragments.size}`;
    this.fragments.set(name, { on: type.name, body: undefined });
    this.condition(type);
    const on = this.on;
    const body = this.selections(on, depth + 1, 2);
    this.fragments.set(name, { on: on.name, body });
    return name;
  }

  alias(share) {
    return this.chance(share) ? `${this.pick(['a', 'b', 'c', 'id', 'title'])}: ` : '';
  }

  /** graphql-js 16 knows nothing of `@defer` but its definition, and executes what is deferred. */
  deferral() {
    if (this.kind !== 'query' || !this.chance(0.08)) return '';
    return ` @defer${this.chance(0.5) ? '' : `(if: ${this.chance(0.5) ? 'false' : this.variable(schema.getType('Boolean'), true)})`}`;
  }

  directives() {
    if (!this.chance(0.12)) return '';
    const name = this.pick(['skip', 'include']);
    const condition = this.chance(0.5) ? this.pick(['true', 'false']) : this.variable(schema.getType('Boolean'), true);
    return ` @${name}(if: ${condition})`;
  }

  field(type, depth, withDirectives = true) {
    this.fields += 1;
    const fields = Object.values(type.getFields());
    const leaves = fields.filter((field) => !isCompositeType(getNamedType(field.type)));
    const field = this.pick((depth >= 5 || this.fields > 60) && leaves.length ? leaves : fields);
    const named = getNamedType(field.type);
    if (this.chance(0.003)) return 'noSuchField';
    const parts = [];
    for (const argument of field.args) {
      const isRequired = isNonNullType(argument.type) && argument.defaultValue === undefined;
      if (this.chance(isRequired ? 0.995 : 0.4)) parts.push(`${argument.name}: ${this.value(argument.type, argument.defaultValue !== undefined, 0)}`);
    }
    if (this.chance(0.002)) parts.push('noSuchArgument: 1');
    // Aliases are frequent, so that fields of one response key have to be merged or conflict.
    let text = `${this.alias(0.25)}${field.name}${parts.length ? `(${parts.join(', ')})` : ''}${withDirectives ? this.directives() : ''}`;
    if (isCompositeType(named)) {
      text += this.chance(0.002) ? '' : ` ${depth > 9 ? '{ __typename }' : this.selections(named, depth + 1, depth > 2 ? 2 : 3)}`;
    } else if (this.chance(0.002)) {
      text += ' { id }';
    }
    return text;
  }

  /** A literal or a variable of a type. */
  value(type, hasDefault, depth) {
    if (this.chance(0.35)) return this.variable(type, false, hasDefault);
    return this.literal(type, depth);
  }

  literal(type, depth) {
    if (isNonNullType(type)) {
      return this.chance(0.003) ? 'null' : this.literal(type.ofType, depth);
    }
    if (this.chance(0.06)) return 'null';
    if (isListType(type)) {
      // A single value stands for a list of one.
      if (this.chance(0.2)) return this.literal(type.ofType, depth);
      const items = Array.from({ length: Math.floor(this.next() * 3) }, () => (this.chance(0.2) ? this.variable(type.ofType, false) : this.literal(type.ofType, depth)));
      return `[${items.join(', ')}]`;
    }
    if (this.chance(0.004) && !SCALARS[type.name]) return this.pick(['1', '"x"', 'true', 'NOPE', '{}', '2.5', '99999999999']);
    if (isEnumType(type)) return this.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const parts = Object.values(type.getFields()).flatMap((field) => {
        const isRequired = isNonNullType(field.type) && field.defaultValue === undefined;
        if (!this.chance(isRequired ? 0.997 : depth > 2 ? 0.1 : 0.3)) return [];
        return [`${field.name}: ${this.chance(0.25) ? this.variable(field.type, false, field.defaultValue !== undefined) : this.literal(field.type, depth + 1)}`];
      });
      if (this.chance(0.003)) parts.push('noSuchField: 1');
      return `{${parts.join(', ')}}`;
    }
    return this.leaf(type, true);
  }

  leaf(type, isLiteral) {
    const custom = SCALARS[type.name];
    if (custom) return JSON.stringify(this.pick(custom));
    switch (type.name) {
      case 'Int': return this.pick(isLiteral ? ['0', '1', '-7', '2147483647'] : ['0', '1', '-7', '2147483647', '3.0']);
      case 'Float': return this.pick(['0.5', '2', '-1.25']);
      case 'Boolean': return this.pick(['true', 'false']);
      case 'ID': return this.pick(['"x"', '7', '"MWEAb3BlcmEAbzEvdDA"']);
      default: return isLiteral ? this.pick(['"x"', '"""a "b" \\""" c"""', '"\\u00e9 # \\" {"', '""']) : this.pick(['"x"', '"é # \\" {"', '""', '"\\ud83c\\udfad"']);
    }
  }

  /** A variable of a type, new or known; its value may be left out, null or wrong. */
  variable(type, isCondition, hasDefault = false) {
    const known = [...this.variables].filter(([, { of }]) => of === type);
    if (known.length && this.chance(0.5)) return `$${this.pick(known)[0]}`;
    const name = `v${this.variables.size}`;
    // A nullable variable fits a non-null position that has a default, or if it has one itself.
    const nullable = getNullableType(type);
    const isLoose = isNonNullType(type) || isCondition ? this.chance(hasDefault ? 0.5 : 0.3) : true;
    const declared = isLoose ? `${nullable}` : `${nullable}!`;
    const needsInitial = isLoose && (isNonNullType(type) || isCondition) && !hasDefault;
    const initial = needsInitial ? this.constant(nullable, 0, true) : isLoose && this.chance(0.3) ? this.constant(nullable, 0, true) : undefined;
    this.variables.set(name, { of: type, type: declared, initial });
    const draw = this.next();
    // graphql-js knows nothing of the values of custom scalars.
    if (draw < 0.02 && !SCALARS[getNamedType(type).name]) this.values[name] = this.pick([null, 'x', 1.5, true, {}, [], 'NOPE']);
    else if (draw < 0.75 || (!isLoose && initial === undefined && draw < 0.99)) this.values[name] = JSON.parse(this.constant(nullable, 0, false));
    else if (draw < 0.8 && isLoose && !isCondition) this.values[name] = null;
    return `$${name}`;
  }

  /** A constant as a literal or as JSON. */
  constant(type, depth, isLiteral) {
    if (isNonNullType(type)) return this.constant(type.ofType, depth, isLiteral);
    if (isListType(type)) {
      if (this.chance(0.2)) return this.constant(type.ofType, depth, isLiteral);
      return `[${Array.from({ length: Math.floor(this.next() * 3) }, () => this.constant(type.ofType, depth, isLiteral)).join(', ')}]`;
    }
    if (isEnumType(type)) return isLiteral ? this.pick(type.getValues()).name : JSON.stringify(this.pick(type.getValues()).name);
    if (isInputObjectType(type)) {
      const parts = Object.values(type.getFields()).flatMap((field) => {
        const isRequired = isNonNullType(field.type) && field.defaultValue === undefined;
        if (!isRequired && !this.chance(depth > 1 ? 0.1 : 0.3)) return [];
        return [`${isLiteral ? field.name : JSON.stringify(field.name)}: ${this.constant(field.type, depth + 1, isLiteral)}`];
      });
      return `{${parts.join(', ')}}`;
    }
    return this.leaf(type, isLiteral);
  }
}

/** A number that follows from a text (FNV-1a). */
function hash(text) {
  let mixed = 2_166_136_261;
  for (let index = 0; index < text.length; index += 1) mixed = Math.imul(mixed ^ text.charCodeAt(index), 16_777_619) >>> 0;
  return mixed;
}

function valueOf(type, seed) {
  if (isNonNullType(type)) return valueOf(type.ofType, seed) ?? valueOf(type.ofType, `${seed}!`) ?? valueOf(type.ofType, `${seed}!!`);
  if (hash(`${seed}null`) % 12 === 0) return null;
  if (isListType(type)) return Array.from({ length: hash(seed) % 3 }, (_, index) => valueOf(type.ofType, `${seed}[${index}]`));
  if (isEnumType(type)) return type.getValues()[hash(seed) % type.getValues().length].value;
  if (isScalarType(type)) return { Int: hash(seed) % 1000, Float: (hash(seed) % 1000) / 4, Boolean: hash(seed) % 2 === 0 }[type.name] ?? `${type.name} ${hash(seed)}`;
  const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
  return { seed, __typename: objects[hash(seed) % objects.length].name };
}

const resolvers = {
  fieldResolver: (source, args, _context, info) => valueOf(info.returnType, `${source?.seed ?? ''}.${info.fieldName}(${JSON.stringify(args)})`),
  typeResolver: (value) => value.__typename,
};

/** Executes an operation; a subscription like a query, for one event. */
function run(document, variableValues) {
  const asQuery = (definition) => (definition.kind === Kind.OPERATION_DEFINITION && definition.operation === 'subscription' ? { ...definition, operation: 'query' } : definition);
  const isSubscription = document.definitions.some((definition) => definition.operation === 'subscription');
  const over = isSubscription ? subscriptionsAsQueries : schema;
  return execute({ schema: over, document: { ...document, definitions: document.definitions.map(asQuery) }, rootValue: {}, variableValues, ...resolvers });
}

const config = schema.toConfig();
const { GraphQLSchema } = await import('graphql');
const subscriptionsAsQueries = new GraphQLSchema({ ...config, query: schema.getSubscriptionType(), mutation: undefined, subscription: undefined });

/** What graphql-js makes of a request. */
function expected({ query, variables }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    assert.ok(error instanceof GraphQLError);
    return { verdict: 'syntax' };
  }
  const errors = validate(schema, document, specifiedRules);
  if (errors.length) return { verdict: 'invalid', errors: errors.map((error) => error.message), document };
  const operation = document.definitions.find((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (!operation) return { verdict: 'operation' };
  const { coerced, errors: wrong } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (wrong) return { verdict: 'variables', errors: wrong.map((error) => error.message), document };
  return { verdict: 'ok', variables: coerced, document };
}

/** Reads a lowered operation. Values of variables are JSON, which has no enum values. */
function parseLowered(text) {
  const types = new TypeInfo(schema);
  return visit(parse(text), visitWithTypeInfo(types, {
    StringValue: (node) => (isEnumType(getNamedType(types.getInputType())) ? { kind: Kind.ENUM, value: node.value } : undefined),
  }));
}

/** Lists of different lengths are compared when fields are merged, and fields that are skipped are not. */
function isConflictWithSkipped(query, wanted) {
  const conflicts = (wanted.errors ?? []).every((error) => /have differing arguments/.test(error));
  return wanted.verdict === 'invalid' && conflicts && /@(skip|include)/.test(query);
}

/** Descriptions in operations came with the specification of September 2025, and apollo-parser reads that of October 2021. */
function hasDescription(document) {
  let isFound = false;
  visit(document, { enter: (node) => { isFound ||= Boolean(node.description); } });
  return isFound;
}

function compare(request, found) {
  const wanted = expected(request);
  // Limits are not part of the specification.
  if (found.verdict === 'limit') return 'limit';
  // Values of custom scalars, about which graphql-js knows nothing, may be garbled.
  if (found.errors?.every((error) => /Failed to parse|control characters/.test(error))) return 'custom scalar';
  if (found.verdict === 'invalid' && wanted.verdict === 'ok') {
    // A null condition is an error before execution here, and in graphql-js where execution reaches it.
    assert.match(found.errors[0], /^Argument "if" of .* must not be null/);
    assert.ok(Object.values(request.variables).includes(null));
    return 'null condition';
  }
  if (found.verdict !== 'invalid' && isConflictWithSkipped(request.query, wanted)) return 'conflict with a skipped field';
  if (found.verdict === 'syntax' && wanted.document && hasDescription(wanted.document)) return 'description';
  // apollo-parser 0.8.7 ignores no comma between a name and its colon.
  if (found.verdict === 'syntax' && wanted.document && /\w\s*,[\s,]*:/.test(request.query)) return 'comma before a colon';
  assert.equal(found.verdict, wanted.verdict, `${JSON.stringify(found.errors)} / ${JSON.stringify(wanted.errors)}`);
  if (wanted.verdict !== 'ok') return wanted.verdict;
  assert.deepEqual(found.variables, JSON.parse(JSON.stringify(wanted.variables)));
  if (found.lowered.endsWith('{}')) {
    // Everything is skipped; an empty selection cannot be written down.
    assert.equal(JSON.stringify(run(wanted.document, request.variables).data), '{}');
    return 'ok';
  }
  const lowered = parseLowered(found.lowered);
  const [as, like] = [run(lowered, {}), run(wanted.document, request.variables)];
  assert.equal(JSON.stringify(as.data), JSON.stringify(like.data), print(lowered));
  const paths = (result) => [...new Set((result.errors ?? []).map((error) => JSON.stringify(error.path)))].sort();
  assert.deepEqual(paths(as), paths(like));
  return 'ok';
}

/** Starts the program that shows what the gateway makes of requests; `ask` sends some and returns its verdicts. */
function startLowering(context) {
  const child = spawn(binary, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  context.after(() => child.kill());
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (requests) => {
    child.stdin.write(requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
    const verdicts = [];
    for (const _ of requests) verdicts.push(JSON.parse((await answers.next()).value));
    return verdicts;
  };
}

/** A request and others that look like it: some with another layout, some with another meaning. */
function lookalikes(seed) {
  const generator = new Generator(seed);
  const request = generator.request();
  const { query } = request;
  const variants = [query, query.replaceAll(' ', ' # x\r'), query.replaceAll(' ', ',\uFEFF '), `#\r${query}`, `#${query}\n${query}`];
  for (let count = 0; count < 6; count += 1) variants.push(generator.garble(query));
  // One name for another, and a comment that hides a piece from those who end it elsewhere.
  variants.push(query.replace(/\bid\b/, 'id: title'), query.replace(/ (?=[a-z])/, ' #\r x: '), query.replace(/true/, 'false'));
  const names = Object.keys(request.variables);
  const others = names.length ? [{ query, variables: { ...request.variables, [generator.pick(names)]: generator.pick([null, 1, 'x', true]) } }] : [];
  return [...variants.map((text) => ({ query: text, variables: request.variables })), ...others];
}

test('requests share a response only if graphql-js says that they are one operation', async (context) => {
  const ask = startLowering(context);
  let shared = 0;
  for (let seed = firstSeed; seed < firstSeed + cases / 20; seed += 1) {
    const requests = lookalikes(seed);
    const verdicts = await ask(requests);
    const known = new Map();
    for (const [index, { verdict, digest, variables }] of verdicts.entries()) {
      if (verdict !== 'ok') continue;
      const { query } = requests[index];
      const wanted = expected(requests[index]);
      assert.ok(wanted.verdict === 'ok' || isConflictWithSkipped(query, wanted), `SEED=${seed} CASES=20\n${query}`);
      const meaning = print(parse(query)) + JSON.stringify(wanted.variables ?? variables);
      const key = digest + JSON.stringify(variables);
      shared += known.has(key) ? 1 : 0;
      assert.equal(known.get(key) ?? meaning, meaning, `SEED=${seed} CASES=20`);
      known.set(key, meaning);
    }
  }
  if (cases >= 1_000) assert.ok(shared > cases / 20, `${shared} shared`);
});

test('verdicts, variables and data are those of graphql-js', async (context) => {
  const ask = startLowering(context);
  const verdicts = {};
  const batch = 500;
  for (let start = firstSeed; start < firstSeed + cases; start += batch) {
    const seeds = Array.from({ length: Math.min(batch, firstSeed + cases - start) }, (_, index) => start + index);
    const requests = seeds.map((seed) => new Generator(seed).request());
    const found = await ask(requests);
    for (const [index, request] of requests.entries()) {
      try {
        const verdict = compare(request, found[index]);
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
      } catch (error) {
        error.message = `SEED=${seeds[index]} CASES=1\n${request.query}\n${JSON.stringify(request.variables)}\n${error.message}`;
        throw error;
      }
    }
  }
  console.log(JSON.stringify(verdicts));
  // The generator is worth little if most requests are wrong, or none is.
  if (cases >= 1_000) assert.ok(verdicts.ok > cases / 2 && verdicts.invalid > cases / 100, JSON.stringify(verdicts));
});
