// A button that saves an export of the API as a file. The key goes in a header, so it is in no address.

import { useState } from 'react';

import { credentials } from '../app/session';
import { useTranslation } from '../words';

type Value = string | number | boolean;

/** Names and values of query parameters; a list is repeated. */
export type ExportParameters = Record<string, Value | readonly Value[] | null | undefined>;

function addressOf(file: string, parameters: ExportParameters): URL {
  const url = new URL(`/exports/${file}`, location.href);
  for (const [name, values] of Object.entries(parameters)) {
    for (const value of [values ?? []].flat()) url.searchParams.append(name, String(value));
  }
  // Spreadsheets recognize UTF-8 by it.
  url.searchParams.append('bom', 'true');
  return url;
}

function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

interface Wanted {
  file: 'orders.csv' | 'statement.csv' | 'statement_breakdown.csv';
  /** The name under which it is saved. */
  saveAs: string;
  parameters: ExportParameters;
}

export function ExportButton({ file, saveAs, parameters }: Wanted) {
  const { t } = useTranslation();
  const [state, setState] = useState<'idle' | 'busy' | { trouble: string }>('idle');

  async function get() {
    setState('busy');
    try {
      const response = await fetch(addressOf(file, parameters), credentials());
      if (!response.ok) {
        const { errors } = (await response.json()) as { errors: { message: string }[] };
        setState({ trouble: errors[0]?.message ?? t.errors.other });
        return;
      }
      // Fails if the connection was cut: then nothing is saved.
      save(await response.blob(), saveAs);
      setState('idle');
    } catch {
      setState({ trouble: t.sales.exportFailed });
    }
  }

  return (
    <>
      <button type="button" disabled={state === 'busy'} onClick={get}>
        {state === 'busy' ? t.sales.exporting : t.sales.export}
      </button>
      <p role="alert" className="field-error">
        {typeof state === 'object' ? state.trouble : null}
      </p>
    </>
  );
}
