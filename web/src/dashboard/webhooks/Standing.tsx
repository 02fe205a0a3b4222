// The state of a webhook as words with colors.

import { Badge } from '../ui/parts';
import { useTranslation } from '../words';
import type { Webhook } from './webhook';

export function Standing({ of, isWithReason = false }: { of: Webhook; isWithReason?: boolean }) {
  const { t } = useTranslation();
  const reason = reasonOf(of, t.webhooks.reasons);
  return (
    <>
      <Badge tone={of.state === 'ACTIVE' ? 'good' : 'bad'}>{t.webhooks.states[of.state]}</Badge>{' '}
      {of.failingSince !== null && of.state === 'ACTIVE' ? <Badge tone="warn">{t.webhooks.failing}</Badge> : null}{' '}
      {of.configured ? <Badge tone="calm">{t.webhooks.configured}</Badge> : null}
      {isWithReason && reason ? <span className="reason small">{reason}</span> : null}
    </>
  );
}

/** The sentence for the reason of the state `DISABLED`. A reason that this page does not know is shown as it is. */
export function reasonOf({ disabledReason }: Webhook, reasons: Record<string, string>): string | null {
  return disabledReason === null ? null : (reasons[disabledReason] ?? disabledReason);
}
