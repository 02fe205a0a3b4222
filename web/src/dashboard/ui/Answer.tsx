// A question and the three things that can come of it: not yet, not at all, and an answer, which may be partial.

import type { ReactNode } from 'react';
import type { CombinedError } from 'urql';

import type { Asked } from '../api/use';
import { useTranslation, type Words } from '../words';

/** What an error means to a person. */
export function meaningOf(t: Words, error: CombinedError): string {
  const [fault] = error.graphQLErrors;
  if (!fault) return t.errors.network;
  const code = String(fault.extensions.code);
  return code in t.errors ? t.errors[code as keyof Words['errors']] : t.errors.other;
}

function referenceOf(error: CombinedError): string | undefined {
  const requestId = error.graphQLErrors[0]?.extensions.requestId ?? error.response?.headers?.get('x-request-id');
  return typeof requestId === 'string' ? requestId : undefined;
}

export function Failure({ error, again, title }: { error: CombinedError; again?: () => void; title?: string }) {
  const { t } = useTranslation();
  const reference = referenceOf(error);
  return (
    <div className="notice tone-bad" role="alert">
      <p>
        <strong>{title ?? t.state.failed}.</strong> {meaningOf(t, error)}
      </p>
      {reference ? <p className="small">{t.state.reference(reference)}</p> : null}
      {again ? (
        <button type="button" onClick={again}>
          {t.state.again}
        </button>
      ) : null}
    </div>
  );
}

export function Loading() {
  const { t } = useTranslation();
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {t.state.loading}
    </div>
  );
}

/** Shows the data. An error that comes with data is shown above it. */
export function Answer<T>({ asked, children }: { asked: Asked<T>; children: (data: T) => ReactNode }) {
  const { t } = useTranslation();
  const { data, error, again } = asked;
  if (!data) return error ? <Failure error={error} again={again} /> : <Loading />;
  return (
    <>
      {error ? <Failure error={error} again={again} title={t.state.partly} /> : null}
      {children(data)}
    </>
  );
}
