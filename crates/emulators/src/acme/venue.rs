//! The Harbor Museum: its initial templates, prices and organizations.

use jiff::civil::Date;
use serde_json::{Value, json};

/// Tenant id (`acme.md §4.9`: `x-b2c-tenant-id`).
pub(super) const TENANT: u64 = 412;
/// Time zone of the tenant.
pub(super) const ZONE: &str = "America/New_York";
/// Prefix of all template ids; the last four digits number them.
pub(super) const TEMPLATE_PREFIX: &str = "66f0aa10c3d2e4b5a697";
/// First number of templates created later.
pub(super) const FIRST_NEW_TEMPLATE: u64 = 0x8100;

const ADULT: &str = "66f0ff60c3d2e4b5a6970001";
const CHILD: &str = "66f0ff60c3d2e4b5a6970002";
const SENIOR: &str = "66f0ff60c3d2e4b5a6970003";
const FAMILY: &str = "66f0ff60c3d2e4b5a6970004";
const WEB_ADULT: &str = "66f0ff60c3d2e4b5a6970005";

/// An organization that may order.
pub(super) struct Organization {
    pub(super) name: &'static str,
    pub(super) pays_later: bool,
    pub(super) contact: (&'static str, &'static str, &'static str),
}

/// Finds an organization that may order (`acme.md §7.7`).
pub(super) fn organization(id: u64) -> Option<Organization> {
    match id {
        5120 => {
            Some(Organization { name: "Tiqets", pays_later: true, contact: ("Kim", "Desk", "desk@tiqets.example") })
        }
        5121 => {
            let contact = ("Lee", "Counter", "counter@example.org");
            Some(Organization { name: "Example Travel", pays_later: false, contact })
        }
        _ => None,
    }
}

/// Returns the initial templates, with runs relative to `today`.
pub(super) fn templates(today: Date) -> Vec<Value> {
    let year = today.year();
    vec![
        admission(year),
        open_day(year),
        lighthouse(year),
        boat_tour(year),
        members_evening(year),
        draft(year),
        school_visit(year),
        past_show(year),
    ]
}

/// Returns the price list of instances whose template and schedule have none.
pub(super) fn default_prices() -> Value {
    price_list("66f0ee50c3d2e4b5a6970009", &[(ADULT, "12.00", "12.00"), (CHILD, "8.00", "8.00")])
}

fn admission(year: i16) -> Value {
    let hours: Vec<Value> = (10..=16).map(|hour| json!({ "hour": hour, "minutes": 0, "quantity": 1 })).collect();
    let mut template = template("8001", "Harbor Admission", year, (1, 15), 500);
    template["description"] = json!("<p>All galleries, <b>timed entry</b>.</p>");
    template["shortDescription"] = json!("All galleries");
    template["primaryImage"] =
        json!({ "id": "img-1", "primary": true, "highRes": "https://images.example.org/harbor.jpg" });
    template["schedules"] = json!([schedule(1, "Daily", year, &EVERY_DAY, &hours, true)]);
    template["priceList"] = price_list(
        "66f0ee50c3d2e4b5a6970001",
        &[
            (ADULT, "25.00", "25.00"),
            (CHILD, "15.00", "15.00"),
            (SENIOR, "20.00", "18.00"),
            (FAMILY, "70.00", "70.00"),
            (WEB_ADULT, "26.00", "26.00"),
        ],
    );
    template
}

fn open_day(year: i16) -> Value {
    let mut template = template("8003", "Harbor Open Day", year, (8, 0), 2000);
    template["admissionType"] = json!("generalAdmission");
    template["description"] = json!("<p>Come when you like between nine and five.</p>");
    let mut days = schedule(3, "Open", year, &EVERY_DAY, &[], true);
    days["ranges"] = json!([{ "start": "09:00", "end": "17:00" }]);
    template["schedules"] = json!([days]);
    template["priceList"] =
        price_list("66f0ee50c3d2e4b5a6970003", &[(ADULT, "18.00", "18.00"), (CHILD, "9.00", "9.00")]);
    template
}

fn lighthouse(year: i16) -> Value {
    let hours =
        [json!({ "hour": 11, "minutes": 30, "quantity": 1 }), json!({ "hour": 15, "minutes": 0, "quantity": 1 })];
    let mut template = template("8002", "Lighthouse Climb", year, (0, 45), 12);
    template["description"] = json!("Climb with a guide");
    template["schedules"] = json!([schedule(2, "Climbs", year, &["W", "Th", "F", "Sa", "Su"], &hours, true)]);
    template["prerequisites"] = json!({ "operation": "allOf", "requires": [
        { "eventTemplateId": "66f0aa10c3d2e4b5a6978001", "min": { "minutes": 5 }, "max": { "minutes": 90 } }] });
    template
}

fn boat_tour(year: i16) -> Value {
    let hours = [json!({ "hour": 14, "minutes": 30, "quantity": 2 })];
    let mut template = template("8004", "Guided Boat Tour", year, (1, 30), 24);
    template["description"] = json!("Around the harbor with a skipper and many stories");
    let mut weekend = schedule(4, "Weekend", year, &["Saturday", "Sunday"], &hours, true);
    let list = price_list("66f0ee50c3d2e4b5a6970004", &[(ADULT, "39.50", "39.50"), (CHILD, "24.50", "24.50")]);
    weekend["priceLists"] = json!([list.clone()]);
    let mut midweek = schedule(5, "Midweek", year, &["Tu", "Th"], &hours, true);
    midweek["priceLists"] = json!([list]);
    template["schedules"] = json!([weekend, midweek]);
    template["resources"] = json!([{ "resourceTemplateId": "66f0bb20c3d2e4b5a6970001", "resourceTemplateName": "Guide",
        "resourceCategory": "people", "quantity": 1 }]);
    template
}

fn members_evening(year: i16) -> Value {
    let mut template = template("8005", "Members' Evening", year, (2, 0), 80);
    template["type"] = json!("private");
    template["description"] = json!("An evening among members");
    let hours = [json!({ "hour": 19, "minutes": 0, "quantity": 1 })];
    template["schedules"] = json!([schedule(6, "Fridays", year, &["F"], &hours, true)]);
    template["priceList"] = price_list("66f0ee50c3d2e4b5a6970005", &[(ADULT, "30.00", "30.00")]);
    template["membership"] =
        json!({ "restrictions": [{ "id": "66f0cc30c3d2e4b5a6970001", "name": "Gold" }], "discounts": [] });
    template
}

fn draft(year: i16) -> Value {
    let mut template = template("8006", "Treasures of the Deep", year, (1, 0), 60);
    template["reviewState"] = json!("draft");
    template["description"] = json!("The next exhibition, not announced yet");
    let hours = [json!({ "hour": 12, "minutes": 0, "quantity": 1 })];
    template["schedules"] = json!([schedule(7, "Noon", year, &EVERY_DAY, &hours, true)]);
    template["priceList"] = price_list("66f0ee50c3d2e4b5a6970006", &[(ADULT, "14.00", "14.00")]);
    template
}

fn school_visit(year: i16) -> Value {
    let mut template = template("8007", "School Visit", year, (1, 30), 30);
    template["description"] = json!("For schools, booked at the desk only");
    let hours = [json!({ "hour": 9, "minutes": 0, "quantity": 1 })];
    template["schedules"] = json!([schedule(8, "Weekdays", year, &["M", "Tu", "W", "Th", "F"], &hours, false)]);
    template["priceList"] = price_list("66f0ee50c3d2e4b5a6970007", &[(CHILD, "5.00", "5.00")]);
    template
}

fn past_show(year: i16) -> Value {
    let mut template = template("8008", "Winter Lights", year - 2, (1, 0), 100);
    template["description"] = json!("Over since long ago");
    template["endTime"] = json!(format!("{:04}-12-31T23:59:59-05:00", year - 2));
    let hours = [json!({ "hour": 18, "minutes": 0, "quantity": 1 })];
    template["schedules"] = json!([schedule(9, "Evenings", year - 2, &EVERY_DAY, &hours, true)]);
    template["priceList"] = price_list("66f0ee50c3d2e4b5a6970008", &[(ADULT, "16.00", "16.00")]);
    template
}

const EVERY_DAY: [&str; 7] = ["M", "Tu", "W", "Th", "F", "Sa", "Su"];

fn template(number: &str, name: &str, year: i16, (hour, minutes): (u32, u32), capacity: u32) -> Value {
    json!({
        "id": format!("{TEMPLATE_PREFIX}{number}"), "type": "standard", "admissionType": "standard", "name": name,
        "description": name, "shortDescription": name, "startTime": new_year(year - 1), "endTime": null,
        "duration": { "hour": hour, "minutes": minutes }, "capacity": capacity, "reviewState": "published",
        "prerequisites": null, "recommendations": null, "dependents": null,
        "addOns": { "inventoryAddOns": [], "inventoryIds": [] }, "membership": { "restrictions": [], "discounts": [] },
        "resources": [], "schedules": []
    })
}

/// First instant of a year, at the zone's winter offset.
fn new_year(year: i16) -> String {
    format!("{year:04}-01-01T00:00:00-05:00")
}

fn schedule(number: u32, name: &str, year: i16, weekdays: &[&str], hours: &[Value], resellers: bool) -> Value {
    json!({
        "id": format!("1f0c7a52-6c1e-4d0e-9a35-0c2b6d5e7f{number:02}"), "type": "standard", "name": name, "description": name,
        "effectiveStartTime": new_year(year - 1), "hours": hours, "weekdays": weekdays, "salesChannels": channels(resellers)
    })
}

/// Returns the five sales channels (`acme.md §3.2 m`).
pub(super) fn channels(resellers: bool) -> Value {
    let channel = |code: &str, name: &str, enabled: bool| json!({ "channel": code, "enabled": enabled, "name": name });
    json!([
        channel("online", "Web", true),
        channel("customerRep", "Customer Rep", true),
        channel("pointOfSale", "Point of Sale", true),
        channel("manualEntry", "Manual Entry", false),
        channel("reseller", "Reseller", resellers),
    ])
}

fn price_list(id: &str, lines: &[(&str, &str, &str)]) -> Value {
    let line = |(order, (person, price, discounted)): (usize, &(&str, &str, &str))| {
        json!({ "personType": person_type(person, order + 1), "price": json_number(price), "discountedPrice": json_number(discounted),
            "discount": 0, "displayOrder": order + 1, "salesChannels": channels(*person != WEB_ADULT) })
    };
    json!({ "priceListId": id, "prices": lines.iter().enumerate().map(line).collect::<Vec<_>>() })
}

fn person_type(id: &str, order: usize) -> Value {
    let (name, description, kind) = match id {
        ADULT => ("OTA Adult", "13+", "individual"),
        CHILD => ("OTA Child", "3-12", "individual"),
        SENIOR => ("OTA Senior", "65+", "individual"),
        FAMILY => ("OTA Family", "2 adults and 2 children", "combo"),
        _ => ("Web Adult", "13+", "individual"),
    };
    let mut person = json!({ "id": id, "name": name, "description": description, "active": true, "type": kind, "displayOrder": order });
    if kind == "combo" {
        person["children"] =
            json!([{ "personTypeId": ADULT, "quantity": 2 }, { "personTypeId": CHILD, "quantity": 2 }]);
    }
    person
}

/// Converts a price to a JSON number with two decimals (`acme.md §8.3`).
pub(super) fn json_number(decimal: &str) -> Value {
    serde_json::from_str(decimal).unwrap_or(Value::Null)
}
