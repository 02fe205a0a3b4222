//! TIXnGO reads its own documents differently than we do: no ticket is injected without end, none disappears in silence, no date moves,
//! and the setting corrects it (`tixngo.md §8`).

use deliveries::{ChannelStream, VenueLocation};
use domain::mobile::AppTicketState;
use domain::ordering::DeliveryPreference::MobileApp;
use emulators::Fault;
use orders::Order;
use serde_json::{Value, json};

use crate::deliveries::world::{CHANNEL, INTERVAL, World};

/// Switches readings of the emulated app.
fn read(world: &World, readings: &[(&str, Option<&str>, Value)]) {
    for (name, id, value) in readings {
        world.inject_state(name, *id, value.clone());
    }
}

/// Runs the streams so many times.
async fn cycles(world: &World, count: usize) {
    for _ in 0..count {
        world.cycle().await;
        world.advance(INTERVAL);
    }
}

fn tickets(world: &World) -> Vec<Value> {
    world.app.stage.inventory()["tickets"].as_array().expect("tickets").clone()
}

/// Number of accepted injections of each ticket in the app.
fn injections(world: &World) -> Vec<u64> {
    tickets(world).iter().map(|ticket| ticket["injections"].as_u64().expect("a count")).collect()
}

/// Pending and failed deliveries of the injection.
async fn counts(world: &World) -> (u64, u64) {
    let counts = world.failed(ChannelStream::Injection).await;
    (counts.pending, counts.failed)
}

async fn is_delivered(world: &World, order: &Order) -> bool {
    world.deliveries_of(order.key).await.iter().all(|delivery| delivery.state == Some(AppTicketState::Injected))
}

/// Codes of the problems of a run of a stream.
async fn problems(world: &World, stream: ChannelStream) -> Vec<&'static str> {
    let report = world.deliveries.run_stream(CHANNEL, stream).await.expect("the store").expect("it ran");
    report.problems.iter().map(|problem| problem.code.name()).collect()
}

#[tokio::test]
async fn a_second_performance_does_not_move_the_date_of_the_first() {
    for (settings, events) in [("", 2), ("assumptions.event_id = \"product\"", 1)] {
        let world = World::with_app(settings).await;
        let mut starts = std::collections::BTreeSet::new();
        for from_last in [0, 1] {
            let order = world.buy_of(MobileApp, "81001", "81001.s83001.84011", from_last).await;
            starts.insert(order.lines[0].starts_at.expect("a start").to_string());
            world.cycle().await;
        }
        let sent: std::collections::BTreeSet<(String, String)> = tickets(&world)
            .iter()
            .map(|ticket| (ticket["event"]["id"].to_string(), ticket["event"]["startTime"].to_string()))
            .collect();
        let ids: std::collections::BTreeSet<&String> = sent.iter().map(|(id, _)| id).collect();
        assert_eq!((starts.len(), ids.len()), (2, events), "{settings} {sent:?}");
        let dates = sent.iter().all(|(_, start)| starts.contains(start.trim_matches('"')));
        assert!(dates, "the start is that of the performance: {sent:?}");
    }
}

#[tokio::test]
async fn an_open_pass_is_valid_for_its_time_or_held_back_and_never_for_a_day() {
    let buy = async |settings: &str| {
        let world = World::with_app(settings).await;
        let order = world.buy_of(MobileApp, "81006", "81006.i81006001.84011", 0).await;
        let sold_at = order.created_at;
        world.cycle().await;
        (counts(&world).await, tickets(&world), sold_at)
    };
    let (held, sent, _) = buy("").await;
    let (_, valid, sold_at) = buy("assumptions.pass_validity = \"8760h\"").await;
    assert_eq!(valid.len(), 2);
    for ticket in &valid {
        let time = |field: &str| -> jiff::Timestamp {
            let text = ticket["event"][field].as_str().expect("text");
            assert!(!text.contains('.'), "whole seconds: {text}");
            text.parse().expect("an instant")
        };
        let days = time("expirationDate").duration_since(sold_at).as_hours() / 24;
        assert!(days > 30, "{ticket}");
        assert_eq!(ticket["event"]["id"], "81006");
    }
    // Without the setting: as long as the product says, or not sent, with a problem.
    assert!(sent.len() == 2 || (held == (0, 2) && sent.is_empty()), "{held:?} {sent:?}");
}

#[tokio::test]
async fn a_ticket_of_a_venue_without_a_complete_location_is_held_back_with_a_problem() {
    let location = VenueLocation { country: Some("CH".to_owned()), ..VenueLocation::default() };
    let world = World::with("sqlite::memory:", "", location).await;
    world.buy(MobileApp).await;
    world.cycle().await;
    assert_eq!((counts(&world).await, tickets(&world).len(), world.pushes()), ((0, 2), 0, 0));
    let error = world.deliveries.list_by_order(world.buy(MobileApp).await.key).await.expect("the store");
    assert!(error.iter().all(|delivery| delivery.state.is_none()));
}

