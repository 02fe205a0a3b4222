// What moved in an order, oldest first, by day; the steps of one second together. A page at a time.

import { useState } from 'react';

import { OrderTimelineDocument, type TimelinePartsFragment } from '../api/documents';
import { useAsked } from '../api/use';
import { Answer } from '../ui/Answer';
import { type Formats, useTranslation, type Words } from '../words';
import type { Order } from './order';

type Step = TimelinePartsFragment['nodes'][number];

/** The steps of the order or of one leg within a second. */
interface Way {
  legId: string | null;
  statuses: string[];
  causes: string[];
}

interface Moment {
  at: string;
  ways: Way[];
}

interface Day {
  name: string;
  moments: Moment[];
}

function statusWord(t: Words, status: string): string {
  const all: Record<string, string> = { ...t.orderStatus, ...t.legStatus };
  return all[status] ?? status;
}

/** The cause in words, where the states do not say it already. */
function causeWord(t: Words, cause: string): string | null {
  const settled = /^settled as (\w+) by (.+)$/.exec(cause);
  if (settled) return t.order.settledBy(settled[2] ?? '');
  const again = /^tried again by (.+)$/.exec(cause);
  if (again) return t.order.retriedBy(again[1] ?? '');
  const known: Record<string, string> = t.causes;
  return known[cause] ?? null;
}

/** Adds a step to what its order or leg did in this second. */
function addStep({ ways }: Moment, step: Step, t: Words) {
  let way = ways.find(({ legId }) => legId === step.legId);
  if (!way) {
    way = { legId: step.legId, statuses: [step.from], causes: [] };
    ways.push(way);
  }
  if (way.statuses.at(-1) !== step.to) way.statuses.push(step.to);
  const cause = causeWord(t, step.cause);
  if (cause && !way.causes.includes(cause)) way.causes.push(cause);
}

function daysOf(steps: readonly Step[], t: Words, f: Formats): Day[] {
  const days: Day[] = [];
  for (const step of steps) {
    const name = f.dayOf(step.at);
    let day = days.at(-1);
    if (day?.name !== name) {
      day = { name, moments: [] };
      days.push(day);
    }
    let moment = day.moments.at(-1);
    if (!moment || Math.floor(Date.parse(moment.at) / 1000) !== Math.floor(Date.parse(step.at) / 1000)) {
      moment = { at: step.at, ways: [] };
      day.moments.push(moment);
    }
    addStep(moment, step, t);
  }
  return days;
}

export function Timeline({ order }: { order: Order }) {
  return <Moves order={order} of={order.timeline} />;
}

function Moves({ order, of: { nodes, pageInfo } }: { order: Order; of: TimelinePartsFragment }) {
  const { t, f } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      {daysOf(nodes, t, f).map((day) => (
        <section key={day.name} className="day">
          <h3>{day.name}</h3>
          <ol className="timeline">
            {day.moments.map((moment) => (
              <MomentRow key={moment.at} moment={moment} order={order} />
            ))}
          </ol>
        </section>
      ))}
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

function MomentRow({ moment: { at, ways }, order }: { moment: Moment; order: Order }) {
  const { t, f } = useTranslation();
  const nameOf = (legId: string | null) =>
    (legId && order.legs.find((leg) => leg.id === legId)?.source.institution) || t.order.whole;
  // The order first, then its legs.
  const sorted = [...ways].sort((a, b) => Number(a.legId !== null) - Number(b.legId !== null));
  return (
    <li>
      <time dateTime={at} title={f.time(at)}>
        {f.clock(at)}
      </time>
      <ul className="plain">
        {sorted.map(({ legId, statuses, causes }) => (
          <li key={legId} className={legId ? undefined : 'of-order'}>
            {t.order.moved(nameOf(legId), statuses.map((status) => statusWord(t, status)).join(' → '))}
            {causes.length > 0 ? <span className="small"> · {causes.join(' · ')}</span> : null}
          </li>
        ))}
      </ul>
    </li>
  );
}

function Later({ order, after }: { order: Order; after: string | null }) {
  const asked = useAsked({ query: OrderTimelineDocument, variables: { id: order.id, after } });
  return <Answer asked={asked}>{(data) => (data.order ? <Moves order={order} of={data.order.timeline} /> : null)}</Answer>;
}
