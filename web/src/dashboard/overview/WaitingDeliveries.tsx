// The tickets that an app rejected or has not accepted yet, each with its order. Rejected ones are first.

import { WaitingDeliveriesDocument, type WaitingDeliveriesQuery } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Empty } from '../ui/parts';
import { useTranslation } from '../words';
import { CardTable } from '../ui/CardTable';

type Source = WaitingDeliveriesQuery['sources'][number];
type Stream = NonNullable<Source['delivery']>['streams'][number];
type Row = Stream['failedTickets']['nodes'][number];

/** The most that is shown of each stream and state. */
const SHOWN = 10;
const ASK_AGAIN = 30_000;

interface Waiting {
  source: Source;
  stream: Stream;
  row: Row;
}

const streamsOf = (sources: readonly Source[]) =>
  sources.flatMap((source) => (source.delivery?.streams ?? []).map((stream) => ({ source, stream })));

/** Rejected ones of all streams, then those that wait. */
function waitingIn(sources: readonly Source[]): Waiting[] {
  const streams = streamsOf(sources);
  const failed = streams.flatMap(({ source, stream }) => stream.failedTickets.nodes.map((row) => ({ source, stream, row })));
  const pending = streams.flatMap(({ source, stream }) => stream.pendingTickets.nodes.map((row) => ({ source, stream, row })));
  return [...failed, ...pending];
}

export function WaitingDeliveries() {
  const { t, language } = useTranslation();
  const asked = useAsked(
    { query: WaitingDeliveriesDocument, variables: { first: SHOWN, locale: language } },
    { every: ASK_AGAIN },
  );
  const counts = streamsOf(asked.data?.sources ?? []).map(({ stream }) => stream);
  const [pending, failed] = [counts.reduce((sum, one) => sum + one.pending, 0), counts.reduce((sum, one) => sum + one.failed, 0)];
  const aside =
    pending + failed > 0 ? (
      <p>
        {failed > 0 ? <Badge tone="bad">{t.overview.failedTickets(failed)}</Badge> : null}{' '}
        {pending > 0 ? <Badge tone="busy">{t.overview.pendingTickets(pending)}</Badge> : null}
      </p>
    ) : null;
  return (
    <Card title={t.overview.deliveries} aside={aside}>
      <Answer asked={asked}>{({ sources }) => <Tickets sources={sources} total={pending + failed} />}</Answer>
    </Card>
  );
}

function Tickets({ sources, total }: { sources: readonly Source[]; total: number }) {
  const { t, f } = useTranslation();
  const waiting = waitingIn(sources);
  if (!sources.some(({ delivery }) => delivery !== null)) return <Empty title={t.overview.noApps} />;
  if (waiting.length === 0) return <Empty title={t.overview.noDeliveries} hint={t.overview.noDeliveriesHint} />;
  const columns = [
    { name: t.orders.number },
    { name: t.overview.ticket },
    { name: t.overview.app },
    { name: t.sources.stream },
    { name: t.sources.state },
    { name: t.overview.attempts },
    { name: t.overview.reason },
  ];
  const rows = waiting.map(({ source, stream, row }) => ({
    key: `${stream.kind} ${row.ticket.id}`,
    cells: [
      <a href={hrefOf('orders', row.order.id)}>{row.order.number}</a>,
      [row.ticket.line.eventTitle, row.ticket.seat].filter(Boolean).join(', ') || '–',
      `${source.delivery?.app ?? ''}, ${source.institution}`,
      t.sources.streams[stream.kind],
      <Badge tone={row.state === 'FAILED' ? 'bad' : 'busy'}>{t.overview.ticketStates[row.state]}</Badge>,
      <>
        {f.number(row.attempts)}
        {row.lastAttemptAt ? (
          <span className="small">
            {' · '}
            <Ago at={row.lastAttemptAt} />
          </span>
        ) : null}
      </>,
      row.problems.map(({ message }) => message).join(' ') || '–',
    ],
  }));
  return (
    <>
      <CardTable label={t.overview.deliveries} columns={columns} rows={rows} />
      <p className="small">
        {total > waiting.length ? `${t.overview.moreTickets(total - waiting.length)} ` : ''}
        <a href={hrefOf('sources')}>{t.overview.toStreams}</a>
      </p>
    </>
  );
}
