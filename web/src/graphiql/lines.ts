// Something to buy: what the page asks the server for, so that the examples can order it.

export interface Line {
  performance: string;
  ticketType: string;
  quantity: number;
}

interface Listed {
  performances: {
    nodes: {
      id: string;
      availability: {
        offers: { status: string; price: { retail: { amount: number | string } }; ticketType: { id: string } }[];
      } | null;
    }[];
  } | null;
}

const VENDORS = ['ACME', 'SECUTIX', 'TICKETING', 'OCTO'];

/** Finds one line at each vendor that has something for sale; none where the caller may not see the catalog. */
export async function findLines(from: string, headers: Record<string, string>): Promise<Line[]> {
  const wares = `nodes { performances(first: 3, from: "${from}T12:00:00Z") {
    nodes { id availability { offers { status price { retail { amount } } ticketType { id } } } } } }`;
  const part = (vendor: string) => `${vendor}: events(first: 10, filter: { vendors: [${vendor}], status: [ON_SALE] }) { ${wares} }`;
  try {
    const response = await fetch(new URL('/graphql', location.href), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: `{ ${VENDORS.map(part).join(' ')} }` }),
      signal: AbortSignal.timeout(5000),
    });
    const found: Record<string, { nodes: Listed[] } | null> = (await response.json()).data ?? {};
    return Object.values(found).flatMap((list) => {
      const shown = list?.nodes.flatMap((event) => event.performances?.nodes ?? []) ?? [];
      const lines = shown.flatMap(({ id, availability }) => {
        const offers = availability?.offers ?? [];
        const offer = offers.find(({ status, price }) => status === 'AVAILABLE' && Number(price.retail.amount) > 0);
        return offer ? [{ performance: id, ticketType: offer.ticketType.id, quantity: 2 }] : [];
      });
      return lines.slice(0, 1);
    });
  } catch {
    return [];
  }
}
