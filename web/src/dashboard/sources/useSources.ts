// The sources as they are now: asked again every few seconds, with each change of health as it happens.

import { useSubscription } from 'urql';

import {
  HealthChangedDocument,
  type HealthChangedSubscription,
  type HealthPartsFragment,
  SourcesDocument,
  type SourcesQuery,
} from '../api/documents';
import { type Asked, useAsked } from '../api/use';
import { useTranslation } from '../words';

type Healths = ReadonlyMap<string, HealthPartsFragment>;

const ASK_AGAIN = 10_000;

const withChange = (known: Healths | undefined, { sourceHealthChanged: { id, health } }: HealthChangedSubscription): Healths =>
  new Map([...(known ?? []), [id, health]]);

/** Of two reports the one that knows more: states only ever begin later. */
function later(asked: HealthPartsFragment, pushed: HealthPartsFragment | undefined): HealthPartsFragment {
  return pushed && Date.parse(pushed.since) > Date.parse(asked.since) ? pushed : asked;
}

export function useSources(): { asked: Asked<SourcesQuery>; sources: SourcesQuery['sources'] | undefined } {
  const { language } = useTranslation();
  const asked = useAsked({ query: SourcesDocument, variables: { locale: language } }, { every: ASK_AGAIN });
  const [changes] = useSubscription({ query: HealthChangedDocument }, withChange);
  const sources = asked.data?.sources.map((source) => ({
    ...source,
    health: later(source.health, changes.data?.get(source.id)),
  }));
  return { asked, sources };
}
