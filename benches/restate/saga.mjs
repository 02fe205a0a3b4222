// The saga of an order over three vendors in Restate, as its documentation has it: every step is a journaled `ctx.run`, and a
// failure runs the compensations backwards. The calls are those that ticketgraph makes for the same order.
//
//   node saga.mjs ACME SECUTIX TICKETING    with the base URLs of the emulated vendors
import { createHash, createHmac } from "node:crypto";
import * as restate from "@restatedev/restate-sdk";

// The SDK uses it, and Node 20 lacks it.
Promise.withResolvers ??= () => {
  const resolvers = {};
  resolvers.promise = new Promise((resolve, reject) => Object.assign(resolvers, { resolve, reject }));
  return resolvers;
};

const [acmeBase, secutixBase, ticketingBase] = process.argv.slice(2);
const ORGANIZATION = 5120;
const CONTACT_REFERENCE = "1000042";
/** Seconds for which a signed token is used. */
const TOKEN_USE = 195;

/** Sends a request. Only a rejection ends the saga; anything else is repeated by the engine. */
async function send(method, url, headers, body) {
  const response = await fetch(url, {
    method,
    headers: { accept: "application/json", ...headers, ...(body && { "content-type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : undefined;
  const message = `${method} ${new URL(url).pathname}: ${response.status} ${text}`;
  throw response.status < 500 ? new restate.TerminalError(message) : new Error(message);
}

const acme = (method, path, body, headers) =>
  send(method, acmeBase + path, { "x-acme-api-key": "harbor-sandbox-key", ...headers }, body);

const ticketing = (method, path, body) =>
  send(
    method,
    `${ticketingBase}/v3${path}`,
    { "x-api-key": "5a6e0d1cb00c0000000000000000c0de", "x-client-version": "3.0.0" },
    body,
  );

let token = { text: "", until: 0 };

function bearer() {
  const now = Math.floor(Date.now() / 1000);
  if (now >= token.until) {
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { sub: "OPERA", aud: "OPERA_DGTK", iss: "ticketgraph", iat: now, exp: now + 240 };
    const signed = `${encode({ typ: "JWT", alg: "HS256" })}.${encode(claims)}`;
    const signature = createHmac("sha256", "opera-sandbox-password").update(signed).digest("base64url");
    token = { text: `${signed}.${signature}`, until: now + TOKEN_USE };
  }
  return token.text;
}

const secutix = (path, body) =>
  send("POST", `${secutixBase}/tnseb/backend-apis/${path}`, { authorization: `Bearer ${bearer()}` }, body);

const orderDetails = async (orderId) =>
  (await secutix("externalOrderService/v1_33/getOrderDetails", { orderId })).orderDetailsData;

/** The point of sale, read once for all orders. */
let pointOfSale;
async function loadPointOfSale() {
  pointOfSale ??= secutix("catalogService/v1_33/getPOSConfig", {}).then(({ posConfigData }) => posConfigData);
  return pointOfSale;
}

function acmeLine({ performance, ticketType, price }) {
  const [instance, day] = performance.split(":");
  const [template, personType] = ticketType.split(":");
  return { instance, day, template, personType, amount: (price / 100).toFixed(2) };
}

/** Reads what the plan is made of. */
async function plan(input) {
  const line = acmeLine(input.acme);
  const instance = () => acme("GET", `/v2/b2b/event/instances/${line.instance}`);
  const next = new Date(Date.parse(line.day) + 86_400_000).toISOString().slice(0, 10);
  const query = new URLSearchParams({
    startTime: `${line.day}T00:00:00-05:00`,
    endTime: `${next}T00:00:00-05:00`,
    templateId: line.template,
    salesChannel: "reseller",
    page: 1,
    pageSize: 100,
  });
  const ofAcme = async () => {
    await instance();
    await instance();
    await acme("GET", `/v2/b2b/event/template/${line.template}`);
    return acme("GET", `/v2/b2b/event/instances/summaries?${query}`);
  };
  const ofTicketing = async () => {
    for (let read = 0; read < 3; read++) await ticketing("GET", `/events/${input.ticketing.performance}`);
  };
  await Promise.all([ofAcme(), ofTicketing(), loadPointOfSale()]);
  return { sequence: ["ticketing", "acme", "secutix"] };
}

const tagged = (contact, reference) => contact.email.replace("@", `+${reference}@`);

/** One leg at each vendor: hold, confirm with its tickets, release. */
const legs = {
  acme: {
    async hold({ acme: product }) {
      const { instance } = acmeLine(product);
      await acme("GET", `/v2/b2b/event/instances/${instance}`);
      const body = { reservationItems: [{ eventId: instance, quantity: 1 }] };
      return { id: (await acme("POST", "/v2/b2b/reservations", body)).id };
    },
    async confirm({ acme: product, contact }, { id }, reference, key) {
      const { instance, personType, amount } = acmeLine(product);
      await acme("GET", `/v2/b2b/event/instances/${instance}`);
      const item = { eventId: instance, personTypeId: personType, itemType: "Event", quantity: 1, amount };
      const body = {
        organizationId: ORGANIZATION,
        accountId: ORGANIZATION,
        saleChannel: "reseller",
        reservationId: Number(id),
        paymentMethod: "Voucher",
        paymentId: reference,
        chargeAmount: amount,
        email: tagged(contact, reference),
        phoneNumber: contact.phone,
        zipCode: contact.postalCode,
        billingFirstName: contact.firstName,
        billingLastName: contact.lastName,
        billingEmail: contact.email,
        billingPhoneNumber: contact.phone,
        billingZipCode: contact.postalCode,
        events: [{ eventId: instance, verifyEntitlements: false, items: [item] }],
        includesFlexPay: false,
        queuedStatus: 0,
        retryCount: 0,
        noEmail: "true",
        ticketDelivery: "willCall",
      };
      const order = await acme("POST", `/v2/b2b/orders/organizations/${ORGANIZATION}`, body, {
        "x-acme-request-uuid": key,
      });
      return { order: order.id, tickets: await acme("GET", `/v2/b2b/willcall/orders/${order.id}`) };
    },
    release: (_, { id }) => acme("DELETE", `/v2/b2b/reservations/${id}`),
  },
  secutix: {
    async hold({ secutix: product }, reference) {
      const [, category, audience] = product.ticketType.split(".");
      const attribution = {
        performanceId: Number(product.performance),
        seatCategoryId: Number(category.slice(1)),
        audienceSubCategoryId: Number(audience),
        quantity: 1,
      };
      const order = {
        pointOfSalesId: (await loadPointOfSale()).posId,
        orderType: "SALE",
        purchasersInfo: [{ contactReference: CONTACT_REFERENCE }],
        externalReference: reference,
        singleEntryAttributionOperations: [{ operationAttributions: [attribution] }],
        isResumeAllOptionOperations: false,
        isResumeAllReservationOperations: false,
      };
      const { orderUpdateData } = await secutix("externalOrderFacade/v1_33/createOrUpdateOrder", order);
      const { orderId } = orderUpdateData;
      const details = await orderDetails(orderId);
      const movementIds = orderUpdateData.movementDataUpdates.map(({ movementId }) => movementId);
      return { orderId, movementIds, expires: details.expirationDate };
    },
    async confirm(_, { orderId }) {
      const { saleAmount } = await orderDetails(orderId);
      const { paymentMethods } = await loadPointOfSale();
      const { id: paymentMethodId } = paymentMethods.find(({ paymentType }) => paymentType === "PENDING_ACCOUNT");
      await secutix("externalOrderService/v1_33/closeOrder", {
        orderId,
        orderType: "SALE",
        purchaserInfo: { contactReference: CONTACT_REFERENCE },
        payments: [{ paymentMethodId, amount: saleAmount }],
        generateBarCodes: true,
        maxWaitingTime: 0,
      });
      return { order: orderId, tickets: await orderDetails(orderId) };
    },
    release: (_, held) => secutix("externalOrderService/v1_33/abandonMovements", held),
  },
  ticketing: {
    async hold({ ticketing: product, contact }, reference) {
      const [event, section] = product.ticketType.split("/");
      const account = await ticketing("POST", "/accounts", {
        username: reference,
        password: createHash("sha256").update(`account password, ${reference}`).digest("hex"),
        email: tagged(contact, reference),
        firstName: contact.firstName,
        lastName: contact.lastName,
        phone: contact.phone,
      });
      const items = { [`/events/${event}/sections/${section}`]: 1 };
      const order = await ticketing("POST", "/orders", { customer: account.number, items });
      return { number: order.number, account: account.number };
    },
    async confirm({ contact }, { number, account }) {
      await ticketing("POST", `/orders/${number}/payments`, {
        number: "4111111111111111",
        cvv: 123,
        expiryDate: "12/39",
        name: "Quay Nights Sandbox",
        email: contact.email,
        phone: contact.phone,
        address1: "1 Wrightson Road",
        city: "Port of Spain",
        district: "Port of Spain",
        country: "TT",
      });
      const { status } = await ticketing("GET", `/orders/${number}`);
      return { order: number, status, tickets: await ticketing("GET", `/accounts/${account}/tickets?page=1&records=100`) };
    },
    release: (_, { number }) => ticketing("DELETE", `/orders/${number}`),
  },
};

async function place(ctx, input) {
  const reference = (leg) => `R${ctx.request().id.slice(-14)}${leg[0].toUpperCase()}`.replace(/[^A-Za-z0-9]/g, "0");
  const compensations = [];
  try {
    const { sequence } = await ctx.run("plan", () => plan(input));
    const names = Object.keys(legs);
    const holding = names.map((leg) => ctx.run(`hold ${leg}`, () => legs[leg].hold(input, reference(leg))));
    const holds = await restate.RestatePromise.all(holding);
    names.forEach((leg, place) => compensations.push([leg, holds[place]]));
    const sold = {};
    for (const leg of sequence) {
      const [, held] = compensations.find(([name]) => name === leg);
      const key = ctx.rand.uuidv4();
      sold[leg] = await ctx.run(`confirm ${leg}`, () => legs[leg].confirm(input, held, reference(leg), key));
    }
    return { status: "CONFIRMED", orders: Object.values(sold).map(({ order }) => order) };
  } catch (error) {
    if (!(error instanceof restate.TerminalError)) throw error;
    for (const [leg, held] of compensations.reverse()) {
      await ctx.run(`release ${leg}`, () => legs[leg].release(input, held));
    }
    return { status: "FAILED", error: error.message };
  }
}

const saga = restate.service({ name: "saga", handlers: { place } });
const port = await restate.serve({ services: [saga], port: 0 });
console.error(`listening on http://127.0.0.1:${port}`);
