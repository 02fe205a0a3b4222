// The periods of the overview and what was sold in them, by currency: sums of two currencies are never added.

import { type Days, daysBefore, lastDays } from '../../days';
import type { SellerPartsFragment } from '../api/documents';
import type { Money } from '../words';

export type PeriodName = 'today' | 'last7' | 'last30';

export const PERIODS: Record<PeriodName, number> = { today: 1, last7: 7, last30: 30 };

/** As many days, the last of which is today; and as many before them. */
export function periodOf(name: PeriodName): { days: Days; before: Days } {
  const days = lastDays(PERIODS[name]);
  return { days, before: daysBefore(days) };
}

/** What was sold in one currency. */
export interface Sold {
  currency: string;
  tickets: number;
  gross: Money;
  refunded: Money;
}

export function soldBy(sellers: readonly SellerPartsFragment[]): Sold[] {
  const sums = new Map<string, Sold>();
  for (const { currency, ticketsSold, gross, refunded } of sellers.flatMap(({ rows }) => rows)) {
    const sum = sums.get(currency);
    sums.set(currency, {
      currency,
      tickets: (sum?.tickets ?? 0) + ticketsSold,
      gross: { ...gross, amount: (sum?.gross.amount ?? 0) + gross.amount },
      refunded: { ...refunded, amount: (sum?.refunded.amount ?? 0) + refunded.amount },
    });
  }
  return [...sums.values()].sort((a, b) => a.currency.localeCompare(b.currency));
}

/** The currencies of two periods, each with the gross of both. */
export function compared(now: readonly Sold[], before: readonly Sold[]): { gross: Money; earlier: Money; tickets: number }[] {
  const currencies = [...new Set([...now, ...before].map(({ currency }) => currency))].sort();
  return currencies.flatMap((currency) => {
    const [present, past] = [now, before].map((sold) => sold.find((one) => one.currency === currency));
    const unit = present?.gross ?? past?.gross;
    if (!unit) return [];
    const none = { ...unit, amount: 0 };
    return [{ gross: present?.gross ?? none, earlier: past?.gross ?? none, tickets: present?.tickets ?? 0 }];
  });
}

export const unresolvedOf = (sellers: readonly SellerPartsFragment[]) =>
  sellers.flatMap(({ rows }) => rows).reduce((sum, row) => sum + row.unresolved, 0);
