//! One schema for all lines, and no waiting for the reader of the log.

use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

use super::{Events, LogWriter};

/// An output that can be read afterwards.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn said(say: impl FnOnce()) -> Vec<Value> {
    let output = Memory::default();
    let writer = LogWriter::to(output.clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(Events::to(writer.log()));
    tracing::subscriber::with_default(subscriber, say);
    drop(writer);
    output.lines()
}

#[test]
fn an_event_has_the_fields_of_a_line_and_its_own_beside_them() {
    let lines = said(|| {
        tracing::warn!(count = 3, ready = false, "the {} is away", "store");
        tracing::info!(event = "started", version = "1");
    });
    let [away, started] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert!(away["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(away["level"], "warn");
    assert_eq!(away["event"], "log");
    assert_eq!(away["message"], "the store is away");
    assert_eq!((&away["count"], &away["ready"]), (&3.into(), &false.into()));
    assert_eq!(started["event"], "started");
    assert_eq!(started["version"], "1");
}

#[test]
fn no_field_is_there_twice_and_no_text_is_longer_than_a_collector_takes() {
    let long = "ä".repeat(20_000);
    let lines = said(|| {
        tracing::info!(
            level = "of water",
            timestamp = 1,
            target = "a wall",
            "{long}"
        );
    });
    let line = &lines[0];
    assert_eq!(line["level"], "info");
    assert_eq!(line["level_"], "of water");
    assert_eq!(line["timestamp_"], 1);
    assert_eq!(line["target_"], "a wall");
    assert!(line.to_string().len() < 16 * 1024);
}

/// Blocks at the first write until the sender is gone.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stuck_output_costs_lines_and_no_time() {
    let (sender, receiver) = mpsc::channel();
    let writer = LogWriter::to(Stuck(receiver)).unwrap();
    let log = writer.log();
    let line = [b'x'; 1024];
    // Twice the size of the buffer, and once what the writer may already have taken.
    for _ in 0..3 * 2 * 1024 {
        log.push(&line);
    }
    assert!(
        (2 * 1024..=4 * 1024).contains(&log.dropped()),
        "{}",
        log.dropped()
    );
    drop(sender);
}

#[test]
fn a_stuck_output_does_not_hold_up_the_end() {
    let (_sender, receiver) = mpsc::channel();
    let writer = LogWriter::to(Stuck(receiver)).unwrap();
    writer.log().push(b"x\n");
    drop(writer);
}
