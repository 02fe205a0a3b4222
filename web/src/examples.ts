// The ready operations of GraphiQL: one file each under examples/, in the order of their names.
// The files stay plain GraphQL, so that the tests of the server run them too.

import { type DocumentNode, Kind, type OperationDefinitionNode, parse } from 'graphql';

export interface Example {
  /** The file's name without folder and ending, e.g. `10-first-query`. */
  name: string;
  /** The first comment line of the file. */
  title: string;
  /** The name of its operation, which is the title of its tab. */
  operation: string;
  query: string;
  /** The names of its variables. */
  variables: string[];
  /** The sandbox key that the comment of the file names; none: a caller without a key may run it. */
  key?: string;
}

const files = import.meta.glob<string>('./examples/*.graphql', { query: '?raw', import: 'default', eager: true });

/** The only operation of a document, or its first one; none where the text is no document. */
export function operationOf(query: string | DocumentNode): OperationDefinitionNode | undefined {
  try {
    const document = typeof query === 'string' ? parse(query) : query;
    return document.definitions.find((part) => part.kind === Kind.OPERATION_DEFINITION);
  } catch {
    return undefined; // Half written.
  }
}

export const examples: Example[] = Object.entries(files)
  .sort(([a], [b]) => a.localeCompare(b))
  .map(([path, query]) => {
    const operation = operationOf(query);
    return {
      name: path.replace(/^.*\/|\.graphql$/g, ''),
      title: query.match(/^# (.+)$/m)?.[1] ?? path,
      operation: operation?.name?.value ?? '',
      query,
      variables: operation?.variableDefinitions?.map(({ variable }) => variable.name.value) ?? [],
      key: query.match(/^# \{"Authorization": "Bearer (.+)"\}$/m)?.[1],
    };
  });

/** The example whose operation a document contains, edited or not. */
export function exampleOf(query: string): Example | undefined {
  const name = operationOf(query)?.name?.value;
  return name === undefined ? undefined : examples.find(({ operation }) => operation === name);
}
