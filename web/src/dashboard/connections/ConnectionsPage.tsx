// How a reseller is set up in each source: the vendor's checklist, the words of the reseller, the message that hands it over.

import { useState } from 'react';
import { useMutation, useQuery } from 'urql';

import { CheckConnectionDocument, type ConnectionPartsFragment, ConnectionsDocument, HandoverDocument } from '../api/documents';
import { useAsked } from '../api/use';
import type { ViewProps } from '../app/viewer';
import { Ago } from '../ui/Ago';
import { Answer, Failure, Loading } from '../ui/Answer';
import { Badge, Card, CopyButton, Empty, Facts, Page, Table } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { refRows } from '../ui/refs';
import { toneOfConnection } from '../ui/tone';
import { useTranslation } from '../words';

export function ConnectionsPage({ viewer }: ViewProps) {
  const { t } = useTranslation();
  return viewer.reseller ? (
    <Page title={t.connections.title}>
      <ConnectionsOf reseller={viewer.reseller.id} />
    </Page>
  ) : null;
}

export function ConnectionsOf({ reseller }: { reseller: string }) {
  const { t, language } = useTranslation();
  const asked = useAsked({ query: ConnectionsDocument, variables: { reseller, locale: language } });
  return (
    <Answer asked={asked}>
      {({ reseller: found }) =>
        found && found.connections.length > 0 ? (
          found.connections.map((connection) => (
            <ConnectionCard key={connection.id} connection={connection} again={asked.again} />
          ))
        ) : (
          <Empty title={t.connections.none} hint={t.connections.noneHint} />
        )
      }
    </Answer>
  );
}

function ConnectionCard({ connection, again }: { connection: ConnectionPartsFragment; again: () => void }) {
  const { t, language } = useTranslation();
  const [{ data, error, fetching }, check] = useMutation(CheckConnectionDocument);

  async function recheck() {
    await check({ connection: connection.id, locale: language });
    again();
  }

  return (
    <Card
      title={connection.source.institution}
      aside={
        <div className="bar">
          <Badge tone={toneOfConnection[connection.state]}>{t.connections.states[connection.state]}</Badge>
          <button type="button" disabled={fetching} onClick={recheck}>
            {fetching ? t.connections.checking : t.connections.recheck}
          </button>
        </div>
      }
    >
      {error ? <Failure error={error} /> : null}
      <Problems of={data?.checkResellerConnection.problems ?? []} areOfTry />
      <Checklist connection={connection} />
      {connection.externalRefs.length > 0 ? (
        <>
          <h3>{t.connections.account}</h3>
          <Facts rows={refRows(connection.externalRefs, t)} />
        </>
      ) : null}
      <Mappings connection={connection} />
      <HandoverPart connection={connection.id} />
    </Card>
  );
}

function Checklist({ connection: { readiness } }: { connection: ConnectionPartsFragment }) {
  const { t } = useTranslation();
  const [first] = readiness;
  return (
    <>
      <h3>{t.connections.checklist}</h3>
      <p className="small">
        {t.connections.done(readiness.filter(({ ok }) => ok).length, readiness.length)}
        {first?.checkedAt ? (
          <>
            {' · '}
            <Ago at={first.checkedAt} />
          </>
        ) : null}
      </p>
      <ul className="plain checklist">
        {readiness.map((check, place) => (
          // A code may be asked for several things; the list keeps its order.
          <li key={`${check.code}-${place}`}>
            <Badge tone={check.ok ? 'good' : 'bad'}>{check.ok ? t.connections.passed : t.connections.failed}</Badge>
            <div>
              {check.title}
              {check.hint ? <p className="small">{check.hint}</p> : null}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

function Mappings({ connection: { mappings } }: { connection: ConnectionPartsFragment }) {
  const { t } = useTranslation();
  if (mappings.length === 0) return null;
  const head = [t.connections.partnerCode, t.connections.meansEvent, t.connections.meansType].map((word) => (
    <th key={word} scope="col">
      {word}
    </th>
  ));
  return (
    <>
      <h3>{t.connections.mappings}</h3>
      <Table label={t.connections.mappings} head={head}>
        {mappings.map((mapping) => (
          <tr key={mapping.partnerCode}>
            <th scope="row">{mapping.partnerCode}</th>
            <td>{mapping.event?.title ?? t.connections.anyEvent}</td>
            <td>{mapping.ticketType?.name ?? '–'}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}

/** Asked only when it is opened: not every vendor has such a message. */
function HandoverPart({ connection }: { connection: string }) {
  const { t, language } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const [{ data, error, fetching }] = useQuery({ query: HandoverDocument, variables: { connection, locale: language }, pause: !isOpen });
  const node = data?.node?.__typename === 'ResellerConnection' ? data.node : null;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t.connections.handover}</summary>
      {isOpen && fetching && !node ? <Loading /> : null}
      {error ? <Failure error={error} title={t.connections.noHandover} /> : null}
      {node ? (
        <div className="letter">
          <Facts
            rows={[
              [t.connections.subject, node.handover.subject],
              [t.connections.missing, node.handover.missing.length > 0 && node.handover.missing.join(', ')],
            ]}
          />
          <pre tabIndex={0} aria-label={t.connections.handover}>
            {node.handover.body}
          </pre>
          <CopyButton text={`${node.handover.subject}\n\n${node.handover.body}`} label={t.connections.copyBody} />
        </div>
      ) : null}
    </details>
  );
}
