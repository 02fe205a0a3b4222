// What a vendor holds under our account beside what our ledger holds, for one source and window.

import { type FormEvent, useState } from 'react';

import { type Days, dayFromToday, isPeriod } from '../../days';
import { ReconciliationDocument, type ReconciliationQuery, SourceNamesDocument } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Badge, Card, Facts, Page, Table } from '../ui/parts';
import { toneOfOrder } from '../ui/tone';
import { useTranslation } from '../words';

type Report = ReconciliationQuery['reconciliation'];

interface Question {
  source: string;
  from: string;
  to: string;
}

export function ReconciliationPage() {
  const { t } = useTranslation();
  const sources = useAsked({ query: SourceNamesDocument, variables: {} });
  const [question, setQuestion] = useState<Question | null>(null);
  return (
    <Page title={t.reconciliation.title}>
      <p>{t.reconciliation.explain}</p>
      <Answer asked={sources}>{(data) => <Window sources={data.sources} onAsk={setQuestion} />}</Answer>
      {question ? <Compared key={JSON.stringify(question)} question={question} /> : null}
    </Page>
  );
}

/** A window of whole days on the clock of the person. */
function Window({ sources, onAsk }: { sources: { id: string; institution: string }[]; onAsk: (question: Question) => void }) {
  const { t } = useTranslation();
  const [source, setSource] = useState(sources[0]?.id ?? '');
  const [days, setDays] = useState<Days>({ from: dayFromToday(-6), to: dayFromToday(0) });

  function ask(event: FormEvent) {
    event.preventDefault();
    const end = new Date(`${days.to}T00:00:00`);
    end.setDate(end.getDate() + 1);
    onAsk({ source, from: new Date(`${days.from}T00:00:00`).toISOString(), to: end.toISOString() });
  }

  return (
    <form className="card bar" onSubmit={ask}>
      <label>
        {t.reconciliation.source}
        <select value={source} onChange={(event) => setSource(event.target.value)}>
          {sources.map(({ id, institution }) => (
            <option key={id} value={id}>
              {institution}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.reconciliation.from}
        <input type="date" required value={days.from} onChange={(event) => setDays({ ...days, from: event.target.value })} />
      </label>
      <label>
        {t.reconciliation.to}
        <input type="date" required value={days.to} onChange={(event) => setDays({ ...days, to: event.target.value })} />
      </label>
      <button type="submit" className="main" disabled={!isPeriod(days) || source === ''}>
        {t.reconciliation.go}
      </button>
      {isPeriod(days) ? null : (
        <p role="alert" className="field-error">
          {t.reconciliation.wrong}
        </p>
      )}
    </form>
  );
}

function Compared({ question }: { question: Question }) {
  const asked = useAsked({ query: ReconciliationDocument, variables: question, requestPolicy: 'network-only' });
  return <Answer asked={asked}>{({ reconciliation }) => <Outcome report={reconciliation} />}</Answer>;
}

function Outcome({ report }: { report: Report }) {
  const { t, f } = useTranslation();
  const isClean = report.missing.length === 0 && report.orphans.length === 0;
  return (
    <Card
      title={report.source.institution}
      aside={
        isClean ? (
          <Badge tone="good">{t.reconciliation.clean}</Badge>
        ) : (
          <Badge tone="warn">{f.number(report.missing.length + report.orphans.length)}</Badge>
        )
      }
    >
      <Facts
        rows={[
          [t.reconciliation.matched, f.number(report.matched)],
          [t.reconciliation.missing, f.number(report.missing.length)],
          [t.reconciliation.orphans, f.number(report.orphans.length)],
          [t.reconciliation.strayHolds, f.number(report.strayHolds.length)],
          [t.reconciliation.checked, <Ago at={report.checkedAt} />],
        ]}
      />
      {report.missing.length > 0 ? <Missing of={report.missing} /> : null}
      {report.orphans.length > 0 ? <Orphans of={report.orphans} /> : null}
    </Card>
  );
}

function Missing({ of }: { of: Report['missing'] }) {
  const { t } = useTranslation();
  const head = [t.orders.number, t.orders.status, t.order.ourReference].map((name) => (
    <th key={name} scope="col">
      {name}
    </th>
  ));
  return (
    <>
      <h3>{t.reconciliation.missing}</h3>
      <p className="small">{t.reconciliation.missingHint}</p>
      <Table label={t.reconciliation.missing} head={head}>
        {of.map((leg) => (
          <tr key={leg.id}>
            <th scope="row">
              <a href={hrefOf('orders', leg.order.id)}>{leg.order.number}</a>
            </th>
            <td>
              <Badge tone={toneOfOrder(leg.status)}>{t.legStatus[leg.status] ?? leg.status}</Badge>
            </td>
            <td>
              <code>{leg.ourReference}</code>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

function Orphans({ of }: { of: Report['orphans'] }) {
  const { t } = useTranslation();
  const head = [t.reconciliation.kind, t.reconciliation.value].map((name) => (
    <th key={name} scope="col">
      {name}
    </th>
  ));
  return (
    <>
      <h3>{t.reconciliation.orphans}</h3>
      <p className="small">{t.reconciliation.orphansHint}</p>
      <Table label={t.reconciliation.orphans} head={head}>
        {of.map(({ kind, value }) => (
          <tr key={`${kind} ${value}`}>
            <th scope="row">{kind}</th>
            <td>
              <code>{value}</code>
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}
