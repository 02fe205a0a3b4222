// The four streams between a source and the app that shows its tickets.

import { useMutation } from 'urql';

import { type DeliveryStreamKind, RunStreamDocument, type SourcesQuery } from '../api/documents';
import { Ago } from '../ui/Ago';
import { Failure } from '../ui/Answer';
import { Badge, Table } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';

type Channel = NonNullable<SourcesQuery['sources'][number]['delivery']>;
type Stream = Channel['streams'][number];

/** In trouble: the last run failed. Behind: the app refused tickets. */
function standing({ problems, failed }: Stream): 'trouble' | 'behind' | 'fine' {
  if (problems.length > 0) return 'trouble';
  return failed > 0 ? 'behind' : 'fine';
}

const TONES = { trouble: 'bad', behind: 'warn', fine: 'good' } as const;

export function Streams({ channel, mayRun }: { channel: Channel; mayRun: boolean }) {
  const { t, f, language } = useTranslation();
  const [{ data, error, fetching, operation }, run] = useMutation(RunStreamDocument);
  const running = fetching ? (operation?.variables as { kind?: DeliveryStreamKind } | undefined)?.kind : undefined;
  const title = t.sources.delivery(channel.app);
  const names = [t.sources.stream, t.sources.state, t.sources.lastRun, t.sources.pending, t.sources.refused];
  const head = (
    <>
      {names.map((name) => (
        <th key={name} scope="col">
          {name}
        </th>
      ))}
      {mayRun ? (
        <th scope="col">
          <span className="visually-hidden">{t.sources.run}</span>
        </th>
      ) : null}
    </>
  );
  return (
    <div className="streams">
      <h3>{title}</h3>
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.runDeliveryStream.problems ?? []} areOfTry />
      <Table label={title} head={head}>
        {channel.streams.map((stream) => (
          <tr key={stream.kind}>
            <th scope="row">{t.sources.streams[stream.kind]}</th>
            <td>
              <Badge tone={TONES[standing(stream)]}>{t.sources[standing(stream)]}</Badge>
            </td>
            <td>{stream.lastRunAt ? <Ago at={stream.lastRunAt} /> : t.sources.never}</td>
            <td className="number">{f.number(stream.pending)}</td>
            <td className="number">{f.number(stream.failed)}</td>
            {mayRun ? (
              <td>
                <button
                  type="button"
                  disabled={fetching}
                  onClick={() => run({ channel: channel.id, kind: stream.kind, locale: language })}
                >
                  {running === stream.kind ? t.sources.running : t.sources.run}
                  <span className="visually-hidden"> {t.sources.streams[stream.kind]}</span>
                </button>
              </td>
            ) : null}
          </tr>
        ))}
      </Table>
      <Problems of={channel.streams.flatMap((stream) => stream.problems)} />
    </div>
  );
}
