// The examples of GraphiQL as a Postman collection, which Bruno, Insomnia and Hoppscotch import too. Run by scripts/collection.

import { readFile, readdir } from 'node:fs/promises';

import { Kind, OperationTypeNode, parse } from 'graphql';

const folder = new URL('../../web/src/examples/', import.meta.url);

/** Values of the examples' variables: dynamic variables of Postman, and those that the scripts below set. */
const VALUES = {
  from: '"{{from}}"',
  to: '"{{to}}"',
  key: '"{{$guid}}"',
  lines: '{{lines}}',
  entities: '[{ "__typename": "Performance", "id": "{{performance}}" }]',
  order: '"{{order}}"',
  quote: '"{{quote}}"',
};

/** Before each request: dates, and something that is for sale, looked up once. */
function fill() {
  const day = (offset) => new Date(Date.now() + offset * 86400000).toISOString().slice(0, 10);
  pm.collectionVariables.set('from', day(0));
  pm.collectionVariables.set('to', day(30));
  if (pm.collectionVariables.get('lines')) return;
  const vendors = ['ACME', 'SECUTIX', 'TICKETING', 'OCTO'];
  const wares = `nodes { performances(first: 3, from: "${day(1)}T12:00:00Z") {
    nodes { id availability { offers { status price { retail { amount } } ticketType { id } } } } } }`;
  const query = `{ ${vendors.map((vendor) => `${vendor}: events(first: 10, filter: { vendors: [${vendor}], status: [ON_SALE] }) { ${wares} }`).join(' ')} }`;
  const request = {
    url: pm.variables.replaceIn('{{baseUrl}}/graphql'),
    method: 'POST',
    header: { 'content-type': 'application/json' },
    body: { mode: 'raw', raw: JSON.stringify({ query }) },
  };
  pm.sendRequest(request, (error, response) => {
    if (error) throw error;
    const lines = Object.values(response.json().data).flatMap(({ nodes }) =>
      nodes
        .flatMap(({ performances }) => performances?.nodes ?? [])
        .flatMap(({ id, availability }) => {
          const offer = availability?.offers.find(({ status, price }) => status === 'AVAILABLE' && Number(price.retail.amount) > 0);
          return offer ? [{ performance: id, ticketType: offer.ticketType.id, quantity: 2 }] : [];
        })
        .slice(0, 1),
    );
    pm.collectionVariables.set('lines', JSON.stringify(lines));
    pm.collectionVariables.set('performance', lines[0].performance);
  });
}

/** After each request: no errors, and the ids that later requests continue with. */
function check() {
  const { data, errors } = pm.response.json();
  pm.test('the response has no errors', () => pm.expect(errors).to.equal(undefined));
  const order = data?.placeOrder?.order?.id;
  const quote = data?.quoteCancellation?.quote?.id;
  if (order) pm.collectionVariables.set('order', order);
  if (quote) pm.collectionVariables.set('quote', quote);
}

const script = (listen, run) => ({ listen, script: { type: 'text/javascript', exec: `(${run})();`.split('\n') } });

async function request(file) {
  const query = await readFile(new URL(file, folder), 'utf8');
  const [operation] = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  // Subscriptions are streams: Postman's GraphQL requests are not.
  if (operation.operation === OperationTypeNode.SUBSCRIPTION) return [];
  const key = query.match(/Bearer sandbox-([a-z-]+)"/)?.[1];
  const names = operation.variableDefinitions.map(({ variable }) => variable.name.value);
  const variables = names.filter((name) => name in VALUES).map((name) => `  "${name}": ${VALUES[name]}`);
  const header = [{ key: 'Content-Type', value: 'application/json' }];
  if (key) header.push({ key: 'Authorization', value: `Bearer {{${key}_key}}` });
  return [
    {
      name: query.match(/^# (.+)$/m)[1],
      request: {
        method: 'POST',
        header,
        url: '{{baseUrl}}/graphql',
        body: { mode: 'graphql', graphql: { query, variables: variables.length ? `{\n${variables.join(',\n')}\n}` : '' } },
      },
    },
  ];
}

/** The collection, in Postman's format 2.1. */
export async function collection() {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.graphql')).sort();
  const item = (await Promise.all(files.map(request))).flat();
  const keys = [...new Set(JSON.stringify(item).match(/\{\{[a-z-]+_key\}\}/g))].map((name) => name.slice(2, -'_key}}'.length)).sort();
  return {
    info: {
      name: 'ticketgraph',
      description: 'The examples of GraphiQL, with the keys of the sandbox. Run them in this order: later requests continue earlier ones.',
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    variable: [
      { key: 'baseUrl', value: 'http://127.0.0.1:4000' },
      ...keys.map((name) => ({ key: `${name}_key`, value: `sandbox-${name}` })),
    ],
    event: [script('prerequest', fill), script('test', check)],
    item,
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) process.stdout.write(`${JSON.stringify(await collection(), null, 2)}\n`);
