//! Tickets of an order and the ways they reach the visitor.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};
use qrcode::QrCode;
use qrcode::render::svg;
use secrecy::ExposeSecret;

use crate::graphql::catalog::Section;
use crate::graphql::ctx::Ctx;
use crate::graphql::delivery::AppDelivery;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id;
use crate::graphql::orders::Shared;
use crate::graphql::orders::line::OrderLine;
use crate::graphql::scalars::DateTime;
use crate::graphql::sources::ExternalRef;
use crate::graphql::viewer::Scope;
use deliveries::Parcel;
use domain::mobile::AppState;
use domain::ordering::{self, Barcode, DeliveryPreference, TicketState};
use domain::source;
use orders::{self, CodedTicket, Leg, LegStatus};

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TicketStatus {
    /// Sold, no code yet.
    Pending,
    /// Usable.
    Issued,
    /// In the visitor's app.
    Delivered,
    /// Handed on to somebody else.
    Transferred,
    /// Admitted.
    Used,
    /// Being made useless.
    Voiding,
    /// No longer usable.
    Void,
}

/// How a code is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "ordering::Symbology")]
pub enum Symbology {
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
    /// Another one.
    Other,
}

/// A ticket of an order.
#[derive(Clone)]
pub struct Ticket {
    order: Shared,
    coded: Arc<CodedTicket>,
    parcel: Option<Arc<Parcel>>,
}

/// The tickets of an order that fit, by number. Codes are read only for a viewer that may see them.
pub async fn tickets(ctx: &Ctx, order: &Shared, fits: impl Fn(&orders::Ticket) -> bool) -> Result<Vec<Ticket>, Fault> {
    if !order.tickets.iter().any(&fits) {
        return Ok(Vec::new());
    }
    // Codes that are for an app are shown by nobody else.
    let shows_codes = order.delivery == DeliveryPreference::Barcode;
    let coded = if shows_codes && ctx.viewer.may(Scope::TicketBarcode) {
        ctx.orders()?.tickets(order).await?
    } else {
        let bare =
            |(number, ticket): (usize, &orders::Ticket)| CodedTicket { number, ticket: ticket.clone(), barcode: None };
        order.tickets.iter().enumerate().map(bare).collect()
    };
    let fitting = coded.into_iter().filter(|coded| fits(&coded.ticket));
    let parcels = parcels(ctx, order).await?;
    let parcel = |number: usize| parcels.iter().find(|parcel| parcel.ticket == number).map(Arc::clone);
    let ticket =
        |coded: CodedTicket| Ticket { order: Arc::clone(order), parcel: parcel(coded.number), coded: Arc::new(coded) };
    Ok(fitting.map(ticket).collect())
}

/// The tickets of an order that have these numbers.
pub async fn tickets_numbered(ctx: &Ctx, order: &Shared, numbers: &BTreeSet<usize>) -> Result<Vec<Ticket>, Fault> {
    let all = tickets(ctx, order, |_| true).await?;
    Ok(all.into_iter().filter(|ticket| numbers.contains(&ticket.coded.number)).collect())
}

/// Where the tickets of an order stand in apps.
async fn parcels(ctx: &Ctx, order: &Shared) -> Result<Vec<Arc<Parcel>>, Fault> {
    let Some(deliveries) = &ctx.services.deliveries else { return Ok(Vec::new()) };
    if !order.legs.iter().any(|leg| deliveries.channel_of(&leg.source).is_some()) {
        return Ok(Vec::new());
    }
    Ok(deliveries.parcels_of(order.key).await?.into_iter().map(Arc::new).collect())
}

impl Ticket {
    /// One ticket of an order; none where it has fewer.
    pub async fn find(ctx: &Ctx, order: &Shared, number: usize) -> Result<Option<Self>, Fault> {
        let all = tickets(ctx, order, |_| true).await?;
        Ok(all.into_iter().find(|ticket| ticket.coded.number == number))
    }

    fn leg(&self) -> &Leg {
        &self.order.legs[self.order.lines[self.coded.ticket.line].leg]
    }

    fn source_of(&self, ctx: &Ctx) -> Result<Arc<source::Source>, Fault> {
        ctx.federation().find_source(&self.leg().source).cloned().ok_or_else(|| Fault::new(Code::SourceGone))
    }
}

