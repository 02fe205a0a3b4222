// A pane of GraphiQL that lists the ready operations and opens one in a tab of its own.

import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from '@graphiql/react';

import { type Example, examples } from '../examples';

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden="true">
      <path d="M3 1.5h7l3 3v10H3z" />
      <path d="M5.5 7h5M5.5 9.5h5M5.5 12h3" />
    </svg>
  );
}

function ExamplesPanel() {
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const headerEditor = useGraphiQL((state) => state.headerEditor);
  const { addTab, changeTab } = useGraphiQLActions();

  function open(example: Example) {
    const there = tabs.findIndex((tab) => tab.query === example.query);
    if (there >= 0) {
      changeTab(there);
      return;
    }
    addTab();
    // The editors hold the text of the tab; GraphiQL stores it from there.
    queryEditor?.setValue(example.query);
    variableEditor?.setValue(example.variables);
    headerEditor?.setValue(example.headers);
  }

  return (
    <section aria-label="Examples" className="examples">
      <h2>Examples</h2>
      <ol>
        {examples.map((example) => (
          <li key={example.name}>
            <button type="button" className="graphiql-un-styled" onClick={() => open(example)}>
              {example.title}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

export const examplesPlugin: GraphiQLPlugin = { title: 'Examples', icon: ExamplesIcon, content: ExamplesPanel };
