import react from '@vitejs/plugin-react';
import { defineConfig, loadEnv, type Plugin } from 'vite';

// TICKETGRAPH_SANDBOX=off builds the pages of an image without the sandbox: they hold none of its keys.
const hasSandbox = loadEnv('production', '.', 'TICKETGRAPH_').TICKETGRAPH_SANDBOX !== 'off';

const withoutSandboxKeys: Plugin = {
  name: 'without-sandbox-keys',
  transform: (code, id) => (/\.graphql\?raw$/.test(id) ? code.replaceAll(/sandbox-[a-z-]+/g, 'YOUR_API_KEY') : undefined),
};

// One app, an HTML entry a page. The binary serves what is built here: the pages under their own
// paths, everything else under /assets/ with names that change with the content.
export default defineConfig({
  plugins: [react(), ...(hasSandbox ? [] : [withoutSandboxKeys])],
  define: { HAS_SANDBOX: JSON.stringify(hasSandbox) },
  logLevel: 'warn',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The editor alone is larger than Vite's bar for one chunk.
    chunkSizeWarningLimit: 5000,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { graphiql: 'graphiql.html', dashboard: 'dashboard.html' },
      // Libraries speak to the React compiler in directives that mean nothing to a bundler.
      onLog: (level, log, print) => log.code === 'MODULE_LEVEL_DIRECTIVE' || print(level, log),
    },
  },
  worker: { format: 'es' },
  // `npm run dev` serves the pages; a binary started beside it answers the API.
  server: {
    // The keys of the sandbox come from its configuration.
    fs: { allow: ['..'] },
    proxy: {
      '^/graphql$': 'http://127.0.0.1:4000',
      '/graphql/ws': { target: 'ws://127.0.0.1:4000', ws: true },
    },
  },
});
