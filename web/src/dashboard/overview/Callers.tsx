// Who calls the API, how often, and what was refused. No key is ever read.

import { CallersDocument, type CallersQuery, type UsePartsFragment } from '../api/documents';
import { useAsked } from '../api/use';
import { Answer } from '../ui/Answer';
import { Card, Empty } from '../ui/parts';
import { useTranslation } from '../words';
import { CardTable } from '../ui/CardTable';

type Caller = CallersQuery['callers'][number];

const ASK_AGAIN = 30_000;

const byUse = (a: Caller, b: Caller) => b.lastDay.requests - a.lastDay.requests || a.name.localeCompare(b.name);

export function Callers() {
  const { t } = useTranslation();
  const asked = useAsked({ query: CallersDocument, variables: {} }, { every: ASK_AGAIN });
  return (
    <Card title={t.overview.callers}>
      <Answer asked={asked}>
        {({ callers }) => (callers.length === 0 ? <Empty title={t.overview.noCallers} /> : <Table callers={callers} />)}
      </Answer>
    </Card>
  );
}

function Table({ callers }: { callers: readonly Caller[] }) {
  const { t, f } = useTranslation();
  const words = t.overview;
  const columns = [
    { name: words.caller },
    { name: words.limit, isNumber: true },
    { name: words.lastHour, isNumber: true },
    { name: words.refusedHour, isNumber: true },
    { name: words.lastDay, isNumber: true },
    { name: words.refusedDay, isNumber: true },
  ];
  const refused = ({ rateLimited, forbidden }: UsePartsFragment) => words.refusals(rateLimited, forbidden) || '–';
  const rows = [...callers].sort(byUse).map((caller) => ({
    key: caller.name,
    cells: [
      <>
        {caller.name}{' '}
        <span className="small">{[words.kinds[caller.kind], caller.reseller?.name].filter(Boolean).join(' · ')}</span>
      </>,
      caller.requestsPerMinute === null ? words.unlimited : f.number(caller.requestsPerMinute),
      f.number(caller.lastHour.requests),
      refused(caller.lastHour),
      f.number(caller.lastDay.requests),
      refused(caller.lastDay),
    ],
  }));
  const [first] = callers;
  return (
    <>
      <CardTable label={words.callers} columns={columns} rows={rows} />
      <p className="small">{first ? words.perReplica(f.time(first.lastDay.since)) : null}</p>
    </>
  );
}
