// The dashboard of partners and operators: a client of the public GraphQL API like any other.

import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/views.css';
import './styles/orders.css';
import './styles/overview.css';
import './styles/webhooks.css';
import './styles/print.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { App } from './app/App';

const root = document.getElementById('root');
if (!root) throw new Error('the page has no root element');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
