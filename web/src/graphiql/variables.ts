// The variables of the examples: what the page fills in, so that each runs as it is. What was filled is never stored: the next
// visit fills it again, with today's dates, a new idempotency key and something that is for sale then.

import { dayFromToday, today } from '../days';
import { type Example, exampleOf } from '../examples';
import { createStore } from '../store';
import type { Line } from './lines';

/** Results of this page that other examples continue. They outlive a reload, not the browser tab. */
export interface Results {
  /** The id of the order that was placed last. */
  order: string;
  /** The id of the quote that was returned last. */
  quote: string;
}

const RESULTS = 'ticketgraph:results';

function storedResults(): Results {
  const none = { order: '', quote: '' };
  try {
    return { ...none, ...JSON.parse(sessionStorage.getItem(RESULTS) ?? '{}') };
  } catch {
    return none;
  }
}

export const results = createStore<Results>(storedResults());

/** Takes what other examples continue out of a response. */
export function keepResults(response: unknown) {
  const { data } = (response ?? {}) as {
    data?: { placeOrder?: { order?: { id?: string } }; quoteCancellation?: { quote?: { id?: string } } };
  };
  const order = data?.placeOrder?.order?.id;
  const quote = data?.quoteCancellation?.quote?.id;
  if (order === undefined && quote === undefined) return;
  // A quote belongs to the order before.
  results.set(order === undefined ? { ...results.get(), quote: quote ?? '' } : { order, quote: '' });
  sessionStorage.setItem(RESULTS, JSON.stringify(results.get()));
}

/** What the examples buy. */
export const lines = createStore<Line[]>([]);

/** Sets what the examples buy from now on; an empty list changes nothing. */
export function setLines(found: Line[]) {
  if (found.length > 0) lines.set(found);
}

/** Values for the variables that examples share, by name: literals in a file would grow stale. */
const values: Record<string, () => unknown> = {
  from: () => today(),
  to: () => dayFromToday(30),
  key: () => crypto.randomUUID(),
  lines: () => lines.get(),
  entities: () => lines.get().slice(0, 1).map(({ performance }) => ({ __typename: 'Performance', id: performance })),
  order: () => results.get().order,
  quote: () => results.get().quote,
};

/** Variables whose value another example returns, and the example to run first. */
const CONTINUED: Record<string, string> = { order: 'PlaceOrder', quote: 'QuoteCancellation' };

/** Variables that this page learns while it is open. */
const LEARNED = ['order', 'quote', 'lines', 'entities'];

/** Stored in no case: a request with a used key has no further effect. */
const NEVER_STORED = 'key';

// Everything that this page has filled in; any other value is one that a person typed.
const filled = new Set<string>();
const entry = (name: string, value: unknown) => `${name} ${JSON.stringify(value)}`;

function fill(name: string): unknown {
  const value = values[name]?.() ?? null;
  filled.add(entry(name, value));
  return value;
}

const isFilled = (name: string, value: unknown) => value === '' || filled.has(entry(name, value));

const asText = (variables: Record<string, unknown>) =>
  Object.keys(variables).length > 0 ? JSON.stringify(variables, null, 2) : '';

/** The variables in an editor; none where they are no JSON object, for example half written. */
function variablesIn(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return {};
  try {
    const variables: unknown = JSON.parse(text);
    return typeof variables === 'object' && variables !== null && !Array.isArray(variables) ? { ...variables } : undefined;
  } catch {
    return undefined;
  }
}

/** New values for all variables of an example that the page fills, over those in `present`. */
function refilled(example: Example, present: Record<string, unknown>): Record<string, unknown> {
  const names = example.variables.filter((name) => values[name]);
  return { ...Object.fromEntries(names.map((name) => [name, fill(name)])), ...present };
}

/** The variables of an example as it is opened: JSON for the editor. */
export const newVariables = (example: Example): string => asText(refilled(example, {}));

/** The variables of a tab as they are stored: without what the page filled in. */
export function withoutFilled(query: string, text: string): string {
  const variables = variablesIn(text);
  if (!exampleOf(query) || !variables) return text;
  const typed = Object.entries(variables).filter(([name, value]) => name !== NEVER_STORED && !isFilled(name, value));
  return asText(Object.fromEntries(typed));
}

/** The variables of a tab that was stored: what a person typed, and the rest filled in again. */
export function withFilled(query: string, text: string): string {
  const example = exampleOf(query);
  const variables = variablesIn(text);
  return example && variables ? asText(refilled(example, variables)) : text;
}

/** The variables of the open tab after the page has learned values for them; none where nothing changes. */
export function withLearned(query: string, text: string): string | undefined {
  const example = exampleOf(query);
  const variables = variablesIn(text);
  if (!example || !variables) return undefined;
  const isOld = (name: string) => {
    const value = variables[name] ?? '';
    return LEARNED.includes(name) && isFilled(name, value) && JSON.stringify(value) !== JSON.stringify(values[name]?.());
  };
  if (!example.variables.some(isOld)) return undefined;
  const typed = Object.entries(variables).filter(([name, value]) => name !== NEVER_STORED && !isFilled(name, value));
  return asText(refilled(example, Object.fromEntries(typed)));
}

/** The example that must run before a document, since it returns the value of a variable that is still empty. */
export function missingExample(query: string, variables: Record<string, unknown>): string | undefined {
  const names = exampleOf(query)?.variables ?? [];
  const name = names.find((variable) => variable in CONTINUED && (variables[variable] ?? '') === '');
  return name === undefined ? undefined : CONTINUED[name];
}
