//! Reload on SIGHUP under load: no request is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Deployment, LIST, OPERATOR, RunningService};
use crate::layers::support::until;

const GUEST: &str = "\n[clients.guest]\nkey = { value = \"guest\" }\nscopes = [\"catalog:read\"]\n";

async fn status_of(served: &RunningService, key: &str, document: &str) -> u16 {
    let request = served.request(key, document, &Value::Null).header("accept", "application/graphql-response+json");
    request.send().await.expect("a response").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_under_load_and_no_request_of_the_others_fails() {
    let house = Deployment::start(&format!("{OPERATOR}{GUEST}")).await;
    let served = Arc::new(house.serve());
    assert_eq!(status_of(&served, "guest", LIST).await, 200);
    let mut revoked = served.socket("guest").await;
    let mut stays = served.socket("shop").await;
    let (tasks, stop, done) = (TaskTracker::new(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (served, stop, done) = (Arc::clone(&served), stop.clone(), Arc::clone(&done));
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    served.query("shop", LIST, &Value::Null).await;
                    done.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    let go_on = async |what: &str| {
        let before = done.load(SeqCst);
        until(what, async || done.load(SeqCst) > before + 40).await;
    };
    go_on("load runs").await;

    house.write_config(&format!("{OPERATOR}[graphql]\ndepth = 4\n"));
    served.process.signal("-HUP");
    until("the key is revoked", async || status_of(&served, "guest", LIST).await == 401).await;
    assert_eq!(revoked.receive().await, Err(4403), "subscriptions with the revoked key end");
    let deep = "{ events { nodes { performances { nodes { event { title } } } } } }";
    assert_eq!(status_of(&served, "shop", deep).await, 400, "the new limits hold");
    go_on("load runs on").await;

    house.write_config(&format!("{OPERATOR}{GUEST}[graphql]\ndepht = 4\ncost = -1\n"));
    served.process.signal("-HUP");
    let lines = served.process.lines_until("nothing changes", 2);
    let log = lines.join("\n");
    assert!(log.contains("diagnostics=2") && log.contains("depht") && log.contains("graphql.cost"), "{log}");
    assert_eq!((status_of(&served, "guest", LIST).await, status_of(&served, "shop", deep).await), (401, 400));

    house.write_config(&format!("{OPERATOR}{GUEST}[server]\nbatch_limit = 3\n"));
    served.process.signal("-HUP");
    until("the key is one again", async || status_of(&served, "guest", LIST).await == 200).await;
    assert_eq!(status_of(&served, "shop", deep).await, 200);
    let log = served.process.lines_until("the configuration was reloaded: its clients", 0).join("\n");
    assert!(log.contains("needs a restart") && log.contains("section=\"server\""), "{log}");
    go_on("load runs to the end").await;
    stop.cancel();
    for client in clients {
        client.await.expect("no request fails");
    }
    stays.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(stays.receive().await.expect("a message")["type"], "next", "the sockets of the others stay");
    let (_, metrics) = served.get("/metrics").await;
    assert!(metrics.contains("ticketgraph_reloads_total{outcome=\"applied\"} 2"), "{metrics}");
    assert!(metrics.contains("ticketgraph_reloads_total{outcome=\"rejected\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseller_is_added_without_a_restart() {
    let house = Deployment::start(OPERATOR).await;
    let served = house.serve();
    let document = "{ viewer { reseller { name } } }";
    let reseller = "\n[resellers.tiqets]\nname = \"Tiqets\"\n[clients.desk]\nkey = { value = \"desk\" }\nreseller = \"tiqets\"\nscopes = [\"catalog:read\"]\n";
    house.write_config(&format!("{OPERATOR}{reseller}"));
    served.process.signal("-HUP");
    until("the reseller's key is one", async || status_of(&served, "desk", document).await == 200).await;
    let data = served.query("desk", document, &Value::Null).await;
    assert_eq!(data["viewer"]["reseller"]["name"], "Tiqets", "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contact_of_the_shop_needs_no_restart_and_other_settings_of_orders_do() {
    let house = Deployment::start(OPERATOR).await;
    let served = house.serve();
    let reload = async |orders: &str| {
        house.write_config(&format!("{OPERATOR}{orders}"));
        served.process.signal("-HUP");
        served.process.lines_until("the configuration was reloaded: its clients", 0).join("\n")
    };
    let contact =
        "[orders.contact]\nfirst_name = \"Ticket\"\nlast_name = \"Office\"\nemail = \"tickets@example.com\"\n";
    let log = reload(contact).await;
    assert!(!log.contains("needs a restart"), "{log}");
    let log = reload(&format!("[orders]\nmax_lines = 7\n{contact}")).await;
    assert!(log.contains("needs a restart") && log.contains("section=\"orders\""), "{log}");
}
