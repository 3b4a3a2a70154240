//! Log lines that do not belong to a request: events of `tracing`, ours and those of libraries.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Log, begin, cut};

/// Writes events to the log.
pub struct Events(Log);

impl Events {
    pub fn to(log: Log) -> Self {
        Self(log)
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut bytes = Vec::with_capacity(512);
        // Maps of texts and numbers cannot fail.
        let _ = fields.write(&mut bytes, level, metadata.target());
        bytes.push(b'\n');
        self.0.push(&bytes);
    }
}

/// Logs each panic as one line, wherever it is caught. Its message may come from a file, so it is shortened.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        let text = panic.payload_as_str().unwrap_or("a panic without words");
        tracing::error!(
            event = "panic",
            place,
            thread = thread.name().unwrap_or("unnamed"),
            "{text}"
        );
    }));
}

/// The fields of one event.
#[derive(Default)]
struct EventFields {
    event: Option<String>,
    message: Option<String>,
    others: Map<String, Value>,
}

impl EventFields {
    fn write(self, bytes: &mut Vec<u8>, level: &str, target: &str) -> serde_json::Result<()> {
        use serde::ser::{SerializeMap, Serializer};
        let mut serializer = serde_json::Serializer::new(bytes);
        let mut map = serializer.serialize_map(None)?;
        begin(&mut map, level, self.event.as_deref().unwrap_or("log"))?;
        if let Some(message) = &self.message {
            map.serialize_entry("message", message)?;
        }
        map.serialize_entry("target", target)?;
        for (name, value) in &self.others {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }

    fn put(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            // These are ours; a library may have fields of the same name.
            name @ ("timestamp" | "level" | "target") => format!("{name}_"),
            name => name.to_owned(),
        };
        self.others.insert(name, value);
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        let text = cut(text).to_owned();
        match field.name() {
            "message" => self.message = Some(text),
            "event" => self.event = Some(text),
            _ => self.put(field, text.into()),
        }
    }
}

impl Visit for EventFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, &format!("{value:?}"));
    }
}