#[tokio::test]
async fn a_push_that_is_answered_in_another_shape_is_asked_for_and_injected_once() {
    for shape in ["tickets", "list", "accepted"] {
        let world = World::with_app("").await;
        read(&world, &[("answer_shape", None, json!(shape)), ("feed_shape", None, json!("list"))]);
        let order = world.buy(MobileApp).await;
        cycles(&world, 6).await;
        assert_eq!(injections(&world), [1, 1], "{shape}");
        assert_eq!(counts(&world).await, (0, 0), "{shape}");
        assert!(world.deliveries_of(order.key).await.iter().all(|delivery| delivery.state.is_some()), "{shape}");
        let world = World::with_app(&format!("assumptions.answer_shape = \"{shape}\"")).await;
        read(&world, &[("answer_shape", None, json!(shape))]);
        let order = world.buy(MobileApp).await;
        world.cycle().await;
        assert!(is_delivered(&world, &order).await && injections(&world) == [1, 1], "{shape}");
    }
}

#[tokio::test]
async fn a_ticket_that_nothing_can_be_learned_about_is_injected_three_times_and_then_a_person_s() {
    for (settings, most) in
        [("", 3), ("assumptions.injection_attempts = 1", 1), ("assumptions.reinjection = \"new_ticket\"", 1)]
    {
        let world = World::with_app(settings).await;
        let blind = [
            ("answer_shape", None, json!("list")),
            ("feed_shape", None, json!("items")),
            ("wraps_ticket", None, json!(true)),
        ];
        read(&world, &blind);
        let order = world.buy(MobileApp).await;
        cycles(&world, 9).await;
        assert_eq!(injections(&world), [most, most], "{settings}");
        assert_eq!(counts(&world).await, (0, 2), "{settings}");
        let source = domain::SourceId::new("opera");
        for delivery in world.deliveries_of(order.key).await {
            let problem = delivery.injection.last_error.expect("a problem").to_problem(&source);
            assert_eq!(problem.code.name(), "OUTCOME_NEVER_KNOWN", "{settings}");
        }
        // The tickets may be in the app: a cancellation is pushed all the same.
        world.cancel(order.key).await;
        cycles(&world, 1).await;
        assert!(world.app_holds().iter().all(|(_, status)| status.starts_with("DELET")), "{settings}");
    }
}

#[tokio::test]
async fn a_repeated_injection_that_is_refused_is_a_delivery_if_the_setting_says_so() {
    for (settings, failed) in [("", 2), ("assumptions.reinjection = \"refused\"", 0)] {
        let world = World::with_app(settings).await;
        read(&world, &[("refuses_again", None, json!(true)), ("wraps_ticket", None, json!(true))]);
        read(&world, &[("feed_shape", None, json!("items"))]);
        world.buy(MobileApp).await;
        world.fail("/tickets", Fault::CommitThenDrop);
        cycles(&world, 3).await;
        assert_eq!((counts(&world).await, injections(&world)), ((0, failed), vec![1, 1]), "{settings}");
    }
}

#[tokio::test]
async fn a_feed_of_another_shape_fails_and_is_read_once_the_setting_names_it() {
    for shape in ["items", "list"] {
        let reading = [("feed_shape", None, json!(shape))];
        let world = World::with_app("").await;
        read(&world, &reading);
        assert_eq!(problems(&world, ChannelStream::Status).await, ["SOURCE_UNAVAILABLE"], "{shape}");
        let world = World::with_app(&format!("assumptions.feed_shape = \"{shape}\"")).await;
        read(&world, &reading);
        let order = world.buy(MobileApp).await;
        cycles(&world, 4).await;
        let deliveries = world.deliveries_of(order.key).await;
        assert!(deliveries.iter().all(|one| one.state == Some(AppTicketState::Downloaded)), "{shape}");
    }
}

#[tokio::test]
async fn a_path_that_the_server_does_not_know_fails_its_stream_and_refuses_nothing() {
    for (path, setting, stream) in
        [("cancelled", "path_cancelled", ChannelStream::Cancelled), ("diff", "path_diff", ChannelStream::Status)]
    {
        let reading = [("path", Some(path), json!("elsewhere"))];
        let run = async |settings: &str| {
            let world = World::with_app(settings).await;
            let order = world.buy(MobileApp).await;
            world.cycle().await;
            world.cancel(order.key).await;
            read(&world, &reading);
            let problems = problems(&world, stream).await;
            let counts = world.failed(stream).await;
            (problems, counts.failed)
        };
        assert_eq!(run("").await, (vec!["SOURCE_UNAVAILABLE"], 0), "{path}");
        let settings = format!("assumptions.{setting} = \"/elsewhere/\"");
        assert_eq!(run(&settings).await, (Vec::new(), 0), "{path}");
    }
}
