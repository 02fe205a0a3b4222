// How old the remembered catalog of one source is. Each source is asked by itself: one that does not answer takes nothing from
// the others.

import { CatalogAgeDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { Ago } from '../ui/Ago';
import { meaningOf } from '../ui/Answer';
import { useTranslation } from '../words';

const ASK_AGAIN = 60_000;

export function CatalogAge({ source }: { source: string }) {
  const { t, language } = useTranslation();
  const { data, error } = useAsked(
    { query: CatalogAgeDocument, variables: { source, locale: language } },
    { every: ASK_AGAIN },
  );
  if (!data) return <>{error ? meaningOf(t, error) : t.state.loading}</>;
  const { nodes, totalCount, problems } = data.events;
  const [first] = nodes;
  return (
    <>
      {first ? (
        <>
          <Ago at={first.freshness.observedAt} /> ({t.sources.modes[first.freshness.mode]})
          {totalCount === null ? null : ` · ${t.sources.events(totalCount)}`}
        </>
      ) : (
        (problems[0]?.message ?? t.state.none)
      )}
      {first && problems[0] ? <p className="small">{problems[0].message}</p> : null}
    </>
  );
}
