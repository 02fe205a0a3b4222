// Who asks: writes the key of a ready caller of the sandbox into the headers of the open tab, and shows whose key is there. Elsewhere,
// and for other keys, it has a field for the key, which is kept in memory only.

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';

import { callers } from '../sandbox/callers';
import { callerIn, enteredKey, withCaller } from './authorization';
import { useObservable } from './observable';

function KeyField() {
  const { introspect } = useGraphiQLActions();
  const key = useObservable(enteredKey);
  return (
    <form
      className="caller"
      onSubmit={(event) => {
        event.preventDefault();
        void introspect();
      }}
    >
      <label>
        API key
        <input
          type="password"
          autoComplete="off"
          placeholder="not stored"
          value={key}
          onChange={({ target }) => enteredKey.set(target.value.trim())}
          onBlur={() => void introspect()}
        />
      </label>
    </form>
  );
}

export function CallerSwitch({ isSandbox }: { isSandbox: boolean }) {
  const editor = useGraphiQL((state) => state.headerEditor);
  const headers = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.headers) ?? '';
  if (!isSandbox) return <KeyField />;
  const present = callerIn(headers);
  return (
    <>
      <label className="caller">
        Ask as
        <select value={present} onChange={({ target }) => editor?.setValue(withCaller(headers, target.value))}>
          <option>anonymous</option>
          {callers.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
          <option value="entered">another key …</option>
          {present === 'own' ? <option value="own">key in Headers</option> : null}
        </select>
      </label>
      {present === 'entered' ? <KeyField /> : null}
    </>
  );
}
