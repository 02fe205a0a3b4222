// The numbers of the columns, as a table.

import type { Interval } from '../api/documents';
import { Table } from '../ui/parts';
import { useTranslation } from '../words';
import type { Curve } from './curve';

export function SalesTable({ curve, interval, label }: { curve: Curve; interval: Interval; label: string }) {
  const { t, f } = useTranslation();
  const value = (count: number) => (curve.unit ? f.money({ ...curve.unit, amount: count }) : f.number(count));
  const rows = curve.rows.filter((row) => Object.values(row.values).some((count) => count !== 0));
  const head = (
    <>
      <th scope="col">{t.sales.from}</th>
      {curve.sources.map((source) => (
        <th key={source} scope="col" className="number">
          {source}
        </th>
      ))}
      <th scope="col" className="number">
        {t.sales.sum}
      </th>
    </>
  );
  return (
    <details>
      <summary>{t.sales.table}</summary>
      <Table label={label} head={head}>
        {rows.map((row) => (
          <tr key={row.from}>
            <th scope="row">{interval === 'MONTH' ? f.month(row.from) : f.day(row.from)}</th>
            {curve.sources.map((source) => (
              <td key={source} className="number">
                {value(row.values[source] ?? 0)}
              </td>
            ))}
            <td className="number">{value(Object.values(row.values).reduce((sum, count) => sum + count, 0))}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}
