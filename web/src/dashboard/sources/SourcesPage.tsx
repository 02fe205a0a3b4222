// The sources as they are now: health, budget, age of what is remembered, and the streams of their delivery channels.

import type { SourcesQuery } from '../api/documents';
import { may, type Viewer, type ViewProps } from '../app/viewer';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Empty, Facts, Page } from '../ui/parts';
import { toneOfHealth } from '../ui/tone';
import { useTranslation } from '../words';
import { CatalogAge } from './CatalogAge';
import { Failures } from './Failures';
import { Pause } from './Pause';
import { Streams } from './Streams';
import { useSources } from './useSources';

type Source = SourcesQuery['sources'][number];

/** Those with streams take a whole row: they come last, so that no hole is left. */
const byWidth = (a: Source, b: Source) => Number(a.delivery !== null) - Number(b.delivery !== null);

export function SourcesPage({ viewer }: ViewProps) {
  const { t } = useTranslation();
  const { asked, sources } = useSources();
  const up = sources?.filter(({ health }) => health.state === 'UP').length ?? 0;
  return (
    <Page title={t.sources.title} aside={sources ? <p className="small">{t.sources.summary(up, sources.length)}</p> : null}>
      <Answer asked={asked}>
        {() =>
          sources && sources.length > 0 ? (
            <div className="grid">
              {[...sources].sort(byWidth).map((source) => (
                <SourceCard key={source.id} source={source} viewer={viewer} again={asked.again} />
              ))}
            </div>
          ) : (
            <Empty title={t.sources.none} />
          )
        }
      </Answer>
    </Page>
  );
}

function SourceCard({ source, viewer, again }: { source: Source; viewer: Viewer; again: () => void }) {
  const { t, f } = useTranslation();
  const { health, capacity } = source;
  const { requests, quota, forecast } = capacity.month;
  const isOver = quota !== null && forecast > quota;
  return (
    <section
      className={`card source tone-edge-${toneOfHealth[health.state]}`}
      aria-labelledby={`source-${source.name}`}
      data-source={source.name}
    >
      <header className="card-head">
        <div>
          <h2 id={`source-${source.name}`}>{source.institution}</h2>
          <p className="small">
            {source.name} · {source.vendor} · {source.timeZone}
          </p>
        </div>
        <div role="status">
          <Badge tone={toneOfHealth[health.state]}>{t.sources.health[health.state]}</Badge>
        </div>
      </header>
      <p className="small">
        {source.environment === 'SANDBOX' ? `${t.app.sandbox} · ` : ''}
        {t.sources.health[health.state]} {t.sources.since(f.time(health.since))}
      </p>
      <Pause source={source} mayPause={may(viewer, 'admin')} again={again} />
      {health.throttled ? <p className="notice tone-warn">{t.sources.throttled}</p> : null}
      <Facts
        rows={[
          [t.sources.budget, health.remainingBudget === null ? t.sources.noBudget : f.number(health.remainingBudget)],
          [t.sources.queue, t.sources.waiting(capacity.waiting, capacity.expectedWaitSeconds)],
          [t.sources.month, quota === null ? f.number(requests) : t.sources.ofQuota(f.number(requests), f.number(quota))],
          [
            t.sources.forecast,
            isOver ? <Badge tone="warn">{t.sources.over(f.number(forecast))}</Badge> : f.number(forecast),
          ],
          [t.sources.lastGood, health.lastSuccessAt ? <Ago at={health.lastSuccessAt} /> : t.sources.never],
          [t.sources.lastBad, health.lastFailureAt ? <Ago at={health.lastFailureAt} /> : t.sources.never],
          [t.sources.catalog, <CatalogAge source={source.id} />],
        ]}
      />
      {source.lastFailures ? <Failures of={source.lastFailures} /> : null}
      {source.delivery ? <Streams channel={source.delivery} mayRun={may(viewer, 'delivery:write')} /> : null}
    </section>
  );
}
