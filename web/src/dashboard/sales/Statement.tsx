// What a reseller sold and owes: totals for each currency, and a row for each source and currency.

import type { Days } from '../../days';
import type { EarlierStatementQuery, SalesQuery } from '../api/documents';
import { hrefWith } from '../app/route';
import { ExportButton } from '../ui/Export';
import { Card, Empty, Facts, Table } from '../ui/parts';
import { type Money, useTranslation } from '../words';
import { nameOf } from './curve';

type StatementRow = NonNullable<SalesQuery['reseller']>['statement'][number];
type EarlierRow = NonNullable<EarlierStatementQuery['reseller']>['statement'][number];

/** Adds sums of one currency; null where one of them is not known. */
function add(sums: readonly (Money | null)[]): Money | null {
  const [first] = sums;
  if (!first || sums.some((sum) => sum === null)) return null;
  return { ...first, amount: sums.reduce((total, sum) => total + (sum?.amount ?? 0), 0) };
}

function byCurrency(rows: readonly StatementRow[]): [string, StatementRow[]][] {
  const found = new Map<string, StatementRow[]>();
  for (const row of rows) found.set(row.currency, [...(found.get(row.currency) ?? []), row]);
  return [...found].sort(([a], [b]) => a.localeCompare(b));
}

const count = (rows: readonly StatementRow[], what: (row: StatementRow) => number) =>
  rows.reduce((sum, row) => sum + what(row), 0);

interface Sums {
  rows: readonly StatementRow[];
  /** The rows of the period before; null until they are known. */
  earlier: readonly EarlierRow[] | null;
  before: Days;
}

/** Gross of a currency in the period before, and the change since in percent where there was any. */
function useEarlier(earlier: readonly EarlierRow[] | null) {
  const { f } = useTranslation();
  return (currency: string, gross: Money | null) => {
    if (!earlier || !gross) return '–';
    const then = add(earlier.filter((row) => row.currency === currency).map((row) => row.gross))?.amount ?? 0;
    const change = then === 0 ? '' : ` (${f.change((gross.amount - then) / then)})`;
    return <span className="number">{`${f.money({ ...gross, amount: then })}${change}`}</span>;
  };
}

export function Totals({ rows, earlier, before }: Sums) {
  const { t, f } = useTranslation();
  const grossBefore = useEarlier(earlier);
  const amount = (sum: Money | null) => (sum ? <span className="number">{f.money(sum)}</span> : t.sales.noRate);
  return (
    <ul className="tiles" aria-label={t.sales.totals}>
      {byCurrency(rows).map(([currency, some]) => {
        const gross = add(some.map((row) => row.gross));
        return (
          <li key={currency} className="card tile">
            <div>
              <p className="tile-name">{t.sales.money(currency)}</p>
              <p className="tile-value number">{gross ? f.money(gross) : '–'}</p>
              <p className="small">
                {t.sales.ticketsSold(count(some, (row) => row.ticketsSold))} {t.sales.inOrders(count(some, (row) => row.orders))}
              </p>
            </div>
            <Facts
              rows={[
                [t.sales.refunded, amount(add(some.map((row) => row.refunded)))],
                [t.sales.commission, amount(add(some.map((row) => row.commission)))],
                [t.sales.net, amount(add(some.map((row) => row.net)))],
                [t.sales.beforeRange(f.shortDay(before.from), f.shortDay(before.to)), grossBefore(currency, gross)],
              ]}
            />
          </li>
        );
      })}
    </ul>
  );
}

interface Settled {
  rows: readonly StatementRow[];
  reseller: { id: string; name: string };
  days: Days;
  hasOrders: boolean;
  /** The reseller, for those who see the orders of all. */
  ofReseller: string | null;
}

/** The address of the orders that a row counts: those whose sale was confirmed in the period, on the calendar of the source. */
export function ordersOf(
  row: { sourceId: string; currency: string },
  days: Days,
  ofReseller: string | null,
  part: { event?: string | null; ticketType?: string | null } = {},
): string {
  const sale = { source: row.sourceId, confirmedFrom: days.from, confirmedTo: days.to, currency: row.currency };
  return hrefWith({ reseller: ofReseller, ...sale, ...part }, 'orders');
}

function Source({ row, days, hasOrders, ofReseller }: { row: StatementRow; days: Days } & Pick<Settled, 'hasOrders' | 'ofReseller'>) {
  const { t } = useTranslation();
  const name = nameOf(row);
  if (!hasOrders) return <>{name}</>;
  return (
    <a href={ordersOf(row, days, ofReseller)} title={t.sales.ordersOf(name)}>
      {name}
    </a>
  );
}

export function Statement({ rows, reseller, days, hasOrders, ofReseller }: Settled) {
  const { t, f } = useTranslation();
  const unresolved = count(rows, (row) => row.unresolved);
  const numbers = [
    t.orders.title,
    t.sales.sold,
    t.sales.voided,
    t.sales.used,
    t.sales.gross,
    t.sales.refunded,
    t.sales.commission,
    t.sales.net,
  ];
  const head = (
    <>
      <th scope="col">{t.sales.source}</th>
      {numbers.map((name) => (
        <th key={name} scope="col" className="number">
          {name}
        </th>
      ))}
    </>
  );
  return (
    <Card title={t.sales.statement} aside={<Actions reseller={reseller.id} days={days} />}>
      <p>{t.sales.range(reseller.name, f.day(days.from), f.day(days.to))}</p>
      <p className="small">{t.sales.statementHint}</p>
      {unresolved > 0 ? <p className="notice tone-warn">{t.sales.unresolvedHint(unresolved)}</p> : null}
      {rows.length === 0 ? (
        <Empty title={t.sales.none} />
      ) : (
        <Table label={t.sales.statement} head={head}>
          {rows.map((row) => (
            <tr key={`${row.sourceId}-${row.currency}`}>
              <th scope="row">
                <Source row={row} days={days} hasOrders={hasOrders} ofReseller={ofReseller} /> <span className="small">{row.currency}</span>
              </th>
              <td className="number">{f.number(row.orders)}</td>
              <td className="number">{f.number(row.ticketsSold)}</td>
              <td className="number">{f.number(row.ticketsVoided)}</td>
              <td className="number">{f.number(row.ticketsUsed)}</td>
              {[row.gross, row.refunded, row.commission, row.net].map((sum, place) => (
                // The columns never change their places.
                <td key={numbers[place + 4]} className="number">
                  {sum ? f.money(sum) : t.sales.noRate}
                </td>
              ))}
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

function Actions({ reseller, days }: { reseller: string; days: Days }) {
  const { t } = useTranslation();
  return (
    <div className="bar">
      <ExportButton
        file="statement.csv"
        saveAs={`statement_${days.from}_${days.to}.csv`}
        parameters={{ reseller, from: days.from, to: days.to }}
      />
      <button type="button" onClick={() => window.print()}>
        {t.sales.print}
      </button>
    </div>
  );
}
