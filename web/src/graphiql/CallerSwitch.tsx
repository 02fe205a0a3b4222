// Who asks: writes the key of a ready caller of the sandbox into the headers of the open tab, and shows whose key is there.

import { useGraphiQL } from '@graphiql/react';
import { useEffect, useState } from 'react';

import { callers, isSandbox } from '../sandbox/callers';

function headersIn(text: string): Record<string, unknown> {
  try {
    const headers: unknown = JSON.parse(text || '{}');
    return typeof headers === 'object' && headers !== null ? { ...headers } : {};
  } catch {
    return {};
  }
}

const isAuthorization = (name: string) => name.toLowerCase() === 'authorization';

/** The name of the caller whose key the headers hold; none: nobody's; `own`: somebody's that this page does not know. */
function callerOf(text: string): string {
  const [, value] = Object.entries(headersIn(text)).find(([name]) => isAuthorization(name)) ?? [];
  if (value === undefined) return '';
  return callers.find(({ key }) => value === `Bearer ${key}`)?.name ?? 'own';
}

function withKey(text: string, key: string | undefined): string {
  const others = Object.entries(headersIn(text)).filter(([name]) => !isAuthorization(name));
  const headers = key === undefined ? others : [...others, ['Authorization', `Bearer ${key}`]];
  return headers.length > 0 ? JSON.stringify(Object.fromEntries(headers), null, 2) : '';
}

export function CallerSwitch() {
  const [isShown, setShown] = useState(false);
  const editor = useGraphiQL((state) => state.headerEditor);
  const headers = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.headers) ?? '';
  useEffect(() => void isSandbox().then(setShown), []);
  if (!isShown) return null;
  const present = callerOf(headers);
  return (
    <label className="caller">
      Ask as
      <select
        value={present}
        onChange={({ target }) => editor?.setValue(withKey(headers, callers.find(({ name }) => name === target.value)?.key))}
      >
        <option value="">anonymous</option>
        {callers.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
        {present === 'own' ? <option value="own">another key</option> : null}
      </select>
    </label>
  );
}
