// Typed documents of the dashboard: every *.graphql file under src/dashboard, checked against the schema that the server
// prints (schema/ticketgraph.graphql), becomes an export of src/dashboard/api/documents.ts. A document that the schema does
// not allow ends the build. `npm run documents` runs it alone.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { codegen } from '@graphql-codegen/core';
import * as typedDocuments from '@graphql-codegen/typed-document-node';
import * as operations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const here = fileURLToPath(new URL('.', import.meta.url));
const read = (path) => parse(readFileSync(path, 'utf8'), { noLocation: true });
const files = readdirSync(`${here}src/dashboard`, { recursive: true })
  .filter((name) => name.endsWith('.graphql'))
  .map((name) => `src/dashboard/${name}`)
  .sort();
const target = `${here}src/dashboard/api/documents.ts`;

const code = await codegen({
  schema: read(`${here}../schema/ticketgraph.graphql`),
  documents: files.map((location) => ({ location, document: read(`${here}${location}`) })),
  filename: target,
  plugins: [{ operations: {} }, { typedDocuments: {} }],
  pluginMap: { operations, typedDocuments },
  config: {
    useTypeImports: true,
    skipTypename: true,
    enumType: 'string-literal',
    strictScalars: true,
    scalars: {
      CurrencyCode: 'string',
      DateTime: 'string',
      LocalDate: 'string',
      Locale: 'string',
      MinorUnits: 'number',
      TimeZone: 'string',
      URL: 'string',
    },
  },
});

writeFileSync(target, `// Written by documents.mjs; not kept in git.\n${code}`);
