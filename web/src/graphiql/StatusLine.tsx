// The line under the response: how it was sent, how long it took, how large it was, and its id in the server's log. Long texts in the
// response, such as an SDL, can be opened below it with their line breaks.

import { useGraphiQL } from '@graphiql/react';
import { useMemo } from 'react';

import { type Exchange, exchanges } from './exchanges';
import { useStore } from '../store';

/** Lines from which a text in a response is shown on its own. */
const MIN_LINES = 5;

const number = (value: number, digits: number) => value.toLocaleString('en', { maximumFractionDigits: digits });
const time = (ms: number) => (ms < 1000 ? `${number(ms, 0)} ms` : `${number(ms / 1000, 1)} s`);
const size = (bytes: number) => (bytes < 1000 ? `${number(bytes, 0)} B` : `${number(bytes / 1000, 1)} kB`);

interface LongText {
  path: string;
  text: string;
}

function longTextsIn(value: unknown, path: string): LongText[] {
  if (typeof value === 'string') return value.split('\n').length >= MIN_LINES ? [{ path, text: value }] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => longTextsIn(part, path ? `${path}.${name}` : name));
}

function longTexts(response: string): LongText[] {
  // A line break in a string of JSON is escaped.
  if (!response.includes('\\n')) return [];
  try {
    return longTextsIn(JSON.parse(response), '');
  } catch {
    return [];
  }
}

function Measures({ exchange }: { exchange: Exchange }) {
  const { transport, status, requestId, elapsed, bytes, messages, isComplete } = exchange;
  return (
    <>
      <span>{status === undefined ? transport : `${transport} ${status}`}</span>
      {transport === 'WebSocket' ? (
        <span>
          {messages} {messages === 1 ? 'message' : 'messages'}
        </span>
      ) : null}
      {elapsed === undefined ? null : (
        <span title="From the request to the last byte or message">{time(elapsed)}</span>
      )}
      <span title="Size of the response, uncompressed">{size(bytes)}</span>
      {requestId === undefined ? null : (
        <span>
          x-request-id <code>{requestId}</code>
        </span>
      )}
      {isComplete ? null : <span>open</span>}
    </>
  );
}

export function StatusLine() {
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]);
  const exchange = useStore(exchanges)[tab?.id ?? ''];
  const response = tab?.response ?? '';
  const texts = useMemo(() => longTexts(response), [response]);
  return (
    <section className="status-line" aria-label="Response status">
      <p>{exchange ? <Measures exchange={exchange} /> : <span>No response yet</span>}</p>
      {texts.map(({ path, text }) => (
        <details key={path}>
          <summary>
            {path} ({number(text.split('\n').length, 0)} lines)
          </summary>
          <pre tabIndex={0}>{text}</pre>
        </details>
      ))}
    </section>
  );
}
