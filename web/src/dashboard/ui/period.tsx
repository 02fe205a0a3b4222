// A period of days, chosen by a button or by hand.

import { useTranslation } from '../words';

export interface Days {
  from: string;
  to: string;
}

/** The day that many days from today, as the calendar of the person has it: YYYY-MM-DD. */
export function dayFromToday(offset: number): string {
  const date = new Date();
  date.setDate(date.getDate() + offset);
  const two = (part: number) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A period that ends tomorrow: somewhere it is tomorrow already. */
export const lastDays = (count: number): Days => ({ from: dayFromToday(1 - count), to: dayFromToday(1) });

export function isPeriod({ from, to }: Days): boolean {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  return end >= begin && end - begin <= 366 * 86_400_000;
}

export function PeriodPicker({ days, onChange }: { days: Days; onChange: (days: Days) => void }) {
  const { t } = useTranslation();
  const choices: [string, number][] = [
    [t.period.last7, 7],
    [t.period.last30, 30],
    [t.period.last90, 90],
    [t.period.year, 365],
  ];
  return (
    <div className="bar" role="group" aria-label={t.period.title}>
      <div className="segments">
        {choices.map(([name, count]) => {
          const choice = lastDays(count);
          const isChosen = choice.from === days.from && choice.to === days.to;
          return (
            <button key={count} type="button" aria-pressed={isChosen} onClick={() => onChange(choice)}>
              {name}
            </button>
          );
        })}
      </div>
      <label>
        {t.period.from}
        <input type="date" value={days.from} required onChange={(event) => onChange({ ...days, from: event.target.value })} />
      </label>
      <label>
        {t.period.to}
        <input type="date" value={days.to} required onChange={(event) => onChange({ ...days, to: event.target.value })} />
      </label>
      {isPeriod(days) ? null : (
        <p role="alert" className="field-error">
          {t.period.wrong}
        </p>
      )}
    </div>
  );
}
