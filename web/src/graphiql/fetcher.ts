// The fetcher of the editor: what it runs is the document that stands there now, with the key of the page in its place.

import { createGraphiQLFetcher, type Fetcher, type FetcherOpts, type FetcherParams, isAsyncIterable } from '@graphiql/toolkit';
import { type DocumentNode, type ExecutionResult, type IntrospectionQuery, Kind, OperationTypeNode, parse } from 'graphql';

import { headersToSend } from './authorization';
import { measuredFetch, measureMessages } from './exchanges';
import { withFederation } from './federation';
import { messageList } from './messages';
import { endOutage, startOutage } from './outages';
import { mapped } from './streams';
import { keepResults, missingExample } from './variables';

const url = new URL('/graphql', location.href).href;
const introspect = createGraphiQLFetcher({ url, enableIncrementalDelivery: false });
// Subscriptions go over the WebSocket; it carries the headers of the editor as connection parameters.
const send = createGraphiQLFetcher({
  url,
  subscriptionUrl: new URL('/graphql/ws', location.href.replace(/^http/, 'ws')).href,
  fetch: measuredFetch,
});

function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined; // The server says what is wrong.
  }
}

const failed = (message: string) => ({ errors: [{ message }] }) as unknown as ExecutionResult;

/** Introspects, with a key where one has been entered. */
async function introspected(params: FetcherParams, options: FetcherOpts, isSandbox: boolean): Promise<ExecutionResult> {
  const result = (await introspect(params, { headers: headersToSend(options.headers ?? {}, isSandbox) ?? {} })) as ExecutionResult;
  return result.data ? { ...result, data: withFederation(result.data as unknown as IntrospectionQuery) as never } : result;
}

/**
 * GraphiQL learns the operations of a document a moment after it is in the editor. Whoever runs an example at once would ask for an
 * operation of the one before, or for a subscription as if it were a query.
 */
function operationToRun(params: FetcherParams, documentAST: DocumentNode) {
  const operations = documentAST.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  return operations.find(({ name }) => name?.value === params.operationName) ?? operations[0];
}

export const createFetcher =
  (isSandbox: boolean): Fetcher =>
  async (params, options = {}) => {
    if (params.operationName === 'IntrospectionQuery') return introspected(params, options, isSandbox);
    const headers = headersToSend(options.headers ?? {}, isSandbox);
    if (!headers) return failed('This tab needs an API key, and keys are not stored: enter it in the field "API key" above.');
    const before = missingExample(params.query, params.variables ?? {});
    if (before) return failed(`Run ${before} first: this example continues with what it returns.`);
    const documentAST = parsed(params.query);
    const operation = documentAST && operationToRun(params, documentAST);
    const now = { ...params, operationName: operation ? operation.name?.value : params.operationName };
    if (operation?.operation === OperationTypeNode.SUBSCRIPTION) return subscribed(now, { headers, documentAST });

    const outage = isSandbox ? await startOutage(params.query) : undefined;
    const response = await send(now, { headers, documentAST });
    if (!isAsyncIterable(response)) throw new Error('the fetcher returns a list of parts');
    const keep = (part: unknown) => {
      keepResults(part);
      return part as ExecutionResult;
    };
    return mapped(response, { next: keep, end: () => outage && endOutage(outage) });
  };

/** Runs a subscription, and shows the list of its messages. */
async function subscribed(params: FetcherParams, options: FetcherOpts) {
  const messages = await send(params, options);
  if (!isAsyncIterable(messages)) throw new Error('the fetcher returns the messages of a subscription');
  const measured = measureMessages();
  const list = messageList();
  const add = (message: unknown) => {
    measured.add(message);
    return list.add(message) as ExecutionResult;
  };
  return mapped(messages, { next: add, fail: (error) => list.fail(error) as ExecutionResult | undefined, end: measured.end });
}
