// Points of sale, put in rows: one for each interval of a period, those without a sale among them.

import { DAY, type Days } from '../../days';
import type { Interval, SalesQuery } from '../api/documents';
import type { Money } from '../words';

export type SalesPoint = NonNullable<SalesQuery['reseller']>['sales'][number];

/** What a column stands for: `tickets`, `orders`, or the code of a currency. Sums of two currencies never share an axis. */
export type Measure = string;

export interface Row {
  from: string;
  /** By the name of the source. Money is in minor units. */
  values: Record<string, number>;
}

export interface Curve {
  sources: string[];
  rows: Row[];
  /** Zero of the currency, where money is measured. */
  unit: Money | null;
}

export function measuresOf(points: readonly SalesPoint[]): Measure[] {
  return ['tickets', 'orders', ...new Set(points.map((point) => point.currency))];
}

const textOf = (time: number) => new Date(time).toISOString().slice(0, 10);

/** The first days of the intervals that touch a period, as the API counts them: weeks begin on Monday. */
export function intervalsOf({ from, to }: Days, interval: Interval): string[] {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const first = new Date(begin);
  if (interval === 'WEEK') first.setTime(begin - ((first.getUTCDay() + 6) % 7) * DAY);
  if (interval === 'MONTH') first.setUTCDate(1);
  const days: string[] = [];
  for (const at = first; at.getTime() <= end;) {
    days.push(textOf(at.getTime()));
    if (interval === 'MONTH') at.setUTCMonth(at.getUTCMonth() + 1);
    else at.setTime(at.getTime() + (interval === 'WEEK' ? 7 : 1) * DAY);
  }
  return days;
}

/** The name of a source, also of one that is not configured any more. */
export const nameOf = (of: { institution: string | null; sourceName: string }) => of.institution ?? of.sourceName;

function valueOf(point: SalesPoint, measure: Measure): number {
  if (measure === 'tickets') return point.tickets;
  if (measure === 'orders') return point.orders;
  return point.currency === measure ? point.gross.amount : 0;
}

export function curveOf(points: readonly SalesPoint[], measure: Measure, days: Days, interval: Interval): Curve {
  const isMoney = measure !== 'tickets' && measure !== 'orders';
  const counted = isMoney ? points.filter((point) => point.currency === measure) : points;
  const sources = [...new Set(counted.map(nameOf))].sort();
  const rows = new Map<string, Row>(intervalsOf(days, interval).map((from) => [from, { from, values: {} }]));
  for (const point of counted) {
    // The server may cut the first interval at the begin of the period.
    const from = rows.has(point.from)
      ? point.from
      : (intervalsOf({ from: point.from, to: point.from }, interval)[0] ?? point.from);
    const row = rows.get(from) ?? { from, values: {} };
    rows.set(from, row);
    row.values[nameOf(point)] = (row.values[nameOf(point)] ?? 0) + valueOf(point, measure);
  }
  const unit = isMoney ? (counted[0] ? { ...counted[0].gross, amount: 0 } : null) : null;
  return { sources, rows: [...rows.values()].sort((a, b) => a.from.localeCompare(b.from)), unit };
}
