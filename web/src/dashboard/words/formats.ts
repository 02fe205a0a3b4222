// Money, times and numbers as people of a language write them.

export interface Money {
  amount: number;
  currency: string;
  exponent: number;
}

/** Minor units as decimal digits, exactly: 3995 with exponent 2 is `39.95`. No floating point is involved. */
export function decimalOf(amount: number, exponent: number): string {
  const digits = String(Math.abs(amount)).padStart(exponent + 1, '0');
  const cut = digits.length - exponent;
  return `${amount < 0 ? '-' : ''}${digits.slice(0, cut)}${exponent > 0 ? `.${digits.slice(cut)}` : ''}`;
}

const ON_SITE: Intl.DateTimeFormatOptions = {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'short',
};

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['second', 60],
  ['minute', 60],
  ['hour', 24],
  ['day', 30],
  ['month', 12],
];

export function formatsOf(language: string) {
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' });
  const ownDay = new Intl.DateTimeFormat(language, { dateStyle: 'full' });
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
  const dayAndMonth = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
  const month = new Intl.DateTimeFormat(language, { month: 'short', year: 'numeric', timeZone: 'UTC' });
  const whole = new Intl.NumberFormat(language);
  const change = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0, signDisplay: 'exceptZero' });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  /** Milliseconds, as seconds from one on. */
  const duration = (ms: number) => (ms < 1000 ? `${whole.format(ms)} ms` : `${whole.format(Math.round(ms / 100) / 10)} s`);
  const utc = (date: string) => new Date(`${date}T00:00:00Z`);

  return {
    money({ amount, currency, exponent }: Money): string {
      const format = new Intl.NumberFormat(language, {
        style: 'currency',
        currency,
        minimumFractionDigits: exponent,
        maximumFractionDigits: exponent,
      });
      return format.format(decimalOf(amount, exponent) as Intl.StringNumericLiteral);
    },
    number: (value: number) => whole.format(value),
    percent: (value: number) =>
      new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 }).format(value / 100),
    /** A change as a part of what was before, with its sign. */
    change: (part: number) => change.format(part),
    /** An instant, on the clock of the person, or of a place. */
    time: (at: string, timeZone?: string) =>
      timeZone === undefined
        ? time.format(new Date(at))
        : new Intl.DateTimeFormat(language, { ...ON_SITE, timeZone }).format(new Date(at)),
    /** An instant with its seconds. */
    moment: (at: string) => moment.format(new Date(at)),
    /** The day of an instant in the calendar of the person. */
    dayOf: (at: string) => ownDay.format(new Date(at)),
    clock: (at: string) => clock.format(new Date(at)),
    /** A calendar day, YYYY-MM-DD. */
    day: (date: string) => day.format(utc(date)),
    shortDay: (date: string) => dayAndMonth.format(utc(date)),
    month: (date: string) => month.format(utc(date)),
    /** How far an instant is from another one. */
    ago(at: string, now: number): string {
      let distance = Math.round((Date.parse(at) - now) / 1000);
      for (const [unit, size] of UNITS) {
        if (Math.abs(distance) < size) return relative.format(distance, unit);
        distance = Math.trunc(distance / size);
      }
      return relative.format(distance, 'year');
    },
    duration,
    /** How long something took. */
    span: (from: string, to: string) => duration(Math.max(0, Date.parse(to) - Date.parse(from))),
  };
}

export type Formats = ReturnType<typeof formatsOf>;
