// The statement by event or ticket type. Each row leads to its orders.

import { useState } from 'react';

import { type Days, isPeriod } from '../../days';
import { BreakdownDocument, type BreakdownQuery, type StatementGrouping } from '../api/documents';
import { useAsked } from '../api/use';
import { Answer } from '../ui/Answer';
import { ExportButton } from '../ui/Export';
import { Card, Empty, Table } from '../ui/parts';
import { type Words, useTranslation } from '../words';
import { nameOf } from './curve';
import { ordersOf } from './Statement';

type Row = NonNullable<BreakdownQuery['reseller']>['statement'][number];
type Part = Row['breakdown'][number];

const GROUPINGS: StatementGrouping[] = ['EVENT', 'TICKET_TYPE'];

interface Settled {
  reseller: string;
  days: Days;
  hasOrders: boolean;
  /** The reseller, for those who see the orders of all. */
  ofReseller: string | null;
}

export function Breakdown({ reseller, days, hasOrders, ofReseller }: Settled) {
  const { t, language } = useTranslation();
  const [by, setBy] = useState<StatementGrouping>('EVENT');
  const asked = useAsked({
    query: BreakdownDocument,
    variables: { reseller, ...days, by, locale: language },
    pause: !isPeriod(days),
  });
  const controls = (
    <div className="bar">
      <div className="segments" role="group" aria-label={t.breakdown.by}>
        {GROUPINGS.map((name) => (
          <button key={name} type="button" aria-pressed={name === by} onClick={() => setBy(name)}>
            {t.breakdown.groupings[name]}
          </button>
        ))}
      </div>
      <ExportButton
        file="statement_breakdown.csv"
        saveAs={`statement_breakdown_${days.from}_${days.to}.csv`}
        parameters={{ reseller, from: days.from, to: days.to, by, locale: language }}
      />
    </div>
  );
  return (
    <Card title={t.breakdown.title} aside={controls}>
      <p className="small">{t.breakdown.hint}</p>
      <Answer asked={asked}>
        {({ reseller: found }) => (
          <Parts rows={found?.statement ?? []} by={by} days={days} hasOrders={hasOrders} ofReseller={ofReseller} />
        )}
      </Answer>
    </Card>
  );
}

function titleOf(part: Part, by: StatementGrouping, t: Words): string {
  if (part.isOther) return t.breakdown.other;
  const event = part.eventTitle ?? t.breakdown.unnamed;
  return by === 'EVENT' ? event : `${event} – ${part.ticketTypeName ?? t.breakdown.unnamed}`;
}

function Parts({ rows, by, days, hasOrders, ofReseller }: Omit<Settled, 'reseller'> & { rows: readonly Row[]; by: StatementGrouping }) {
  const { t, f } = useTranslation();
  const parts = rows.flatMap((row) => row.breakdown.map((part) => ({ row, part })));
  if (parts.length === 0) return <Empty title={t.sales.none} />;
  const numbers = [t.orders.title, t.sales.sold, t.sales.voided, t.sales.used, t.sales.gross, t.sales.refunded];
  const head = (
    <>
      <th scope="col">{t.breakdown.groupings[by]}</th>
      <th scope="col">{t.sales.source}</th>
      {numbers.map((name) => (
        <th key={name} scope="col" className="number">
          {name}
        </th>
      ))}
    </>
  );
  return (
    <Table label={t.breakdown.title} head={head}>
      {parts.map(({ row, part }) => {
        const title = titleOf(part, by, t);
        const of = by === 'EVENT' ? { event: part.eventId } : { ticketType: part.ticketTypeId };
        return (
          <tr key={`${row.sourceId} ${row.currency} ${part.ticketTypeId ?? part.eventId}`}>
            <th scope="row">
              {hasOrders && !part.isOther ? (
                <a href={ordersOf(row, days, ofReseller, of)} title={t.breakdown.ordersOf(title)}>
                  {title}
                </a>
              ) : (
                title
              )}
            </th>
            <td>
              {nameOf(row)} <span className="small">{row.currency}</span>
            </td>
            {[part.orders, part.ticketsSold, part.ticketsVoided, part.ticketsUsed].map((count, place) => (
              // The columns never change their places.
              <td key={numbers[place]} className="number">
                {f.number(count)}
              </td>
            ))}
            <td className="number">{f.money(part.gross)}</td>
            <td className="number">{f.money(part.refunded)}</td>
          </tr>
        );
      })}
    </Table>
  );
}
