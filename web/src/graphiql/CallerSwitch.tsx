// Who asks: writes the key of a ready caller of the sandbox into the headers of the open tab, and shows whose key is there. Elsewhere,
// and for other keys, it has a field for the key, which is kept in memory only.

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';

import { dayFromToday } from '../days';
import { callers } from '../sandbox/callers';
import { useStore } from '../store';
import { callerIn, enteredKey, withCaller } from './authorization';
import { findLines } from './lines';
import { setLines } from './variables';

function KeyField() {
  const { introspect } = useGraphiQLActions();
  const key = useStore(enteredKey);
  // The caller may see more than somebody without a key: the schema, and what the examples buy.
  async function use() {
    if (key === '') return;
    void introspect();
    setLines(await findLines(dayFromToday(1), { authorization: `Bearer ${key}` }));
  }
  return (
    <form
      className="caller"
      onSubmit={(event) => {
        event.preventDefault();
        void use();
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
          onBlur={() => void use()}
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
