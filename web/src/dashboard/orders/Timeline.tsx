// What moved in an order, oldest first, a page at a time.

import { useState } from 'react';

import { OrderTimelineDocument, type TimelinePartsFragment } from '../api/documents';
import { useAsked } from '../api/use';
import { Answer } from '../ui/Answer';
import { useTranslation, type Words } from '../words';
import type { Order } from './order';

function wordOf(t: Words, status: string): string {
  const all: Record<string, string> = { ...t.orderStatus, ...t.legStatus };
  return all[status] ?? status;
}

export function Timeline({ order }: { order: Order }) {
  return <Moves order={order} of={order.timeline} />;
}

function Moves({ order, of: { nodes, pageInfo } }: { order: Order; of: TimelinePartsFragment }) {
  const { t, f } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const names = new Map(order.legs.map((leg) => [leg.id, leg.source.institution]));
  return (
    <>
      <ol className="timeline">
        {nodes.map((move, place) => (
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
      {!pageInfo.hasNextPage ? null : isOpen ? (
        <Later order={order} after={pageInfo.endCursor} />
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          {t.state.more}
        </button>
      )}
    </>
  );
}

function Later({ order, after }: { order: Order; after: string | null }) {
  const asked = useAsked({ query: OrderTimelineDocument, variables: { id: order.id, after } });
  return <Answer asked={asked}>{(data) => (data.order ? <Moves order={order} of={data.order.timeline} /> : null)}</Answer>;
}
