//! The tickets of an order and their deliveries.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use deliveries::Delivery;
use domain::OrderKey;
use domain::mobile::AppTicketState;
use domain::ordering::{self, Barcode, DeliveryPreference, TicketState};
use domain::source;
use orders::{self, Leg, LegStatus, TicketWithBarcode};
use qrcode::QrCode;
use qrcode::render::svg;
use secrecy::ExposeSecret;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::catalog::Section;
use crate::graphql::topics::deliveries::AppDelivery;
use crate::graphql::topics::orders::line::OrderLine;
use crate::graphql::topics::orders::{SharedOrder, find_order};
use crate::graphql::topics::sources::ExternalRef;

/// The state of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TicketStatus {
    /// Sold, no code yet.
    Pending,
    /// Usable.
    Issued,
    /// In the visitor's app.
    Delivered,
    /// Transferred to another person.
    Transferred,
    /// Admitted at the gate.
    Used,
    /// Being invalidated.
    Voiding,
    /// No longer usable.
    Void,
}

/// The symbology of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Symbology", remote = "ordering::Symbology")]
pub enum SymbologyEnum {
    /// QR code.
    Qr,
    /// Code 128.
    #[graphql(name = "CODE128")]
    Code128,
    /// Aztec code.
    Aztec,
    /// PDF417.
    #[graphql(name = "PDF417")]
    Pdf417,
    /// Any other symbology.
    Other,
}

/// A ticket of an order.
#[derive(Clone)]
pub struct Ticket {
    order: SharedOrder,
    coded: Arc<TicketWithBarcode>,
    delivery: Option<Arc<Delivery>>,
}

/// Loads the tickets of an order that match, by index. Codes are read only for a viewer who may see them.
pub(super) async fn load_tickets(
    ctx: &Ctx,
    order: &SharedOrder,
    matches: impl Fn(&orders::Ticket) -> bool,
) -> Result<Vec<Ticket>, ApiError> {
    if !order.tickets.iter().any(&matches) {
        return Ok(Vec::new());
    }
    // Codes of tickets for an app are shown only by the app.
    let shows_codes = order.delivery == DeliveryPreference::Barcode;
    let coded = if shows_codes && ctx.viewer.has_scope(Scope::TicketBarcode) {
        ctx.orders()?.load_tickets(order).await?
    } else {
        let bare = |(number, ticket): (usize, &orders::Ticket)| TicketWithBarcode {
            number,
            ticket: ticket.clone(),
            barcode: None,
        };
        order.tickets.iter().enumerate().map(bare).collect()
    };
    let matching = coded.into_iter().filter(|coded| matches(&coded.ticket));
    let deliveries = load_deliveries(ctx, order).await?;
    let delivery = |number: usize| deliveries.iter().find(|delivery| delivery.ticket == number).map(Arc::clone);
    let ticket = |coded: TicketWithBarcode| Ticket {
        order: Arc::clone(order),
        delivery: delivery(coded.number),
        coded: Arc::new(coded),
    };
    Ok(matching.map(ticket).collect())
}

/// Loads the tickets of an order with these indexes.
pub async fn load_numbered_tickets(
    ctx: &Ctx,
    order: &SharedOrder,
    numbers: &BTreeSet<usize>,
) -> Result<Vec<Ticket>, ApiError> {
    let all = load_tickets(ctx, order, |_| true).await?;
    Ok(all.into_iter().filter(|ticket| numbers.contains(&ticket.coded.number)).collect())
}

/// Finds the delivery of a ticket into the app of a channel.
pub async fn find_app_delivery(
    ctx: &Ctx,
    order: OrderKey,
    number: usize,
    channel: &str,
) -> Result<Option<AppDelivery>, ApiError> {
    let Some(order) = find_order(ctx, order).await? else { return Ok(None) };
    let ticket = Ticket::find(ctx, &order, number).await?;
    Ok(ticket.and_then(|ticket| ticket.app_delivery(ctx)).filter(|delivery| delivery.channel == channel))
}

