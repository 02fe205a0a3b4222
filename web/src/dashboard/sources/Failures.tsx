// The last failures of a source, for operators: where each call went, what came back, and which setting is missing.

import type { SourcesQuery } from '../api/documents';
import { Ago } from '../ui/Ago';
import { useTranslation } from '../words';

type LastFailures = NonNullable<SourcesQuery['sources'][number]['lastFailures']>;
type LastFailure = LastFailures[number];

/** The request and its response, as the log writes them. */
function exchange({ operation, method, path, status, contentType }: LastFailure, noResponse: string): string {
  const request = method === null ? '' : `${method} ${path} → ${status ?? noResponse} ${contentType ?? ''}`;
  return [operation, request.trim()].filter(Boolean).join(' · ');
}

export function Failures({ of }: { of: LastFailures }) {
  const { t } = useTranslation();
  const words = t.sources.failures;
  if (of.length === 0) return null;
  return (
    <section>
      <h3>{words.title}</h3>
      <ul className="failures">
        {of.map((failure) => (
          <li key={`${failure.kind} ${failure.missingSetting}`} data-failure={failure.kind}>
            <p>
              {words.kinds[failure.kind]} · <Ago at={failure.at} />
            </p>
            {failure.missingSetting ? (
              <p className="small">
                {words.missingSetting} <code>{failure.missingSetting}</code>
              </p>
            ) : null}
            {failure.vendorCode ? (
              <p className="small">
                {words.vendorCode} <code>{failure.vendorCode}</code>
              </p>
            ) : null}
            {failure.operation ? (
              <p className="small">
                <code>{exchange(failure, words.noResponse)}</code>
              </p>
            ) : null}
            {failure.misfit ? (
              <p className="small">
                {words.misfit} <code>{failure.misfit}</code>
              </p>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}
