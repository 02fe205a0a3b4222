// What the tests of clients share: the keys of the sandbox, and an order that can be placed.

/** Headers of the sandbox's storefront, which may buy. */
export const storefront = { authorization: 'Bearer sandbox-storefront' };
/** Headers of the sandbox's reseller, which sees its own orders only. */
export const reseller = { authorization: 'Bearer sandbox-tiqets-dashboard' };

/** Posts one operation and answers its whole result. */
export async function ask(origin, query, variables = {}, headers = {}) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

const OFFERS = `query Offers {
  events(first: 100) {
    nodes {
      source { vendor }
      performances(first: 5) {
        nodes { id availability { status offers { status ticketType { id } price { retail { amount } } } } }
      }
    }
  }
}`;

/** An order of one ticket of one vendor that can be placed now, with a key of its own. */
export async function anOrder(origin, vendor = 'ACME') {
  const { data, errors } = await ask(origin, OFFERS);
  for (const event of data?.events.nodes ?? []) {
    if (event.source.vendor !== vendor) continue;
    for (const performance of event.performances.nodes) {
      const offer = performance.availability.offers.find(({ status }) => status === 'AVAILABLE' || status === 'FREESALE');
      if (offer) {
        return {
          idempotencyKey: crypto.randomUUID(),
          contact: { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com' },
          lines: [{ performance: performance.id, ticketType: offer.ticketType.id, quantity: 1 }],
        };
      }
    }
  }
  throw new Error(`nothing of ${vendor} is for sale: ${JSON.stringify(errors)}`);
}

const PLACE =
  'mutation Place($input: CreateOrderInput!) { placeOrder(input: $input) { order { id number status } problems { code } } }';

/** Places an order of some tickets of one vendor, and answers with it. */
export async function placeOrder(origin, headers, vendor, quantity) {
  const input = await anOrder(origin, vendor);
  input.lines[0].quantity = quantity;
  const { data, errors } = await ask(origin, PLACE, { input }, headers);
  const problems = data?.placeOrder.problems ?? errors;
  if (problems.length > 0) throw new Error(`no order was placed: ${JSON.stringify(problems)}`);
  return data.placeOrder.order;
}

/** Controls an emulated vendor at the address that the server logs at start: `down`, `up`, `faults`. */
export async function control(server, vendor, what, { method = 'POST', body } = {}) {
  const [, address] = server.log().match(new RegExp(`the emulated ${vendor} listens on .*POST (http://\\S+/_emu/)down`)) ?? [];
  const response = await fetch(`${address}${what}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${what} of ${vendor}: ${response.status} ${await response.text()}`);
}
