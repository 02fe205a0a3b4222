// An order as its page reads it.

import type { OrderQuery } from '../api/documents';
import type { Formats } from '../words';

export type Order = NonNullable<OrderQuery['order']>;

export type Line = Order['lines'][number];

/** The title of a line's event, or the one of the day of the order if the source cannot be reached. */
export function titleOf({ performance, eventTitle }: Line): string | null {
  return performance?.event.title ?? eventTitle;
}

/** When a line is, on the clock of its place. */
export function whenOf({ performance, visitDate }: Line, f: Formats): string | null {
  if (performance?.startsAt) return f.time(performance.startsAt, performance.event.timeZone);
  const date = performance?.date ?? visitDate;
  return date ? f.day(date) : null;
}

/** The same with its place, as far as they are known. */
export function whereAndWhen(line: Line, f: Formats): string {
  return [whenOf(line, f), line.performance?.event.venue].filter(Boolean).join(' · ');
}
