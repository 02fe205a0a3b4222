// Expected failures, in the words that the API gives a person, with what to do next.

import type { ProblemPartsFragment } from '../api/documents';
import { useSpeech } from '../words';

export function Problems({ of, title }: { of: readonly ProblemPartsFragment[]; title?: string }) {
  const { t } = useSpeech();
  if (of.length === 0) return null;
  return (
    <div className="notice tone-warn" role="group" aria-label={title ?? t.order.problems}>
      {title ? <p className="notice-title">{title}</p> : null}
      <ul className="plain">
        {of.map((problem, place) => (
          <li key={`${problem.code}-${problem.legId ?? ''}-${place}`}>
            {problem.source ? <strong>{problem.source.name}: </strong> : null}
            {problem.message} {t.retry[problem.retry] ?? ''}
            {problem.vendorCode ? <span className="small"> {`${t.order.vendorCode}: ${problem.vendorCode}`}</span> : null}
          </li>
        ))}
      </ul>
    </div>
  );
}
