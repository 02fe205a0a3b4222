// The settings of a webhook as a form: those that a new one gets, and those that can be changed.

import { useId } from 'react';

import type { WebhookEventType, WebhookInclude, WebhookSignature } from '../api/documents';
import { may, type Viewer } from '../app/viewer';
import { useTranslation } from '../words';
import { EVENT_TYPES, type Problem, problemsOf, SCOPE_OF, wireNameOf } from './webhook';

export interface Settings {
  url: string;
  events: WebhookEventType[];
  include: WebhookInclude;
  signature: WebhookSignature;
}

/** Returns true if the API takes the text for a URL; whether messages can be sent there is decided by the server. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

interface Shown {
  viewer: Viewer;
  settings: Settings;
  onChange: (settings: Settings) => void;
  problems: readonly Problem[];
  /** The URL was sent off and is none. */
  isUrlWrong: boolean;
  /** The scheme of the signatures can be chosen. */
  isNew?: boolean;
}

export function Fields({ viewer, settings, onChange, problems, isUrlWrong, isNew = false }: Shown) {
  const { t } = useTranslation();
  const fields = useId();
  const change = (part: Partial<Settings>) => onChange({ ...settings, ...part });
  const urlTrouble = isUrlWrong ? t.webhooks.urlInvalid : problemsOf('url', problems);
  return (
    <>
      <div className="field">
        <label htmlFor={`${fields}-url`}>{t.webhooks.url}</label>
        <input
          id={`${fields}-url`}
          inputMode="url"
          autoComplete="off"
          spellCheck={false}
          maxLength={2048}
          value={settings.url}
          aria-invalid={urlTrouble !== ''}
          aria-describedby={`${fields}-url-hint ${fields}-url-trouble`}
          onChange={(event) => change({ url: event.target.value })}
        />
        <p id={`${fields}-url-hint`} className="small">
          {t.webhooks.urlHint}
        </p>
        <p id={`${fields}-url-trouble`} className="field-error" role="alert">
          {urlTrouble}
        </p>
      </div>
      <EventTypes viewer={viewer} chosen={settings.events} onChange={(events) => change({ events })} problems={problems} />
      <Choice
        legend={t.webhooks.contents}
        names={t.webhooks.includes}
        chosen={settings.include}
        hint={t.webhooks.includeHint}
        onChange={(include) => change({ include })}
      />
      {isNew ? (
        <Choice
          legend={t.webhooks.signature}
          names={t.webhooks.signatures}
          chosen={settings.signature}
          onChange={(signature) => change({ signature })}
        />
      ) : null}
    </>
  );
}

interface Types {
  viewer: Viewer;
  chosen: readonly WebhookEventType[];
  onChange: (chosen: WebhookEventType[]) => void;
  problems: readonly Problem[];
}

function EventTypes({ viewer, chosen, onChange, problems }: Types) {
  const { t } = useTranslation();
  const trouble = useId();
  return (
    <fieldset aria-describedby={trouble}>
      <legend>{t.webhooks.eventTypes}</legend>
      {EVENT_TYPES.map((type) => {
        const isAllowed = may(viewer, SCOPE_OF[type]);
        return (
          <label key={type} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(type)}
              disabled={!isAllowed}
              onChange={({ target }) => onChange(EVENT_TYPES.filter((one) => (one === type ? target.checked : chosen.includes(one))))}
            />
            <span>
              {t.webhooks.events[type]} <code className="small">{wireNameOf(type)}</code>
              {isAllowed ? null : <span className="small"> ({t.webhooks.needsScope(SCOPE_OF[type])})</span>}
            </span>
          </label>
        );
      })}
      <p id={trouble} className="field-error" role="alert">
        {problemsOf('events', problems)}
      </p>
    </fieldset>
  );
}

interface Choices<T extends string> {
  legend: string;
  names: Record<T, string>;
  chosen: T;
  hint?: string;
  onChange: (chosen: T) => void;
}

/** One of several values, each with its name. */
export function Choice<T extends string>({ legend, names, chosen, hint, onChange }: Choices<T>) {
  const group = useId();
  return (
    <fieldset>
      <legend>{legend}</legend>
      {(Object.entries(names) as [T, string][]).map(([value, name]) => (
        <label key={value} className="check">
          <input type="radio" name={group} checked={value === chosen} onChange={() => onChange(value)} />
          {name}
        </label>
      ))}
      {hint ? <p className="small">{hint}</p> : null}
    </fieldset>
  );
}
