// The tickets of an order with their codes: a QR code is drawn by the server and shown as a picture.

import type { TicketPartsFragment } from '../api/documents';
import { Badge, Empty, Facts } from '../ui/parts';
import { toneOfTicket } from '../ui/tone';
import { useTranslation } from '../words';
import { type Order, titleOf, whenOf } from './order';

export function Tickets({ order }: { order: Order }) {
  const { t } = useTranslation();
  if (order.tickets.length === 0)
    return order.isTerminal ? (
      <Empty title={t.order.neverTickets} />
    ) : (
      <Empty title={t.order.noTickets} hint={t.order.noTicketsHint} />
    );
  return (
    <ul className="plain tickets">
      {order.tickets.map((ticket, place) => (
        <Ticket key={ticket.id} ticket={ticket} place={place + 1} order={order} />
      ))}
    </ul>
  );
}

function Ticket({ ticket, place, order }: { ticket: TicketPartsFragment; place: number; order: Order }) {
  const { t, f } = useTranslation();
  const line = order.lines.find(({ id }) => id === ticket.line.id);
  const name = ticket.seat ?? f.number(place);
  return (
    <li className="ticket">
      <div>
        <h3>{(line && (titleOf(line) ?? line.ticketType.name)) ?? f.number(place)}</h3>
        <p className="small">{line ? whenOf(line, f) : null}</p>
        <Badge tone={toneOfTicket[ticket.status]}>{t.ticketStatus[ticket.status] ?? ticket.status}</Badge>
        <Facts
          rows={[
            [t.connections.meansType, line?.ticketType.name],
            [t.order.seat, ticket.seat],
            [t.order.holder, ticket.holderName],
            [t.order.usedAt, ticket.usedAt && f.time(ticket.usedAt)],
          ]}
        />
      </div>
      {ticket.deliveries.map((delivery, number) =>
        // The ways of a ticket never change their order.
        delivery.__typename === 'BarcodeDelivery' ? (
          <Code key={`code-${number}`} code={delivery} name={name} />
        ) : (
          <InApp key={`app-${number}`} delivery={delivery} />
        ),
      )}
    </li>
  );
}

type Delivery = TicketPartsFragment['deliveries'][number];
type BarcodeDelivery = Extract<Delivery, { __typename: 'BarcodeDelivery' }>;
type AppDelivery = Extract<Delivery, { __typename: 'AppDelivery' }>;

function Code({ code, name }: { code: BarcodeDelivery; name: string }) {
  const { t } = useTranslation();
  if (code.svg) {
    return (
      <img className="code" src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(code.svg)}`} alt={t.order.codeOf(name)} />
    );
  }
  if (code.value) {
    return (
      <p className="small">
        {code.symbology}: <code>{code.value}</code>
      </p>
    );
  }
  return <p className="small">{t.order.codeHidden}</p>;
}

function InApp({ delivery }: { delivery: AppDelivery }) {
  const { t, f } = useTranslation();
  return (
    <p className="small">
      {t.order.inApp(delivery.app)}: {t.appState[delivery.state] ?? delivery.state}
      {delivery.drift ? ` · ${t.order.drift}` : ''}
      {delivery.barcodeVisibleFrom ? ` · ${t.order.visibleFrom(f.time(delivery.barcodeVisibleFrom))}` : ''}
    </p>
  );
}
