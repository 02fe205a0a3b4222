// What came of an action that was not done, or whose response was lost.

import type { CombinedError } from 'urql';

import { Failure } from '../ui/Answer';
import { Problems } from '../ui/Problems';
import { useTranslation } from '../words';
import type { Problem } from './webhook';

interface Shown {
  error: CombinedError | undefined;
  problems: readonly Problem[];
  refused: string;
  /** Input fields that show their problems themselves. */
  fields?: readonly string[];
}

export function Trouble({ error, problems, refused, fields = [] }: Shown) {
  const { t } = useTranslation();
  // The server may have done it: only its own errors say that it did not.
  const title = error?.graphQLErrors.length === 0 ? t.webhooks.lost : refused;
  return (
    <>
      {error ? <Failure error={error} title={title} /> : null}
      <Problems of={problems.filter(({ path }) => !fields.includes(path?.at(-1) ?? ''))} title={refused} areOfTry />
    </>
  );
}