/// Loads the delivery records of an order.
async fn load_deliveries(ctx: &Ctx, order: &SharedOrder) -> Result<Vec<Arc<Delivery>>, ApiError> {
    let Some(deliveries) = &ctx.services.deliveries else { return Ok(Vec::new()) };
    if !order.legs.iter().any(|leg| deliveries.channel_of(&leg.source).is_some()) {
        return Ok(Vec::new());
    }
    Ok(deliveries.list_by_order(order.key).await?.into_iter().map(Arc::new).collect())
}

impl Ticket {
    /// Finds a ticket by its index.
    pub async fn find(ctx: &Ctx, order: &SharedOrder, number: usize) -> Result<Option<Self>, ApiError> {
        let all = load_tickets(ctx, order, |_| true).await?;
        Ok(all.into_iter().find(|ticket| ticket.coded.number == number))
    }

    /// Returns the delivery into the app of the ticket's source, if it goes there.
    pub fn app_delivery(&self, ctx: &Ctx) -> Option<AppDelivery> {
        let goes_to_app = self.delivery.is_some() || self.order.delivery == DeliveryPreference::MobileApp;
        let channel = ctx.services.deliveries.as_ref()?.channel_of(&self.leg().source).filter(|_| goes_to_app)?;
        Some(AppDelivery::of(channel, (self.order.key, self.coded.number), self.delivery.as_deref(), ctx.now))
    }

    fn leg(&self) -> &Leg {
        &self.order.legs[self.order.lines[self.coded.ticket.line].leg]
    }

    fn find_source(&self, ctx: &Ctx) -> Result<Arc<source::Source>, ApiError> {
        ctx.catalog().find_source(&self.leg().source).cloned().ok_or_else(|| ApiError::new(ErrorCode::SourceGone))
    }
}

/// A ticket of an order.
#[Object]
impl Ticket {
    /// Global id of the ticket. Opaque.
    pub async fn id(&self) -> ID {
        id::ticket_id(self.order.key, self.coded.number)
    }

    /// The line that the ticket belongs to.
    async fn line(&self) -> Result<OrderLine, ApiError> {
        OrderLine::find(&self.order, self.coded.ticket.line).ok_or_else(|| ApiError::new(ErrorCode::Internal))
    }

    /// The state.
    async fn status(&self) -> TicketStatus {
        match self.coded.ticket.state {
            TicketState::Pending => TicketStatus::Pending,
            TicketState::Issued if self.leg().status == LegStatus::Cancelling => TicketStatus::Voiding,
            TicketState::Issued => match self.delivery.as_ref().and_then(|delivery| delivery.state) {
                Some(AppTicketState::Transferred) => TicketStatus::Transferred,
                Some(_) => TicketStatus::Delivered,
                None => TicketStatus::Issued,
            },
            TicketState::Used(_) => TicketStatus::Used,
            TicketState::Void => TicketStatus::Void,
        }
    }

    /// The vendor's own identifiers. Empty unless the viewer may see the code, because some vendors use one for the
    /// other.
    async fn external_refs(&self, ctx: &Context<'_>) -> Result<Vec<ExternalRef>, ApiError> {
        let ctx = Ctx::of(ctx);
        if !ctx.viewer.has_scope(Scope::TicketBarcode) {
            return Ok(Vec::new());
        }
        if !self.coded.ticket.refs.is_empty() {
            ctx.record_codes_read(&self.order).await?;
        }
        Ok(ExternalRef::list(&self.find_source(ctx)?, &self.coded.ticket.refs))
    }

    /// The section that the ticket type is restricted to, if any. Null if the source cannot be reached.
    async fn section(&self, ctx: &Context<'_>) -> Option<Result<Section, ApiError>> {
        let line = OrderLine::find(&self.order, self.coded.ticket.line)?;
        line.load_section(Ctx::of(ctx)).await.transpose()
    }

    /// Row and seat of a numbered place.
    async fn seat(&self) -> Option<&str> {
        self.coded.ticket.seat.as_deref()
    }

    /// The name on the ticket. Null means the buyer's name.
    async fn holder_name(&self) -> Option<&str> {
        self.delivery.as_ref()?.holder_name.as_deref()
    }

    /// True if the holder may transfer the ticket.
    async fn transferable(&self) -> bool {
        self.delivery.as_ref().is_some_and(|delivery| delivery.is_transferable())
    }

