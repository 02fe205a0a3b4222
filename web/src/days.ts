// Days of the calendar as texts, YYYY-MM-DD, and the periods by which people settle.

export interface Days {
  from: string;
  to: string;
}

/** Milliseconds of a day. */
export const DAY = 86_400_000;

const textOf = (year: number, month: number, day: number) => new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10);

/** The day that many days from another one. */
export const dayAfter = (day: string, count: number) => new Date(Date.parse(day) + count * DAY).toISOString().slice(0, 10);

/** Today, as the calendar of the person has it. */
export function today(): string {
  const now = new Date();
  return textOf(now.getFullYear(), now.getMonth(), now.getDate());
}

/** The day that many days from today, as the calendar of the person has it. */
export const dayFromToday = (offset: number) => dayAfter(today(), offset);

/** That many days, the last of which is today. */
export const lastDays = (count: number): Days => ({ from: dayFromToday(1 - count), to: today() });

/** Year, month from 0, and day of the month. */
function partsOf(day: string): [number, number, number] {
  const date = new Date(Date.parse(day));
  return [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
}

/** The period of so many calendar months that has today, or one that ended before: `ago` periods. A current one ends today. */
export function calendarMonths(count: number, ago: number): Days {
  const [year, month] = partsOf(today());
  const first = month - (month % count) - ago * count;
  return { from: textOf(year, first, 1), to: ago === 0 ? today() : textOf(year, first + count, 0) };
}

/**
 * The period before, to compare with: whole months before whole months, the same days of the month before for the begin of one, and
 * otherwise as many days.
 */
export function periodBefore({ from, to }: Days): Days {
  const [[year, month, first], [endYear, endMonth, last]] = [partsOf(from), partsOf(to)];
  const months = (endYear - year) * 12 + endMonth - month + 1;
  const isWhole = first === 1 && dayAfter(to, 1) === textOf(endYear, endMonth + 1, 1);
  if (isWhole) return { from: textOf(year, month - months, 1), to: dayAfter(from, -1) };
  if (first === 1 && months === 1) {
    const [end, same] = [dayAfter(from, -1), textOf(year, month - 1, last)];
    return { from: textOf(year, month - 1, 1), to: same < end ? same : end };
  }
  return daysBefore({ from, to });
}

/** As many days before a period. */
export function daysBefore({ from, to }: Days): Days {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY) + 1;
  return { from: dayAfter(from, -count), to: dayAfter(from, -1) };
}

export function isPeriod({ from, to }: Days): boolean {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  return end >= begin && end - begin <= 366 * DAY;
}
