// A vendor's own identifiers as rows of facts, those of one kind together.

import type { ReactNode } from 'react';

export function refRows(refs: readonly { kind: string; value: string }[]): [string, ReactNode][] {
  const kinds = new Map<string, string[]>();
  for (const { kind, value } of refs) kinds.set(kind, [...(kinds.get(kind) ?? []), value]);
  return [...kinds].map(([kind, values]) => [kind, <code>{values.join(', ')}</code>]);
}
