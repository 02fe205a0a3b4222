// GraphiQL over this server's own endpoint: doc explorer, history, explorer, guided examples.

import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { examples } from '../examples';
import { CallerSwitch } from './CallerSwitch';
import { examplesPlugin } from './ExamplesPanel';
import { fetcher } from './fetcher';

const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false }), examplesPlugin];

const root = document.getElementById('root');
if (!root) throw new Error('the page has no root element');
createRoot(root).render(
  <StrictMode>
    <GraphiQL fetcher={fetcher} plugins={plugins} defaultTabs={examples} defaultEditorToolsVisibility>
      <GraphiQL.Logo>
        <CallerSwitch />
        <a className="home" href="/">
          ticketgraph
        </a>
      </GraphiQL.Logo>
    </GraphiQL>
  </StrictMode>,
);
