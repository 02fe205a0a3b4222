// GraphiQL over this server's own endpoint: doc explorer, history, explorer, guided examples.

import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { VisuallyHidden } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { dayFromToday } from '../days';
import { examples } from '../examples';
import { isSandbox as asksSandbox } from '../sandbox/callers';
import { headersFor } from './authorization';
import { CallerSwitch } from './CallerSwitch';
import { Effects } from './Effects';
import { createExamplesPlugin } from './ExamplesPanel';
import { createFetcher } from './fetcher';
import { findLines } from './lines';
import { StatusLine } from './StatusLine';
import { openStorage } from './storage';
import { TabsMenu } from './TabsMenu';
import { newVariables, setLines } from './variables';

const [isSandbox, lines] = await Promise.all([asksSandbox(), findLines(dayFromToday(1), {})]);
setLines(lines);
const { storage, session } = openStorage(isSandbox);
const defaultTabs = examples.map((example) => ({
  query: example.query,
  variables: newVariables(example),
  headers: headersFor(example.key, isSandbox),
}));
// GraphiQL takes the text of its editors from here and not from the tab that it opens.
const open = session?.tabs[session.activeTabIndex] ?? defaultTabs[0];
const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false }), createExamplesPlugin(isSandbox)];
const fetcher = createFetcher(isSandbox);

const root = document.getElementById('root');
if (!root) throw new Error('the page has no root element');
createRoot(root).render(
  <StrictMode>
    <VisuallyHidden>
      <h1>ticketgraph: GraphiQL</h1>
    </VisuallyHidden>
    <GraphiQL
      fetcher={fetcher}
      plugins={plugins}
      storage={storage}
      shouldPersistHeaders
      showPersistHeadersSettings={false}
      schemaDescription
      customScalarSchemas={{ _Any: { type: 'object' } }}
      defaultTabs={defaultTabs}
      initialQuery={open?.query ?? undefined}
      initialVariables={open?.variables ?? undefined}
      initialHeaders={open?.headers ?? undefined}
      defaultEditorToolsVisibility
    >
      <GraphiQL.Logo>
        <TabsMenu />
        <CallerSwitch isSandbox={isSandbox} />
        <a className="home" href="/">
          ticketgraph
        </a>
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <StatusLine />
      </GraphiQL.Footer>
      <Effects />
    </GraphiQL>
  </StrictMode>,
);
