// A period of days, chosen by a button or by hand.

import { calendarMonths, type Days, isPeriod, lastDays } from '../../days';
import { useTranslation } from '../words';

export function PeriodPicker({ days, onChange }: { days: Days; onChange: (days: Days) => void }) {
  const { t } = useTranslation();
  const choices: [string, Days][] = [
    [t.period.last7, lastDays(7)],
    [t.period.last30, lastDays(30)],
    [t.period.thisMonth, calendarMonths(1, 0)],
    [t.period.lastMonth, calendarMonths(1, 1)],
    [t.period.thisQuarter, calendarMonths(3, 0)],
    [t.period.lastQuarter, calendarMonths(3, 1)],
  ];
  return (
    <div className="bar" role="group" aria-label={t.period.title}>
      <div className="segments">
        {choices.map(([name, choice]) => {
          const isChosen = choice.from === days.from && choice.to === days.to;
          return (
            <button key={name} type="button" aria-pressed={isChosen} onClick={() => onChange(choice)}>
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
