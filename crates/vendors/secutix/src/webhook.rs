//! The order webhook (`secutix.md §3.10`): sent when an order is closed, without authentication.

use serde::Deserialize;
use url::form_urlencoded;

use crate::map::orders::kind;
use crate::wire::LenientInt;
use domain::{ExternalRef, IncomingWebhook};

/// Parameter of the URL, and field of a body of version 1, in which the institution writes `${orderId}`.
const ORDER_ID: &str = "orderId";

/// Reads the order webhook in both versions.
pub(crate) struct SecutixWebhook;

/// A body, of which only the number of the order is read. Version 1 has the text that the institution configured; version 2 has the
/// result of `getOrderDetails`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    order_id: Option<LenientInt>,
    order_details_data: Option<Order>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: Option<LenientInt>,
}

impl IncomingWebhook for SecutixWebhook {
    fn find_order(&self, query: &str, body: &[u8]) -> Option<ExternalRef> {
        let number = find_in_query(query).or_else(|| find_in_body(body)).filter(|number| *number > 0)?;
        Some(ExternalRef::new(kind::ORDER, number.to_string()))
    }
}

fn find_in_query(query: &str) -> Option<i64> {
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == ORDER_ID)?.1.parse().ok()
}

fn find_in_body(body: &[u8]) -> Option<i64> {
    let body: Body = serde_json::from_slice(body).ok()?;
    let number = body.order_id.or(body.order_details_data.and_then(|order| order.order_id))?;
    Some(number.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(query: &str, body: &str) -> Option<String> {
        let order = SecutixWebhook.find_order(query, body.as_bytes())?;
        assert_eq!(order.kind, kind::ORDER);
        Some(order.value)
    }

    #[test]
    fn the_number_of_the_order_is_read_from_both_versions() {
        let number = Some("10229000000001".to_owned());
        assert_eq!(find("orderId=10229000000001", ""), number, "version 1, in the URL");
        assert_eq!(find("a=b&orderId=10229000000001", "no JSON"), number);
        for body in [
            r#"{"orderId": 10229000000001}"#,
            r#"{"orderId": "10229000000001", "note": {"orderId": 7}}"#,
            r#"{"statusCode": "success", "orderDetailsData": {"orderId": 10229000000001, "orderState": "CANCELLED", "movementDatas": [1]}}"#,
            r#"{"orderDetailsData": {"orderState": "CLOSED", "orderId": "10229000000001"}}"#,
        ] {
            assert_eq!(find("", body), number, "{body}");
        }
    }

    #[test]
    fn what_names_no_order_is_not_guessed() {
        for (query, body) in [
            ("", ""),
            ("orderId=${orderId}", ""),
            ("orderId=", "{}"),
            ("orderId=1.5", "[]"),
            ("order=7", "orderId=7"),
            ("orderId=-7", ""),
            ("orderId=99999999999999999999", ""),
            ("", r#"{"orderId": {"orderId": 7}}"#),
            ("", r#"{"orderId": 7"#),
            ("", r#"{"operationId": 7}"#),
        ] {
            assert_eq!(find(query, body), None, "{query} {body}");
        }
    }
}
