//! The meaning of documents and variables by the GraphQL specification.

use async_graphql::{Response, Value as Const};

use super::*;

impl TestGraph {
    /// Executes a document for an operator. Returns the data, or the messages of the errors.
    async fn outcome(&self, document: &str, variables: Value) -> Result<Value, Vec<String>> {
        let viewer = Viewer {
            id: "tester".to_owned(),
            name: "A tester".to_owned(),
            reseller: None,
            scopes: [Scope::Admin].into(),
        };
        let response: Response = run(document, &variables, self.ctx(viewer)).await;
        match response.errors.as_slice() {
            [] => Ok(response.data.into_json().expect("JSON")),
            errors => {
                assert_eq!(response.data, Const::Null, "{document}");
                Err(errors.iter().map(|error| error.message.clone()).collect())
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn defaults_of_variables_decide_directives() {
    let graph = TestGraph::of_three();
    for (document, variables, keys) in [
        ("query($no: Boolean = true) { __typename sources @skip(if: $no) { id } }", json!({}), vec!["__typename"]),
        ("query($no: Boolean = true) { sources @skip(if: $no) { id } }", json!({"no": false}), vec!["sources"]),
        (
            "query($yes: Boolean = false) { __typename sources @include(if: $yes) { id } }",
            json!({}),
            vec!["__typename"],
        ),
        ("query($s: Boolean!) { __typename @skip(if: $s) viewer { id } }", json!({"s": true}), vec!["viewer"]),
        (
            "query($s: Boolean!) { ...F @skip(if: $s) __typename } fragment F on Query { sources { id } }",
            json!({"s": true}),
            vec!["__typename"],
        ),
        ("query($s: Boolean!) { ... @include(if: $s) { sources { id } } }", json!({"s": true}), vec!["sources"]),
        (
            "mutation($dry: Boolean = true, $i: CreateOrderInput!) { __typename placeOrder(input: $i) @skip(if: $dry) { order { id } } }",
            json!({"i": {"idempotencyKey": "k", "lines": [], "contact": {"email": "a@example.org", "firstName": "A", "lastName": "B"}}}),
            vec!["__typename"],
        ),
    ] {
        let data = graph.outcome(document, variables).await.unwrap_or_else(|errors| panic!("{document}: {errors:?}"));
        let found: Vec<&String> = data.as_object().expect("an object").keys().collect();
        assert_eq!(found, keys, "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_variable_without_a_value_leaves_its_argument_to_the_default() {
    let graph = TestGraph::of_three();
    let default = graph.outcome("{ events { nodes { id } } }", json!({})).await;
    for (document, variables) in [
        ("query($n: Int) { events(first: $n) { nodes { id } } }", json!({})),
        ("query($n: Int) { events(first: $n) { nodes { id } } }", json!({"n": null})),
        ("query($t: String) { events(filter: {text: $t}) { nodes { id } } }", json!({})),
        ("query($f: EventFilter) { events(filter: $f) { nodes { id } } }", json!({"f": {}})),
    ] {
        assert_eq!(graph.outcome(document, variables).await, default, "{document}");
    }
    let two = graph.outcome("{ events(first: 2) { nodes { id } } }", json!({})).await;
    for (document, variables) in [
        ("query($n: Int = 2) { events(first: $n) { nodes { id } } }", json!({})),
        ("query($n: Int) { events(first: $n) { nodes { id } } }", json!({"n": 2.0})),
        ("query($n: Int!) { events(first: $n) { nodes { id } } }", json!({"n": 2})),
    ] {
        assert_eq!(graph.outcome(document, variables).await, two, "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_value_is_an_error_that_says_what_was_expected() {
    let graph = TestGraph::of_three();
    for (document, variables, message) in [
        (
            "query($n: Int) { events(first: $n) { nodes { id } } }",
            json!({"n": 2.5}),
            "variable `$n`: a value of type Int is required, found 2.5",
        ),
        (
            "query($n: Int) { events(first: $n) { nodes { id } } }",
            json!({"n": 3_000_000_000_u64}),
            "variable `$n`: a value of type Int is required, found 3000000000",
        ),
        ("query($id: ID!) { event(id: $id) { id } }", json!({}), "variable `$id`: a value of type ID! is required"),
        ("query($id: ID!) { event(id: $id) { id } }", json!({"id": null}), "variable `$id`: ID! may not be null"),
        (
            "query($f: EventFilter) { events(filter: $f) { nodes { id } } }",
            json!({"f": {"from": "2026-02-30"}}),
            "variable `$f`.from: Failed to parse \"LocalDate\": expected a day as YYYY-MM-DD",
        ),
        (
            "query($f: EventFilter) { events(filter: $f) { nodes { id } } }",
            json!({"f": {"status": ["ON_SALE", 7]}}),
            "variable `$f`.status[1]: a value of the enum EventStatus is required, found 7",
        ),
        (
            "{ events { nodes { performances(from: \"soon\") { nodes { id } } } } }",
            json!({}),
            "Failed to parse \"DateTime\": expected an RFC 3339 timestamp with an offset",
        ),
        ("{ events( }", json!({}), "syntax error: expected an Argument"),
        (
            "{ nodes(ids: [\"a\"]) { id } nodes(ids: [\"a\", \"b\"]) { id } }",
            json!({}),
            "Fields \"nodes\" conflict because they have differing arguments. Use different aliases on the fields to fetch both if this was intentional.",
        ),
        ("{ event(id) { id } }", json!({}), "syntax error: expected : and a Value after this Name"),
        (
            "{ events(filter: {text, status: []}) { totalCount } }",
            json!({}),
            "syntax error: expected : and a Value after this Name",
        ),
        ("{ viewer { id @skip(if) } }", json!({}), "syntax error: expected : and a Value after this Name"),
        ("{ event(id: \"\n\") { id } }", json!({}), "syntax error: unexpected line terminator"),
        ("{ event(id: \"\r\") { id } }", json!({}), "syntax error: unexpected line terminator"),
        ("{ event(id: \"a\r\") { id } }", json!({}), "syntax error: unexpected line terminator"),
    ] {
        assert_eq!(graph.outcome(document, variables).await, Err(vec![message.to_owned()]), "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_variable_fits_wherever_it_is_used() {
    let graph = TestGraph::of_three();
    for (document, variables, message) in [
        (
            "query($s: [ID]) { events(filter: {sources: $s}) { nodes { id } } }",
            json!({"s": [null]}),
            "variable `$s` of type `[ID]` cannot be used where `[ID!]` is expected",
        ),
        (
            "query($s: [ID!]) { events(filter: {sources: [$s]}) { nodes { id } } }",
            json!({"s": []}),
            "variable `$s` of type `[ID!]` cannot be used where `ID!` is expected",
        ),
        (
            "query($id: ID = null) { ...F } fragment F on Query { event(id: $id) { id } }",
            json!({"id": "x"}),
            "variable `$id` of type `ID` cannot be used where `ID!` is expected",
        ),
        (
            "query($s: Boolean = null) { viewer { id @skip(if: $s) } }",
            json!({"s": true}),
            "variable `$s` of type `Boolean` cannot be used where `Boolean!` is expected",
        ),
    ] {
        assert_eq!(graph.outcome(document, variables).await, Err(vec![message.to_owned()]), "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn fields_of_one_response_key_are_merged_in_the_order_of_their_first() {
    let graph = TestGraph::of_three();
    let document = "{ events(first: 1) { nodes { title } } ...F events(first: 1) { nodes { id title ... on Event { venue } } totalCount } }
        fragment F on Query { viewer { id } viewer { name } }";
    let text = graph.run(document).await;
    let keys =
        ["\"events\"", "\"nodes\"", "\"title\"", "\"id\"", "\"venue\"", "\"totalCount\"", "\"viewer\"", "\"name\""];
    let places: Vec<_> =
        keys.iter().map(|key| text.find(key).unwrap_or_else(|| panic!("{key} is missing: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    assert_eq!(text.matches("\"title\"").count(), 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn every_escape_of_a_string_is_read() {
    let graph = TestGraph::of_three();
    let plain = graph.outcome("{ events(filter: {text: \"Carmen\"}) { totalCount } }", json!({})).await;
    for text in ["\\u0043armen", "\\u{43}armen"] {
        let document = format!("{{ events(filter: {{text: \"{text}\"}}) {{ totalCount }} }}");
        assert_eq!(graph.outcome(&document, json!({})).await, plain, "{document}");
    }
    for text in ["\\ud83c\\udfad", "\\u{1F3AD}", "🎭"] {
        let document = format!("{{ events(filter: {{text: \"{text}\"}}) {{ totalCount }} }}");
        assert_eq!(graph.outcome(&document, json!({})).await, Ok(json!({"events": {"totalCount": 0}})), "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_custom_scalar_is_checked_before_execution() {
    let schema = include_str!("../../../schema/ticketgraph.graphql");
    for scalar in schema.lines().filter_map(|line| line.strip_prefix("scalar ")?.split(' ').next()) {
        let checked = ticketgraph::graphql::base::scalars::check_scalar(scalar, Const::Boolean(true));
        assert!(checked.is_err(), "{scalar} accepts anything");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_with_too_many_fields_becomes_an_error() {
    let graph = TestGraph::of_three();
    let viewer = || Viewer {
        id: "tester".to_owned(),
        name: "A tester".to_owned(),
        reseller: None,
        scopes: [Scope::Admin].into(),
    };
    let document = "{ sources { id name } }";
    // `sources`, its three items, and two fields of each.
    for (limit, fits) in [(10, true), (9, false), (1, false)] {
        let ctx = Ctx::new(&graph.services, Arc::new(viewer()), Arc::from("r-1"), limit);
        let response = run(document, &Value::Null, ctx).await;
        assert_eq!(response.errors.is_empty(), fits, "{limit}: {:?}", response.errors);
        if !fits {
            let code = response.errors[0].extensions.as_ref().and_then(|extensions| extensions.get("code"));
            assert_eq!((response.errors.len(), code), (1, Some(&Const::from("OPERATION_TOO_LARGE"))));
            assert_eq!(response.data, Const::Null);
        }
    }
}
