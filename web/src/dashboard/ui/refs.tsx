// A vendor's own identifiers as rows of facts, those of one kind together.

import type { ReactNode } from 'react';

import type { Words } from '../words';

/** The label of a kind: `acme.order_item` is an "Order item". A number at its end counts items and is left out. */
function labelOf(kind: string, t: Words): string {
  const name = kind.split('.').filter((part, place) => place > 0 && !/^\d+$/.test(part)).join('_') || kind;
  const known: Record<string, string> = t.refs;
  const plain = name.replaceAll('_', ' ');
  return known[name] ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

export function refRows(refs: readonly { kind: string; value: string }[], t: Words): [string, ReactNode][] {
  const labels = new Map<string, string[]>();
  for (const { kind, value } of refs) {
    const label = labelOf(kind, t);
    labels.set(label, [...(labels.get(label) ?? []), value]);
  }
  return [...labels].map(([label, values]) => [label, <code>{values.join(', ')}</code>]);
}
