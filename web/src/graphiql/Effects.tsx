// What the page does to GraphiQL's own store while it is open; shows nothing.

import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';

import { setOpenTab } from './exchanges';
import { useStore } from '../store';
import { lines, results, withLearned } from './variables';

/** The width of a phone, as in page.css. */
const NARROW = '(max-width: 700px)';

export function Effects() {
  const tabs = useGraphiQL((state) => state.tabs);
  const active = useGraphiQL((state) => state.activeTabIndex);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const { updateActiveTabValues } = useGraphiQLActions();
  const isFetching = useGraphiQL((state) => state.isFetching);
  const returned = useStore(results);
  const wares = useStore(lines);
  const tab = tabs[active];

  // What is sent belongs to the tab that is open.
  useEffect(() => setOpenTab(tab?.id ?? '', tabs.map(({ id }) => id)), [tab?.id, tabs]);

  // Long lines would run under the buttons of the editor.
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor]) editor?.updateOptions({ wordWrap: 'on' });
  }, [queryEditor, variableEditor]);

  // On a phone the response is below the editors.
  useEffect(() => {
    if (isFetching && matchMedia(NARROW).matches) document.querySelector('.graphiql-response')?.scrollIntoView();
  }, [isFetching]);

  // An example that continues another takes what that returned last, and what is for sale now.
  useEffect(() => {
    if (!queryEditor || !variableEditor) return;
    const variables = withLearned(queryEditor.getValue(), variableEditor.getValue());
    if (variables === undefined) return;
    variableEditor.setValue(variables);
    updateActiveTabValues({ variables });
  }, [tab?.id, returned, wares, queryEditor, variableEditor, updateActiveTabValues]);

  return null;
}
