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
}

const files = import.meta.glob<string>('./examples/*.graphql', { query: '?raw', import: 'default', eager: true });

/** The day that many days from today, as the visitor's calendar has it: YYYY-MM-DD. */
function day(offset: number): string {
  const date = new Date();
  date.setDate(date.getDate() + offset);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Values for the variables that examples share, by name: literals in a file would grow stale. */
const values: Record<string, () => unknown> = {
  from: () => day(0),
  to: () => day(30),
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
  }));