/// A ticket of an order.
#[Object]
impl Ticket {
    /// Names the ticket in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::ticket_id(self.order.key, self.coded.number)
    }

    /// The line that it belongs to.
    async fn line(&self) -> Result<OrderLine, Fault> {
        OrderLine::find(&self.order, self.coded.ticket.line).ok_or_else(|| Fault::new(Code::Internal))
    }

    /// Where it stands.
    async fn status(&self) -> TicketStatus {
        match self.coded.ticket.state {
            TicketState::Pending => TicketStatus::Pending,
            TicketState::Issued if self.leg().status == LegStatus::Cancelling => TicketStatus::Voiding,
            TicketState::Issued => match self.parcel.as_ref().and_then(|parcel| parcel.state) {
                Some(AppState::Transferred) => TicketStatus::Transferred,
                Some(_) => TicketStatus::Delivered,
                None => TicketStatus::Issued,
            },
            TicketState::Used(_) => TicketStatus::Used,
            TicketState::Void => TicketStatus::Void,
        }
    }

    /// What the vendor calls it. Only for a viewer that may see its code: some vendors use one for the other.
    async fn external_refs(&self, ctx: &Context<'_>) -> Result<Vec<ExternalRef>, Fault> {
        let ctx = Ctx::of(ctx);
        if !ctx.viewer.may(Scope::TicketBarcode) {
            return Ok(Vec::new());
        }
        Ok(ExternalRef::all(&self.source_of(ctx)?, &self.coded.ticket.refs))
    }

    /// The section that its ticket type is bound to, where it is; null when the source cannot be asked.
    async fn section(&self, ctx: &Context<'_>) -> Option<Result<Section, Fault>> {
        let line = OrderLine::find(&self.order, self.coded.ticket.line)?;
        line.section(Ctx::of(ctx)).await.transpose()
    }

    /// Row and seat, where numbered.
    async fn seat(&self) -> Option<&str> {
        self.coded.ticket.seat.as_deref()
    }

    /// Whose name is on it; null: the buyer's.
    async fn holder_name(&self) -> Option<&str> {
        self.parcel.as_ref()?.holder_name.as_deref()
    }

    /// Whether its bearer may hand it on.
    async fn transferable(&self) -> bool {
        self.parcel.as_ref().is_some_and(|parcel| parcel.is_transferable())
    }

    /// The ways it reaches the visitor.
    async fn deliveries(&self, ctx: &Context<'_>) -> Vec<TicketDelivery> {
        let is_usable = matches!(self.coded.ticket.state, TicketState::Issued | TicketState::Used(_));
        let shows_code = is_usable && self.order.delivery == DeliveryPreference::Barcode;
        let symbology = self.coded.ticket.symbology.filter(|_| shows_code);
        let ctx = Ctx::of(ctx);
        let code = self.coded.barcode.as_ref().filter(|_| ctx.viewer.may(Scope::TicketBarcode));
        let barcode = symbology.map(|symbology| TicketDelivery::Barcode(BarcodeDelivery::of(symbology, code)));
        let goes_to_app = self.parcel.is_some() || self.order.delivery == DeliveryPreference::MobileApp;
        let channel = ctx.services.deliveries.as_ref().and_then(|known| known.channel_of(&self.leg().source));
        let channel = channel.filter(|_| goes_to_app);
        let app = channel.map(|channel| TicketDelivery::App(AppDelivery::of(channel, self.parcel.as_deref(), ctx.now)));
        barcode.into_iter().chain(app).collect()
    }

    /// When it was used.
    async fn used_at(&self) -> Option<DateTime> {
        match self.coded.ticket.state {
            TicketState::Used(at) => at.map(DateTime::utc),
            _ => None,
        }
    }

    /// What happened to it, oldest first, over all systems that hold it.
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
        let moments = self.parcel.iter().flat_map(|parcel| &parcel.moments);
        let moments = moments.map(|moment| TicketEvent {
            at: DateTime::utc(moment.at),
            system: moment.system.clone(),
            state: moment.state.clone(),
        });
        let mut events: Vec<TicketEvent> = sold.into_iter().chain(moments).chain(used).collect();
        events.sort_by_key(|event| event.at.at);
        events
    }
}

/// Something that happened to a ticket.
#[derive(SimpleObject)]
pub struct TicketEvent {
    /// When.
    at: DateTime,
    /// The system that says so.
    system: String,
    /// What it says.
    state: String,
}

/// A way in which a ticket reaches the visitor.
#[derive(Union)]
pub enum TicketDelivery {
    /// As a code.
    Barcode(BarcodeDelivery),
    /// Into a mobile app.
    App(AppDelivery),
}

/// A code that opens the gate.
pub struct BarcodeDelivery {
    symbology: Symbology,
    value: Option<String>,
}

impl BarcodeDelivery {
    fn of(symbology: ordering::Symbology, code: Option<&Barcode>) -> Self {
        Self { symbology: symbology.into(), value: code.map(|code| code.value.expose_secret().to_owned()) }
    }
}

/// A code that opens the gate.
#[Object]
impl BarcodeDelivery {
    /// How it is printed.
    async fn symbology(&self) -> Symbology {
        self.symbology
    }

    /// What it says. Null unless the viewer has the scope ticket:barcode, or while there is no code yet.
    async fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// An SVG image of the code, ready for an img element. Null where the value is, and for symbologies other than QR.
    async fn svg(&self) -> Option<String> {
        let value = self.value.as_deref().filter(|_| self.symbology == Symbology::Qr)?;
        let code = QrCode::new(value.as_bytes()).ok()?;
        Some(code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build())
    }
}
