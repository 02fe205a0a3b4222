// The ready operations of GraphiQL: one file each under examples/, in the order of their names.
// The files stay plain GraphQL, so that the tests of the server run them too.

import { Kind, parse } from 'graphql';

export interface Example {
  /** The file's name without folder and ending, e.g. `10-first-query`. */
  name: string;
  /** The first comment line of the file. */
  title: string;
  query: string;
  /** JSON for the variables editor; empty where the operation takes none that this page can fill. */
  variables: string;
  /** JSON for the headers editor: the key of the sandbox that the comment of the file names; empty where it names none. */
  headers: string;
}

const files = import.meta.glob<string>('./examples/*.graphql', { query: '?raw', import: 'default', eager: true });

/** The day that many days from today, as the visitor's calendar has it: YYYY-MM-DD. */
function day(offset: number): string {
  const date = new Date();
  date.setDate(date.getDate() + offset);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** What this page asks for at each vendor, to have something to buy. */
const wares = `nodes { performances(first: 3, from: "${day(1)}T12:00:00Z") {
  nodes { id availability { offers { status price { retail { amount } } ticketType { id } } } } } }`;

interface Line {
  performance: string;
  ticketType: string;
  quantity: number;
}

interface SellableLine {
  performances: {
    nodes: {
      id: string;
      availability: {
        offers: { status: string; price: { retail: { amount: number | string } }; ticketType: { id: string } }[];
      } | null;
    }[];
  } | null;
}

/** A line of an order at each vendor that has something for sale; none where this page may not look around. */
async function linesToBuy(): Promise<Line[]> {
  const vendors = ['ACME', 'SECUTIX', 'TICKETING'];
  const part = (vendor: string) => `${vendor}: events(first: 10, filter: { vendors: [${vendor}], status: [ON_SALE] }) { ${wares} }`;
  try {
    const answer = await fetch(new URL('/graphql', location.href), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `{ ${vendors.map(part).join(' ')} }` }),
      signal: AbortSignal.timeout(5000),
    });
    const found: Record<string, { nodes: SellableLine[] } | null> = (await answer.json()).data ?? {};
    return Object.values(found).flatMap((list) => {
      const shown = list?.nodes.flatMap((event) => event.performances?.nodes ?? []) ?? [];
      const lines = shown.flatMap(({ id, availability }) => {
        const offers = availability?.offers ?? [];
        const offer = offers.find(({ status, price }) => status === 'AVAILABLE' && Number(price.retail.amount) > 0);
        return offer ? [{ performance: id, ticketType: offer.ticketType.id, quantity: 2 }] : [];
      });
      return lines.slice(0, 1);
    });
  } catch {
    return [];
  }
}

const lines = await linesToBuy();

/** Values for the variables that examples share, by name: literals in a file would grow stale. */
const values: Record<string, () => unknown> = {
  from: () => day(0),
  to: () => day(30),
  key: () => crypto.randomUUID(),
  lines: () => lines,
  entities: () => lines.slice(0, 1).map(({ performance }) => ({ __typename: 'Performance', id: performance })),
  order: () => 'the id that PlaceOrder answered',
  quote: () => 'the id that QuoteCancellation answered',
};

function variablesOf(query: string): string {
  const names = parse(query)
    .definitions.flatMap((part) => (part.kind === Kind.OPERATION_DEFINITION ? (part.variableDefinitions ?? []) : []))
    .map((definition) => definition.variable.name.value);
  const filled = names.flatMap((name) => (values[name] ? [[name, values[name]()]] : []));
  return filled.length ? JSON.stringify(Object.fromEntries(filled), null, 2) : '';
}

export const examples: Example[] = Object.entries(files)
  .sort(([a], [b]) => a.localeCompare(b))
  .map(([path, query]) => ({
    name: path.replace(/^.*\/|\.graphql$/g, ''),
    title: query.match(/^# (.+)$/m)?.[1] ?? path,
    query,
    variables: variablesOf(query),
    headers: query.match(/^# (\{"Authorization": "Bearer sandbox-.+"\})$/m)?.[1] ?? '',
  }));
