// Expected failures, in the words that the API gives a person; where something was just tried, with whether to try again.

import type { ProblemPartsFragment } from '../api/documents';
import { useTranslation } from '../words';

interface Told {
  of: readonly ProblemPartsFragment[];
  title?: string;
  /** They are the answer to something that the person tried. */
  areOfTry?: boolean;
}

export function Problems({ of, title, areOfTry = false }: Told) {
  const { t } = useTranslation();
  if (of.length === 0) return null;
  return (
    <div className="notice tone-warn" role="group" aria-label={title ?? t.order.problems}>
      {title ? <p className="notice-title">{title}</p> : null}
      <ul className="plain">
        {of.map((problem, place) => (
          <li key={`${problem.code}-${problem.legId ?? ''}-${place}`}>
            {problem.source ? <strong>{problem.source.institution}: </strong> : null}
            {problem.message} {areOfTry ? t.retry[problem.retry] : null}
            {problem.vendorCode ? <span className="small"> {`${t.order.vendorCode}: ${problem.vendorCode}`}</span> : null}
          </li>
        ))}
      </ul>
    </div>
  );
}
