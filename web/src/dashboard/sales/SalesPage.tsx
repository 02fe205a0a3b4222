// Sales over time and the statement of one reseller: the caller's own, or one that an operator chose.

import { useEffect, useState } from 'react';
import { useSubscription } from 'urql';

import { type Days, isPeriod, lastDays, periodBefore } from '../../days';
import { EarlierStatementDocument, type Interval, OrdersChangedDocument, SalesDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { may, type ViewProps } from '../app/viewer';
import { OrdersList } from '../orders/OrdersList';
import { Answer } from '../ui/Answer';
import { Card, Empty, Page } from '../ui/parts';
import { PeriodPicker } from '../ui/period';
import { useTranslation } from '../words';
import { Breakdown } from './Breakdown';
import { curveOf, type Measure, measuresOf, type SalesPoint } from './curve';
import { SalesChart } from './SalesChart';
import { SalesTable } from './SalesTable';
import { Statement, Totals } from './Statement';

const INTERVALS: Interval[] = ['DAY', 'WEEK', 'MONTH'];

export function SalesPage({ viewer }: ViewProps) {
  const { t } = useTranslation();
  return viewer.reseller ? (
    <Page title={t.sales.title}>
      <SalesOf reseller={viewer.reseller.id} isWatched={may(viewer, 'order:read')} hasOrders={may(viewer, 'order:read')} />
      {may(viewer, 'order:read') ? (
        <Card title={t.orders.latest} className="screen-only">
          <OrdersList pageSize={8} />
        </Card>
      ) : null}
    </Page>
  ) : null;
}

interface Sold {
  reseller: string;
  /** Asks again when an order changes. */
  isWatched: boolean;
  /** The caller may list orders, so that a row of the statement leads to them. */
  hasOrders: boolean;
  /** The caller lists the orders of all resellers. */
  isOperator?: boolean;
}

export function SalesOf({ reseller, isWatched, hasOrders, isOperator = false }: Sold) {
  const [days, setDays] = useState<Days>(() => lastDays(30));
  const [interval, setInterval] = useState<Interval>('DAY');
  const asked = useAsked({ query: SalesDocument, variables: { reseller, ...days, interval }, pause: !isPeriod(days) });
  const before = isPeriod(days) ? periodBefore(days) : days;
  const earlier = useAsked({ query: EarlierStatementDocument, variables: { reseller, ...before }, pause: !isPeriod(days) });

  const [watched] = useSubscription({ query: OrdersChangedDocument, pause: !isWatched });
  const changed = watched.data?.ordersChanged;
  useEffect(() => {
    if (!changed) return;
    // An order moves several times within a moment: the last one counts.
    const timer = setTimeout(asked.again, 400);
    return () => clearTimeout(timer);
    // Only a change is a reason to ask.
  }, [changed?.id, changed?.version]);

  const { t } = useTranslation();
  const ofReseller = isOperator ? reseller : null;
  return (
    <>
      <PeriodPicker days={days} onChange={setDays} />
      <Answer asked={asked}>
        {({ reseller: found }) =>
          found ? (
            <>
              <Totals rows={found.statement} earlier={earlier.data?.reseller?.statement ?? null} before={before} />
              <OverTime points={found.sales} days={days} interval={interval} onInterval={setInterval} />
              <Statement rows={found.statement} reseller={found} days={days} hasOrders={hasOrders} ofReseller={ofReseller} />
              <Breakdown reseller={reseller} days={days} hasOrders={hasOrders} ofReseller={ofReseller} />
            </>
          ) : (
            <Empty title={t.errors.NOT_FOUND} />
          )
        }
      </Answer>
    </>
  );
}

interface Time {
  points: readonly SalesPoint[];
  days: Days;
  interval: Interval;
  onInterval: (interval: Interval) => void;
}

function OverTime({ points, days, interval, onInterval }: Time) {
  const { t } = useTranslation();
  const [wanted, setWanted] = useState<Measure>('tickets');
  const measures = measuresOf(points);
  const measure = measures.includes(wanted) ? wanted : 'tickets';
  const nameOf = (name: Measure) =>
    name === 'tickets' ? t.sales.tickets : name === 'orders' ? t.sales.orders : t.sales.money(name);
  const curve = curveOf(points, measure, days, interval);
  const label = t.sales.chart(nameOf(measure));
  const controls = (
    <div className="bar">
      <label>
        {t.sales.measure}
        <select value={measure} onChange={(event) => setWanted(event.target.value)}>
          {measures.map((name) => (
            <option key={name} value={name}>
              {nameOf(name)}
            </option>
          ))}
        </select>
      </label>
      <div className="segments" role="group" aria-label={t.period.interval}>
        {INTERVALS.map((name) => (
          <button key={name} type="button" aria-pressed={name === interval} onClick={() => onInterval(name)}>
            {t.period.intervals[name]}
          </button>
        ))}
      </div>
    </div>
  );
  return (
    <Card title={t.sales.overTime} aside={controls} className="screen-only">
      {points.length === 0 ? (
        <Empty title={t.sales.none} hint={t.sales.noneHint} />
      ) : (
        <>
          <SalesChart curve={curve} interval={interval} label={label} />
          <SalesTable curve={curve} interval={interval} label={label} />
        </>
      )}
    </Card>
  );
}
