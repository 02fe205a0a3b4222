// What the views of webhooks share: what a caller may do with one, and actions on it.

import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { useMutation } from 'urql';

import type { WebhookEventType, WebhookPartsFragment, WebhookResultFragment } from '../api/documents';
import { useKeys } from '../api/use';
import { may, type Viewer } from '../app/viewer';
import { useTranslation } from '../words';

export type Webhook = WebhookPartsFragment;
export type Problem = WebhookResultFragment['problems'][number];

/** The scope that each type of event needs. The server decides again. */
export const SCOPE_OF: Record<WebhookEventType, string> = {
  ORDER_UPDATED: 'order:read',
  TICKET_UPDATED: 'order:read',
  DELIVERY_UPDATED: 'order:read',
  EVENT_UPDATED: 'catalog:read',
  AVAILABILITY_UPDATED: 'catalog:read',
  SOURCE_UPDATED: 'catalog:read',
  CONNECTION_UPDATED: 'report:read',
};

export const EVENT_TYPES = Object.keys(SCOPE_OF) as WebhookEventType[];

/** The name of a type of event in messages: `order.updated`. */
export const wireNameOf = (type: WebhookEventType) => type.toLowerCase().replace('_', '.');

export interface Rights {
  /** State, test and replay. */
  mayAct: boolean;
  /** URL, events, content and secret. */
  mayEdit: boolean;
  mayDelete: boolean;
  missingScopes: string[];
}

export function rightsOf(viewer: Viewer, { configured, events }: Webhook): Rights {
  const missingScopes = [...new Set(events.map((type) => SCOPE_OF[type]))].filter((scope) => !may(viewer, scope));
  const isOperator = viewer.reseller === null && may(viewer, 'admin');
  const mayAct = missingScopes.length === 0 && (!configured || isOperator);
  return { mayAct, mayEdit: mayAct && !configured, mayDelete: !configured, missingScopes };
}

/** The host of a destination: its path may be long, and may contain a key. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

interface Variables {
  input: { idempotencyKey: string | number };
  locale?: string | null;
}

interface Done {
  done: WebhookResultFragment;
}

/** An action on a webhook. `act` returns the result if it was done; otherwise `error` or `problems` say why not. */
export function useAction<D extends Done, V extends Variables>(document: TypedDocumentNode<D, V>) {
  const { language } = useTranslation();
  const { keyOf, answered } = useKeys();
  const [{ data, error, fetching }, execute] = useMutation<D, V>(document);

  async function act(values: Omit<V['input'], 'idempotencyKey'>): Promise<D['done'] | null> {
    const variables: Variables = { input: { ...values, idempotencyKey: keyOf(values) }, locale: language };
    const answer = await execute(variables as V);
    if (!answer.data) return null;
    answered(values);
    return answer.data.done.problems.length === 0 ? answer.data.done : null;
  }

  const problems: readonly Problem[] = data?.done.problems ?? [];
  return { act, error, problems, isBusy: fetching };
}

/** The messages of problems with an input field. */
export function problemsOf(field: string, problems: readonly Problem[]): string {
  return problems
    .filter(({ path }) => path?.at(-1) === field)
    .map(({ message }) => message)
    .join(' ');
}
