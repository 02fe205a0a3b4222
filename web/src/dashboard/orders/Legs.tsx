// The legs of an order: where each stands, what went wrong, and each call that may have changed something at its vendor.

import type { LegPartsFragment } from '../api/documents';
import { Ago } from '../ui/Ago';
import { Badge, Facts, Table } from '../ui/parts';
import { Problems } from '../ui/Problems';
import { refRows } from '../ui/refs';
import { toneOfOrder } from '../ui/tone';
import { useTranslation } from '../words';

export function Legs({ legs }: { legs: readonly LegPartsFragment[] }) {
  return (
    <ul className="plain stack">
      {legs.map((leg) => (
        <Leg key={leg.id} leg={leg} />
      ))}
    </ul>
  );
}

function Leg({ leg }: { leg: LegPartsFragment }) {
  const { t, f } = useTranslation();
  const { cancellation: terms } = leg;
  const undoing = [
    terms.possible ? t.order.cancelable : t.order.notCancelable,
    terms.possible && terms.until ? t.order.until(f.time(terms.until, leg.source.timeZone)) : null,
    terms.possible && terms.feePercent ? t.order.fee(f.percent(terms.feePercent)) : null,
  ];
  return (
    <li className="leg" data-leg={leg.source.name}>
      <h3>
        {leg.source.institution} <Badge tone={toneOfOrder(leg.status)}>{t.legStatus[leg.status] ?? leg.status}</Badge>
      </h3>
      <Problems of={leg.problems} />
      <Facts
        rows={[
          [t.order.heldUntil, leg.status === 'HELD' && leg.holdExpiresAt && f.time(leg.holdExpiresAt)],
          [
            t.order.unknownSince,
            leg.unknownSince &&
              `${f.time(leg.unknownSince)}${leg.unknownOperation ? ` (${t.operation[leg.unknownOperation]})` : ''}`,
          ],
          [t.order.nextLook, leg.nextCheckAt && <Ago at={leg.nextCheckAt} />],
          [t.order.undoing, leg.status === 'CONFIRMED' && undoing.filter(Boolean).join(', ')],
        ]}
      />
      <details>
        <summary>{t.order.technical}</summary>
        <Facts rows={[[t.order.ourReference, <code>{leg.ourReference}</code>], ...refRows(leg.externalRefs, t)]} />
      </details>
      <Attempts attempts={leg.attempts} name={leg.source.institution} />
    </li>
  );
}

function Attempts({ attempts, name }: { attempts: LegPartsFragment['attempts']; name: string }) {
  const { t, f } = useTranslation();
  if (attempts.length === 0) return <p className="small">{t.order.noAttempts}</p>;
  const head = [t.order.when, t.order.operation, t.order.outcome, t.order.took].map((word) => (
    <th key={word} scope="col">
      {word}
    </th>
  ));
  return (
    <details>
      <summary>
        {t.order.attempts} ({f.number(attempts.length)})
      </summary>
      <Table label={`${t.order.attempts}: ${name}`} head={head}>
        {attempts.map((attempt) => (
          <tr key={`${attempt.operation}-${attempt.number}`}>
            <td>{f.moment(attempt.startedAt)}</td>
            <td>
              {t.operation[attempt.operation]} {f.number(attempt.number)}
            </td>
            <td>
              {t.outcome[attempt.outcome]}
              {attempt.vendorCode ? <code className="small"> {attempt.vendorCode}</code> : null}
            </td>
            <td>{attempt.endedAt ? f.span(attempt.startedAt, attempt.endedAt) : '–'}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}
