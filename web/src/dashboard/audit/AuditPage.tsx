// Who did what to which order or source, and when, newest first. The filter and the page stand in the address.

import type { FormEvent } from 'react';

import { AuditLogDocument, type AuditAction, type AuditLogQuery } from '../api/documents';
import { useAsked } from '../api/use';
import { hrefOf, hrefWith, useSettings } from '../app/route';
import { Ago } from '../ui/Ago';
import { Answer } from '../ui/Answer';
import { Card, Empty, Page, Table } from '../ui/parts';
import { useTranslation } from '../words';

const PAGE_SIZE = 50;

type Entry = AuditLogQuery['auditLog']['nodes'][number];

interface Shown {
  action: string | null;
  order: string | null;
  actor: string | null;
}

function isAction(known: object, name: string | null): name is AuditAction {
  return name !== null && name in known;
}

export function AuditPage() {
  const { t } = useTranslation();
  const settings = useSettings();
  const shown: Shown = { action: settings.get('action'), order: settings.get('order'), actor: settings.get('actor') };
  const filter = {
    actions: isAction(t.audit.actions, shown.action) ? [shown.action] : null,
    orderNumber: shown.order,
    actor: shown.actor,
  };
  const asked = useAsked({ query: AuditLogDocument, variables: { filter, first: PAGE_SIZE, after: settings.get('after') } });
  return (
    <Page title={t.audit.title}>
      <p>{t.audit.explain}</p>
      <Filter key={JSON.stringify(shown)} shown={shown} />
      <Answer asked={asked}>
        {({ auditLog }) =>
          auditLog.nodes.length === 0 ? (
            <Empty title={t.audit.none} />
          ) : (
            <Card title={t.audit.entries}>
              <Entries of={auditLog.nodes} />
              <div className="bar pages">
                {settings.has('after') ? <a href={hrefWith({ ...shown }, 'audit')}>{t.audit.newest}</a> : null}
                {auditLog.pageInfo.hasNextPage ? (
                  <a href={hrefWith({ ...shown, after: auditLog.pageInfo.endCursor }, 'audit')}>{t.audit.older}</a>
                ) : null}
              </div>
            </Card>
          )
        }
      </Answer>
    </Page>
  );
}

function Filter({ shown }: { shown: Shown }) {
  const { t } = useTranslation();

  function apply(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const text = (name: string) => String(fields.get(name) ?? '').trim();
    location.hash = hrefWith({ action: text('action'), order: text('order'), actor: shown.actor }, 'audit');
  }

  return (
    <form className="card bar" onSubmit={apply}>
      <label>
        {t.audit.action}
        <select name="action" defaultValue={shown.action ?? ''}>
          <option value="">{t.audit.all}</option>
          {Object.entries(t.audit.actions).map(([action, name]) => (
            <option key={action} value={action}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.audit.order}
        <input name="order" defaultValue={shown.order ?? ''} autoComplete="off" />
      </label>
      <button type="submit">{t.audit.apply}</button>
      {shown.actor ? <a href={hrefWith({ ...shown, actor: null }, 'audit')}>{t.audit.everybody}</a> : null}
    </form>
  );
}

function Entries({ of }: { of: Entry[] }) {
  const { t } = useTranslation();
  return (
    <Table
      label={t.audit.entries}
      head={
        <>
          <th scope="col">{t.audit.when}</th>
          <th scope="col">{t.audit.who}</th>
          <th scope="col">{t.audit.action}</th>
          <th scope="col">{t.audit.subject}</th>
        </>
      }
    >
      {of.map(({ at, action, actor, actorName, reseller, orderId, orderNumber, sourceName }, index) => (
        <tr key={`${at} ${index}`}>
          <td>
            <Ago at={at} />
          </td>
          <td>
            <a href={hrefWith({ actor }, 'audit')}>{actorName}</a>
            {reseller ? <span className="small"> {reseller.name}</span> : null}
          </td>
          <td>{t.audit.actions[action]}</td>
          <td>{orderId ? <a href={hrefOf('orders', orderId)}>{orderNumber}</a> : (sourceName ?? '–')}</td>
        </tr>
      ))}
    </Table>
  );
}
