// A vendor of the sandbox that is stopped while an example runs, so that the example shows what a failure looks like.

/** The line of a document that names the source whose vendor is stopped. */
const STOPPED = /^# Stopped while this runs: ([\w-]+)$/m;

const routeOf = (source: string) => new URL(`/sandbox/sources/${encodeURIComponent(source)}/outage`, location.href);

/**
 * Stops the vendor of the source that a document names, and returns the source. Only a server with built-in vendors can: with
 * others the operation runs without an outage.
 */
export async function startOutage(query: string): Promise<string | undefined> {
  const source = query.match(STOPPED)?.[1];
  if (source === undefined) return undefined;
  const response = await fetch(routeOf(source), { method: 'PUT' });
  return response.ok ? source : undefined;
}

/** Starts it again. Should this fail, the server does so by itself after some seconds. */
export function endOutage(source: string) {
  void fetch(routeOf(source), { method: 'DELETE', keepalive: true }).catch(() => undefined);
}
