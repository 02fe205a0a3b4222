//! JSON log format: one flat object per line, with the fields of the event and of every enclosing span.
//!
//! Every line that belongs to a request or an order therefore has `request_id` or `order` as a top-level field.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as flat JSON objects. Requires span fields formatted as JSON.
pub(super) struct FlatJsonFormat;

impl<S, N> FormatEvent<S, N> for FlatJsonFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
            let Ok(Value::Object(fields)) = serde_json::from_str(formatted) else { continue };
            // Fields for the trace collector do not belong in the log.
            line.extend(fields.into_iter().filter(|(name, _)| !name.starts_with("otel.")));
        }
        event.record(&mut JsonVisitor(&mut line));
        writeln!(out, "{}", Value::Object(line))
    }
}

/// Collects the fields of an event.
struct JsonVisitor<'a>(&'a mut Map<String, Value>);

impl JsonVisitor<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for JsonVisitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut chain = vec![value.to_string()];
        let mut cause = value.source();
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        self.insert(field, chain.join(": "));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct CapturedOutput(Arc<Mutex<Vec<u8>>>);

    impl Write for CapturedOutput {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("the lock is not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_all_enclosing_spans_at_the_top_level() {
        let output = CapturedOutput::default();
        let out = output.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(FlatJsonFormat)
            .with_writer(move || out.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let request = tracing::error_span!("request", request_id = "r-1", otel.kind = "server");
            let _in = request.enter();
            let order = tracing::error_span!("order", order = "TG-7");
            let _in = order.enter();
            tracing::warn!(attempts = 3, source = %"harbor", "a call failed");
        });
        let text = String::from_utf8(output.0.lock().expect("the lock is not poisoned").clone()).expect("text");
        let line: Value = serde_json::from_str(&text).expect("one line of JSON");
        let field = |name: &str| line[name].clone();
        assert_eq!(
            serde_json::json!([
                field("request_id"),
                field("order"),
                field("attempts"),
                field("source"),
                field("message")
            ]),
            serde_json::json!(["r-1", "TG-7", 3, "harbor", "a call failed"])
        );
        assert!(line.get("otel.kind").is_none(), "{line}");
    }
}
