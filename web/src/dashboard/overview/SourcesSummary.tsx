// The sources in sentences: state, last failure, what waits and for how long, and whether one is paused.

import type { SourcesQuery } from '../api/documents';
import { hrefOf } from '../app/route';
import { may, type Viewer } from '../app/viewer';
import { Pause } from '../sources/Pause';
import { useSources } from '../sources/useSources';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Empty } from '../ui/parts';
import { toneOfHealth } from '../ui/tone';
import { useTranslation } from '../words';

type Source = SourcesQuery['sources'][number];

export function SourcesSummary({ viewer }: { viewer: Viewer }) {
  const { t } = useTranslation();
  const { asked, sources } = useSources();
  const up = sources?.filter(({ health }) => health.state === 'UP').length ?? 0;
  const aside = sources ? <a href={hrefOf('sources')}>{t.sources.summary(up, sources.length)}</a> : null;
  return (
    <Card title={t.sources.title} aside={aside}>
      <Answer asked={asked}>
        {() =>
          sources && sources.length > 0 ? (
            <ul className="plain overview-sources">
              {sources.map((source) => (
                <SourceLine key={source.id} source={source} viewer={viewer} again={asked.again} />
              ))}
            </ul>
          ) : (
            <Empty title={t.sources.none} />
          )
        }
      </Answer>
    </Card>
  );
}

function SourceLine({ source, viewer, again }: { source: Source; viewer: Viewer; again: () => void }) {
  const { t, f } = useTranslation();
  const { institution, health, capacity } = source;
  const { quota, forecast } = capacity.month;
  return (
    <li className={`overview-source tone-edge-${toneOfHealth[health.state]}`} data-line={source.name}>
      <div className="card-head">
        <h3>{institution}</h3>
        <div role="status">
          <Badge tone={toneOfHealth[health.state]}>{t.sources.health[health.state]}</Badge>
        </div>
      </div>
      <p className="small">
        {source.environment === 'SANDBOX' ? `${t.app.sandbox} · ` : ''}
        {t.sources.health[health.state]} {t.sources.since(f.time(health.since))}
      </p>
      <LastFailure source={source} />
      <p>{t.overview.queue(institution, capacity.waiting, capacity.expectedWaitSeconds)}</p>
      <p>{t.overview.budget(health.remainingBudget, capacity.ordersPerMinute)}</p>
      {health.throttled ? <p className="notice tone-warn">{t.sources.throttled}</p> : null}
      {quota !== null && forecast > quota ? (
        <p className="notice tone-warn">{t.overview.overQuota(f.number(forecast), f.number(quota))}</p>
      ) : null}
      <Pause source={source} mayPause={may(viewer, 'admin')} again={again} />
    </li>
  );
}

/** The newest failure in words; callers that may not read it see its time only. */
function LastFailure({ source: { health, lastFailures } }: { source: Source }) {
  const { t } = useTranslation();
  const { kinds, missingSetting } = t.sources.failures;
  if (lastFailures === null) {
    return health.lastFailureAt ? (
      <p>
        {t.sources.lastBad}: <Ago at={health.lastFailureAt} />
      </p>
    ) : null;
  }
  const [last] = lastFailures;
  if (!last) return <p>{t.overview.noFailure}</p>;
  return (
    <p data-failure={last.kind}>
      {t.sources.lastBad}: {kinds[last.kind]}
      {last.missingSetting ? (
        <>
          {' '}
          ({missingSetting} <code>{last.missingSetting}</code>)
        </>
      ) : null}
      , <Ago at={last.at} />
    </p>
  );
}