    /// The deliveries of the ticket to the visitor.
    async fn deliveries(&self, ctx: &Context<'_>) -> Vec<TicketDelivery> {
        let is_usable = matches!(self.coded.ticket.state, TicketState::Issued | TicketState::Used(_));
        let shows_code = is_usable && self.order.delivery == DeliveryPreference::Barcode;
        let symbology = self.coded.ticket.symbology.filter(|_| shows_code);
        let ctx = Ctx::of(ctx);
        let code = self.coded.barcode.as_ref().filter(|_| ctx.viewer.has_scope(Scope::TicketBarcode));
        let delivery = |symbology| BarcodeDelivery::of(symbology, code, Arc::clone(&self.order));
        let barcode = symbology.map(|symbology| TicketDelivery::Barcode(delivery(symbology)));
        barcode.into_iter().chain(self.app_delivery(ctx).map(TicketDelivery::App)).collect()
    }

    /// Time of use.
    async fn used_at(&self) -> Option<DateTime> {
        match self.coded.ticket.state {
            TicketState::Used(at) => at.map(DateTime::utc),
            _ => None,
        }
    }

    /// The history of the ticket over all systems that hold it, oldest first.
    async fn timeline(&self) -> Vec<TicketEvent> {
        let system = self.leg().source.to_string();
        let event = |at: jiff::Timestamp, state: &str| TicketEvent {
            at: DateTime::utc(at),
            system: system.clone(),
            state: state.to_owned(),
        };
        let sold = self.leg().confirmed_at.map(|at| event(at, "SOLD"));
        let used = match self.coded.ticket.state {
            TicketState::Used(Some(at)) => Some(event(at, "USED")),
            _ => None,
        };
        let status_events = self.delivery.iter().flat_map(|delivery| &delivery.status_events);
        let status_events = status_events.map(|status_event| TicketEvent {
            at: DateTime::utc(status_event.at),
            system: status_event.system.clone(),
            state: status_event.state.clone(),
        });
        let mut events: Vec<TicketEvent> = sold.into_iter().chain(status_events).chain(used).collect();
        events.sort_by_key(|event| event.at.at);
        events
    }
}

/// A state change of a ticket.
#[derive(SimpleObject)]
pub(super) struct TicketEvent {
    /// Time of the state change.
    at: DateTime,
    /// The system that reported it.
    system: String,
    /// The new state.
    state: String,
}

/// A delivery of a ticket to the visitor.
#[derive(Union)]
pub(super) enum TicketDelivery {
    /// As a barcode.
    Barcode(BarcodeDelivery),
    /// In a mobile app.
    App(AppDelivery),
}

/// A code that opens the gate.
pub(super) struct BarcodeDelivery {
    symbology: SymbologyEnum,
    value: Option<String>,
    order: SharedOrder,
}

impl BarcodeDelivery {
    fn of(symbology: ordering::Symbology, code: Option<&Barcode>, order: SharedOrder) -> Self {
        let value = code.map(|code| code.value.expose_secret().to_owned());
        Self { symbology: symbology.into(), value, order }
    }

    /// Returns the code, if the viewer may see it, after its reading was recorded.
    async fn reveal(&self, ctx: &Context<'_>) -> Option<Result<&str, ApiError>> {
        let value = self.value.as_deref()?;
        Some(Ctx::of(ctx).record_codes_read(&self.order).await.map(|()| value))
    }
}

/// A code that opens the gate.
#[Object]
impl BarcodeDelivery {
    /// The symbology.
    async fn symbology(&self) -> SymbologyEnum {
        self.symbology
    }

    /// The content of the code. Null unless the viewer has the scope `ticket:barcode`, and while there is no code yet.
    async fn value(&self, ctx: &Context<'_>) -> Option<Result<&str, ApiError>> {
        self.reveal(ctx).await
    }

    /// An SVG image of the code, ready for an `img` element. Null if `value` is null and for symbologies other than QR.
    async fn svg(&self, ctx: &Context<'_>) -> Option<Result<String, ApiError>> {
        if self.symbology != SymbologyEnum::Qr {
            return None;
        }
        let value = match self.reveal(ctx).await? {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        };
        let code = QrCode::new(value.as_bytes()).ok()?;
        Some(Ok(code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build()))
    }
}
