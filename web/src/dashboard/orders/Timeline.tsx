// What moved in an order, oldest first.

import { useSpeech, type Words } from '../words';
import type { Order } from './OrderPage';

function wordOf(t: Words, status: string): string {
  const all: Record<string, string> = { ...t.orderStatus, ...t.legStatus };
  return all[status] ?? status;
}

export function Timeline({ order }: { order: Order }) {
  const { t, f } = useSpeech();
  const names = new Map(order.legs.map((leg) => [leg.id, leg.source.institution]));
  return (
    <ol className="timeline">
      {order.timeline.nodes.map((move, place) => (
        // Rows are only ever added at the end.
        <li key={place} className={move.legId ? undefined : 'of-order'}>
          <time dateTime={move.at} title={f.time(move.at)}>
            {f.clock(move.at)}
          </time>
          <span>
            {t.order.moved((move.legId && names.get(move.legId)) ?? t.order.whole, wordOf(t, move.from), wordOf(t, move.to))}
            <code className="small"> {move.cause}</code>
          </span>
        </li>
      ))}
    </ol>
  );
}
