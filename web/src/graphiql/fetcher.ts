// The fetcher of the editor: what it runs is the document that stands there now.

import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { type DocumentNode, Kind, parse } from 'graphql';

// Subscriptions go over the WebSocket; it carries the headers of the editor as connection parameters.
const send = createGraphiQLFetcher({
  url: new URL('/graphql', location.href).href,
  subscriptionUrl: new URL('/graphql/ws', location.href.replace(/^http/, 'ws')).href,
});

function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined; // The server says what is wrong.
  }
}

/**
 * GraphiQL learns the operations of a document a moment after it is in the editor. Whoever runs an example at once would ask for an
 * operation of the one before, or for a subscription as if it were a query.
 */
export const fetcher: Fetcher = (params, options) => {
  const documentAST = parsed(params.query);
  if (!documentAST) return send(params, options);
  const names = documentAST.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION && definition.name ? [definition.name.value] : [],
  );
  const isThere = !params.operationName || names.includes(params.operationName);
  return send(isThere ? params : { ...params, operationName: names[0] }, { ...options, documentAST });
};
