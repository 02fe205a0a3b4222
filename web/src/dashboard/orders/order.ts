// An order as its page reads it.

import type { OrderQuery } from '../api/documents';
import type { Formats } from '../words';

export type Order = NonNullable<OrderQuery['order']>;

type Performance = NonNullable<Order['lines'][number]['performance']>;

/** When a performance is, on the clock of its place. */
export function whenOf({ startsAt, date, event }: Performance, f: Formats): string | null {
  if (startsAt) return f.time(startsAt, event.timeZone);
  return date ? f.day(date) : null;
}

/** The same with its place, as far as they are known. */
export function whereAndWhen(performance: Performance, f: Formats): string {
  return [whenOf(performance, f), performance.event.venue].filter(Boolean).join(' · ');
}
