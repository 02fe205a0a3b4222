//! Reading templates, instances and the calendar (`acme.md §3`, `§4.1`, `§4.9`).

use std::sync::Arc;

use axum::extract::{Path, Query as Parameters, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use crate::acme::book::Book;
use crate::acme::instances::{self, Show};
use crate::acme::paging::{Query, envelope, instant, iso};
use crate::acme::refusal::Refusal;
use crate::acme::{Acme, venue};

type Answer = Result<Json<Value>, Refusal>;
type House = State<Arc<Acme>>;

pub(super) fn router() -> Router<Arc<Acme>> {
    Router::new()
        .route("/v2/b2b/event/template", get(list_templates))
        .route("/v2/b2b/event/templates", get(list_templates))
        .route("/v2/b2b/event/templates/summaries", get(summarize_templates))
        .route("/v2/b2b/event/template/{id}", get(read_template))
        .route("/v2/b2b/event/templates/{id}", get(read_template))
        .route("/v2/b2b/event/instances", get(list_instances))
        .route("/v2/b2b/event/instances/summaries", get(summarize_instances))
        .route("/v2/b2b/event/instances/{id}", get(read_instance))
        .route("/v2/b2c/event/templates/calendar", get(venue_calendar))
        .route("/v2/b2c/event/templates/{id}/calendar", get(template_calendar))
}

/// The `type` of a query: absent means everything but private (`acme.md §3.1`).
fn kind(query: &Query) -> Result<impl Fn(bool) -> bool + use<>, Refusal> {
    let wanted = query.get("type").map_or("standard", String::as_str);
    let (standard, private) = match wanted {
        "standard" => (true, false),
        "private" => (false, true),
        "all" => (true, true),
        _ => return Err(Refusal::invalid("type is standard, private or all")),
    };
    Ok(move |is_private| if is_private { private } else { standard })
}

impl Acme {
    /// Templates whose run overlaps the window, both ends included (`acme.md §3.1`).
    fn listed_templates(&self, query: &Query) -> Result<Vec<Value>, Refusal> {
        let (from, to) = (instant(query, "startTime")?, instant(query, "endTime")?);
        let is_wanted = kind(query)?;
        let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        let overlaps = |template: &Value| {
            from.is_none_or(|from| time(&template["endTime"]).is_none_or(|end| end >= from))
                && to.is_none_or(|to| time(&template["startTime"]).is_none_or(|start| start <= to))
        };
        let all = self.keeper.read(|book| {
            let all = self.templates(book).into_iter().map(|template| self.shown(book, template));
            all.collect::<Vec<_>>()
        });
        Ok(all.into_iter().filter(|t| is_wanted(t["type"] == "private") && overlaps(t)).collect())
    }

    /// A template as it is read: with what was sold of it, and prices as changed.
    pub(super) fn shown(&self, book: &Book, mut template: Value) -> Value {
        let sold = book
            .orders
            .values()
            .flat_map(|order| &order.items)
            .filter(|item| template["id"] == item.template_id.as_str());
        template["soldQuantity"] = json!(sold.map(|item| item.quantity).sum::<u32>());
        if let Some(prices) = template["priceList"]["prices"].as_array_mut() {
            for line in prices {
                if let Some(price) = line["personType"]["id"].as_str().and_then(|id| book.prices.get(id)) {
                    line["price"] = venue::number(price);
                    line["discountedPrice"] = line["price"].clone();
                }
            }
        }
        template
    }

    /// The instances that a query covers: begin inside `[startTime, endTime)`; `templateId` counts only with `startTime`
    /// (`acme.md §8.9`).
    fn listed_shows(&self, book: &Book, query: &Query) -> Result<Vec<Show>, Refusal> {
        let start = instant(query, "startTime")?;
        let today = self.now().to_zoned(self.zone.clone()).start_of_day().map_or(self.now(), |day| day.timestamp());
        let from = start.unwrap_or(today);
        let day_after = from.to_zoned(self.zone.clone()).date().tomorrow().unwrap_or(Date::MAX);
        let midnight = day_after.to_zoned(self.zone.clone()).map_or(from, |day| day.timestamp());
        let to = instant(query, "endTime")?.unwrap_or(midnight);
        let template = query.get("templateId").filter(|_| start.is_some());
        let channel = query.get("salesChannel").or_else(|| query.get("saleChannel"));
        let is_wanted = kind(query)?;
        let (first, last) = (from.to_zoned(self.zone.clone()).date(), to.to_zoned(self.zone.clone()).date());
        if last > first.saturating_add(Span::new().days(400)) {
            return Err(Refusal::invalid("the range is too long"));
        }
        let mut shows = Vec::new();
        for owner in self.templates(book) {
            if template.is_some_and(|id| owner["id"] != id.as_str()) || !is_wanted(owner["type"] == "private") {
                continue;
            }
            let days = first.series(Span::new().days(1)).take_while(|day| *day <= last);
            shows.extend(days.flat_map(|day| instances::on(&owner, day, &self.zone)));
        }
        shows.retain(|show| show.start >= from && show.start < to);
        shows.retain(|show| channel.is_none_or(|channel| show.sells_on(channel)));
        Ok(shows)
    }

    /// An Event Object (`acme.md §7.5`). Here `available` is a switch.
    pub(super) fn event_object(&self, book: &Book, show: &Show) -> Value {
        let counts = book.counts(show, self.now());
        let is_cancelled = book.is_cancelled(show);
        let template = &show.template;
        json!({
            "id": show.id, "templateId": template["id"], "name": template["name"], "description": template["description"],
            "shortDescription": template["shortDescription"], "type": template["type"], "admissionType": template["admissionType"],
            "startTime": iso(show.start, &self.zone), "endTime": iso(show.end, &self.zone), "capacity": show.capacity(),
            "soldQuantity": counts.sold, "checkInCount": counts.checked_in, "available": counts.available > 0 && !is_cancelled,
            "state": if is_cancelled { "canceled" } else { "active" }, "scheduleId": show.schedule["id"], "offSchedule": false,
            "manuallyDeleted": false, "priceList": book.price_list(show), "salesChannels": show.schedule["salesChannels"],
        })
    }

    /// A row of the summaries. Here `available` is a number.
    fn summary(&self, book: &Book, show: &Show) -> Value {
        let counts = book.counts(show, self.now());
        let state = if book.is_cancelled(show) { "canceled" } else { "active" };
        json!({
            "id": show.id, "templateId": show.template["id"], "startTime": iso(show.start, &self.zone),
            "endTime": iso(show.end, &self.zone), "name": show.template["name"], "sold": counts.sold,
            "available": counts.available, "reserved": counts.reserved, "checkedIn": counts.checked_in,
            "type": show.template["type"], "admissionType": show.template["admissionType"], "state": state,
            "scheduleName": show.schedule["name"],
        })
    }

    fn calendar(&self, query: &Query, template: Option<&str>) -> Answer {
        let now = self.now().to_zoned(self.zone.clone());
        let start = instant(query, "startTime")?.map_or(now.date(), |at| at.to_zoned(self.zone.clone()).date());
        let end = instant(query, "endTime")?.map_or(start, |at| at.to_zoned(self.zone.clone()).date());
        let is_wanted = kind(query)?;
        let days = self.keeper.read(|book| {
            let templates = self.templates(book);
            if template.is_some_and(|id| !templates.iter().any(|template| template["id"] == id)) {
                return Err(Refusal::not_found("event template"));
            }
            let is_meant = |owner: &Value| match template {
                Some(id) => owner["id"] == id,
                None => is_wanted(owner["type"] == "private"),
            };
            let owners: Vec<&Value> = templates.iter().filter(|owner| is_meant(owner)).collect();
            let is_active = |day: Date| {
                let mut shows = owners.iter().flat_map(|owner| instances::on(owner, day, &self.zone));
                shows.any(|show| !book.is_cancelled(&show) && book.counts(&show, self.now()).available > 0)
            };
            let days = start.series(Span::new().days(1)).take_while(|day| *day <= end).take(400);
            let row =
                |day: Date| json!({ "date": day, "name": day.strftime("%A").to_string(), "active": is_active(day) });
            Ok(days.map(row).collect::<Vec<Value>>())
        })?;
        Ok(Json(json!({ "days": days })))
    }
}

async fn list_templates(State(acme): House, Parameters(query): Parameters<Query>) -> Answer {
    Ok(Json(acme.listed_templates(&query)?.into()))
}

async fn summarize_templates(State(acme): House, Parameters(query): Parameters<Query>) -> Answer {
    const FIELDS: [&str; 9] = [
        "id",
        "name",
        "description",
        "shortDescription",
        "primaryImage",
        "startTime",
        "endTime",
        "reviewState",
        "soldQuantity",
    ];
    let summary =
        |template: Value| FIELDS.iter().map(|field| ((*field).to_owned(), template[*field].clone())).collect();
    let list = acme.listed_templates(&query)?.into_iter().map(summary).collect();
    envelope(list, &query, "name").map(Json)
}

async fn read_template(State(acme): House, Path(id): Path<String>) -> Answer {
    let found = acme.keeper.read(|book| Some(acme.shown(book, acme.template(book, &id)?)));
    found.map(Json).ok_or_else(|| Refusal::not_found("event template"))
}

async fn list_instances(State(acme): House, Parameters(query): Parameters<Query>) -> Answer {
    let list = acme.keeper.read(|book| {
        let shows = acme.listed_shows(book, &query)?;
        Ok(shows.iter().map(|show| acme.event_object(book, show)).collect())
    })?;
    envelope(list, &query, "startTime").map(Json)
}

async fn summarize_instances(State(acme): House, Parameters(query): Parameters<Query>) -> Answer {
    let list = acme.keeper.read(|book| {
        let shows = acme.listed_shows(book, &query)?;
        Ok(shows.iter().map(|show| acme.summary(book, show)).collect())
    })?;
    envelope(list, &query, "startTime").map(Json)
}

async fn read_instance(State(acme): House, Path(id): Path<String>) -> Answer {
    let found = acme.keeper.read(|book| acme.show(book, &id).map(|show| acme.event_object(book, &show)));
    found.map(Json).ok_or_else(|| Refusal::not_found("event instance"))
}

async fn venue_calendar(State(acme): House, Parameters(query): Parameters<Query>) -> Answer {
    acme.calendar(&query, None)
}

async fn template_calendar(State(acme): House, Path(id): Path<String>, Parameters(query): Parameters<Query>) -> Answer {
    acme.calendar(&query, Some(&id))
}
