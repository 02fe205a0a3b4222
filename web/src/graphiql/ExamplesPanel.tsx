// A pane of GraphiQL that lists the ready operations and opens one in a tab of its own. One that is open already is filled in again.

import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from '@graphiql/react';

import { dayFromToday } from '../days';
import { type Example, examples } from '../examples';
import { headersFor, headersIn, headersToSend } from './authorization';
import { findLines } from './lines';
import { newVariables, setLines } from './variables';

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden="true">
      <path d="M3 1.5h7l3 3v10H3z" />
      <path d="M5.5 7h5M5.5 9.5h5M5.5 12h3" />
    </svg>
  );
}

/** What fills an example, asked for with the key of its caller: what was for sale when the page was opened may be gone. */
async function filled(example: Example, isSandbox: boolean) {
  const headers = headersFor(example.key, isSandbox);
  if (example.variables.includes('lines') || example.variables.includes('entities')) {
    const toSend = headersToSend(headersIn(headers), isSandbox) as Record<string, string> | undefined;
    setLines(await findLines(dayFromToday(1), toSend ?? {}));
  }
  return { query: example.query, headers, variables: newVariables(example) };
}

const createPanel = (isSandbox: boolean) =>
  function ExamplesPanel() {
    const tabs = useGraphiQL((state) => state.tabs);
    const queryEditor = useGraphiQL((state) => state.queryEditor);
    const variableEditor = useGraphiQL((state) => state.variableEditor);
    const headerEditor = useGraphiQL((state) => state.headerEditor);
    const { addTab, changeTab, updateActiveTabValues } = useGraphiQLActions();

    async function open(example: Example) {
      const values = await filled(example, isSandbox);
      const there = tabs.findIndex((tab) => tab.query === example.query);
      if (there >= 0) changeTab(there);
      else addTab();
      queryEditor?.setValue(values.query);
      variableEditor?.setValue(values.variables);
      headerEditor?.setValue(values.headers);
      updateActiveTabValues(values);
    }

    return (
      <section aria-label="Examples" className="examples">
        <h2>Examples</h2>
        <p>Opening an example again fills in new variables: today's dates, a new idempotency key, and the last order of this page.</p>
        <ol>
          {examples.map((example) => (
            <li key={example.name}>
              <button type="button" className="graphiql-un-styled" onClick={() => void open(example)}>
                {example.title}
              </button>
            </li>
          ))}
        </ol>
      </section>
    );
  };

export const createExamplesPlugin = (isSandbox: boolean): GraphiQLPlugin => ({
  title: 'Examples',
  icon: ExamplesIcon,
  content: createPanel(isSandbox),
});
