// What every reseller and the own shop sold today, in seven and in thirty days, each beside the period before.

import { useState } from 'react';

import { type SellerPartsFragment, SellerSalesDocument, type SellerSalesQuery } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Answer } from '../ui/Answer';
import { Card, Facts, Sums } from '../ui/parts';
import { type Money, useTranslation } from '../words';
import { CardTable } from '../ui/CardTable';
import { compared, type PeriodName, periodOf, PERIODS, soldBy, unresolvedOf } from './periods';

const ASK_AGAIN = 60_000;
const NAMES = Object.keys(PERIODS) as PeriodName[];

interface Period {
  name: PeriodName;
  now: readonly SellerPartsFragment[];
  before: readonly SellerPartsFragment[];
}

const periodsOf = (data: SellerSalesQuery): Record<PeriodName, Period> => ({
  today: { name: 'today', now: data.today, before: data.beforeToday },
  last7: { name: 'last7', now: data.last7, before: data.beforeLast7 },
  last30: { name: 'last30', now: data.last30, before: data.beforeLast30 },
});

export function SalesSummary() {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<PeriodName>('today');
  const { days: today, before: yesterday } = periodOf('today');
  const [week, month] = [periodOf('last7'), periodOf('last30')];
  const variables = {
    today: today.from,
    yesterday: yesterday.from,
    from7: week.days.from,
    before7From: week.before.from,
    before7To: week.before.to,
    from30: month.days.from,
    before30From: month.before.from,
    before30To: month.before.to,
  };
  const asked = useAsked({ query: SellerSalesDocument, variables }, { every: ASK_AGAIN });
  const controls = (
    <div className="segments" role="group" aria-label={t.overview.periodOfTable}>
      {NAMES.map((name) => (
        <button key={name} type="button" aria-pressed={name === chosen} onClick={() => setChosen(name)}>
          {t.overview.periods[name]}
        </button>
      ))}
    </div>
  );
  return (
    <Card title={t.overview.sales}>
      <Answer asked={asked}>
        {(data) => {
          const periods = periodsOf(data);
          return (
            <>
              <ul className="overview-tiles">
                {NAMES.map((name) => (
                  <Tile key={name} period={periods[name]} />
                ))}
              </ul>
              <div className="card-head">
                <h3>{t.overview.bySeller}</h3>
                {controls}
              </div>
              <SellersTable period={periods[chosen]} />
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

/** The days that a period is compared with, as a text. */
function useBefore(name: PeriodName): string {
  const { f } = useTranslation();
  const { from, to } = periodOf(name).before;
  return from === to ? f.shortDay(from) : `${f.shortDay(from)} – ${f.shortDay(to)}`;
}

function useChange(): (gross: Money, earlier: Money) => string {
  const { f } = useTranslation();
  return (gross, earlier) => (earlier.amount === 0 ? '–' : f.change((gross.amount - earlier.amount) / earlier.amount));
}

function Tile({ period: { name, now, before } }: { period: Period }) {
  const { t, f } = useTranslation();
  const range = useBefore(name);
  const change = useChange();
  const rows = compared(soldBy(now), soldBy(before));
  return (
    <li className="overview-tile" data-period={name}>
      <p className="tile-name">{t.overview.periods[name]}</p>
      {rows.length === 0 ? <p>{t.overview.nothingSold}</p> : null}
      {rows.map(({ gross, earlier, tickets }) => (
        <div key={gross.currency}>
          <p className="tile-value number">{f.money(gross)}</p>
          <Facts
            rows={[
              [t.overview.tickets, f.number(tickets)],
              [t.overview.before(range), <span className="number">{`${f.money(earlier)} (${change(gross, earlier)})`}</span>],
            ]}
          />
        </div>
      ))}
    </li>
  );
}

/** The name of a seller, with a link to its sales where there are some to see. */
function SellerName({ seller }: { seller: SellerPartsFragment }) {
  const { t } = useTranslation();
  if (seller.reseller) return <a href={hrefOf('resellers', seller.reseller.id)}>{seller.reseller.name}</a>;
  if (seller.resellerKey === null) return <>{t.overview.ownShop}</>;
  return (
    <>
      {seller.resellerKey} <span className="small">{t.overview.unconfigured}</span>
    </>
  );
}

function SellersTable({ period: { name, now, before } }: { period: Period }) {
  const { t, f } = useTranslation();
  const range = useBefore(name);
  const change = useChange();
  const unresolved = unresolvedOf(now);
  const columns = [
    { name: t.overview.seller },
    { name: t.overview.tickets, isNumber: true },
    { name: t.sales.gross, isNumber: true },
    { name: t.sales.refunded, isNumber: true },
    { name: t.overview.before(range), isNumber: true },
    { name: t.overview.change, isNumber: true },
  ];
  // A reseller that was taken out of the configuration may have sold in only one of the two periods.
  const sellers = new Map([...before, ...now].map((seller) => [seller.resellerKey, seller]));
  const order = [...now, ...before.filter(({ resellerKey }) => !now.some((seller) => seller.resellerKey === resellerKey))];
  const rows = order.map(({ resellerKey }) => {
    const seller = sellers.get(resellerKey) as SellerPartsFragment;
    const of = (some: readonly SellerPartsFragment[]) => soldBy(some.filter((one) => one.resellerKey === resellerKey));
    const [sold, earlier] = [of(now), of(before)];
    const pairs = compared(sold, earlier);
    return {
      key: resellerKey ?? '',
      cells: [
        <SellerName seller={seller} />,
        f.number(sold.reduce((sum, { tickets }) => sum + tickets, 0)),
        <Sums of={pairs.map(({ gross }) => gross)} />,
        <Sums of={sold.map(({ refunded }) => refunded)} />,
        <Sums of={pairs.map((pair) => pair.earlier)} />,
        <span className="sums">
          {pairs.length === 0 ? '–' : null}
          {pairs.map((pair) => (
            <span key={pair.gross.currency}>{change(pair.gross, pair.earlier)}</span>
          ))}
        </span>,
      ],
    };
  });
  return (
    <>
      {unresolved > 0 ? <p className="notice tone-warn">{t.sales.unresolvedHint(unresolved)}</p> : null}
      <CardTable label={t.overview.bySeller} columns={columns} rows={rows} />
      <p className="small">{t.overview.salesHint}</p>
    </>
  );
}
