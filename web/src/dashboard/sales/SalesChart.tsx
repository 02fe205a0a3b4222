// Stacked columns by source. The same numbers stand in a table below, for whoever cannot see the columns.

import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

import type { Interval } from '../api/documents';
import { useTranslation } from '../words';
import type { Curve } from './curve';

const COLORS = 6;

export function SalesChart({ curve, interval, label }: { curve: Curve; interval: Interval; label: string }) {
  const { f } = useTranslation();
  const { unit } = curve;
  const value = (count: number) => (unit ? f.money({ ...unit, amount: count }) : f.number(count));
  const begin = (from: string) => (interval === 'MONTH' ? f.month(from) : f.shortDay(from));
  const rows = curve.rows.map((row) => ({ from: row.from, ...row.values }));
  return (
    <div className="chart" role="img" aria-label={label}>
      <ResponsiveContainer width="100%" height="100%">
        <BarChart data={rows} margin={{ top: 8, right: 8, bottom: 0, left: 0 }} accessibilityLayer={false}>
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis dataKey="from" tickFormatter={begin} stroke="var(--soft)" tickLine={false} minTickGap={24} fontSize={12} />
          <YAxis
            tickFormatter={value}
            stroke="var(--soft)"
            tickLine={false}
            axisLine={false}
            allowDecimals={false}
            width={unit ? 96 : 40}
            fontSize={12}
          />
          <Tooltip
            cursor={{ fill: 'var(--hover)' }}
            contentStyle={{ background: 'var(--raised)', border: '1px solid var(--line)', borderRadius: 6, color: 'var(--ink)' }}
            labelFormatter={(from) => (interval === 'MONTH' ? f.month(String(from)) : f.day(String(from)))}
            formatter={(count) => value(Number(count))}
          />
          <Legend formatter={(source) => <span className="legend">{source}</span>} />
          {curve.sources.map((source, place) => (
            <Bar
              key={source}
              dataKey={source}
              stackId="sources"
              fill={`var(--series-${place % COLORS})`}
              isAnimationActive={false}
              maxBarSize={48}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
