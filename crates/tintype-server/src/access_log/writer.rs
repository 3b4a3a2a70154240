//! From the request to the output, without the one waiting for the other.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Some thousands of lines: a collector that stops for a moment loses none.
const MAX_BUFFERED: usize = 2 * 1024 * 1024;

/// How long lines are gathered, so that a busy server wakes the writer a few times a second rather
/// than once per request.
const GATHER: Duration = Duration::from_millis(50);

/// Dropping it writes what is left.
pub struct AccessLog {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    buffer: Vec<u8>,
    closed: bool,
}

impl AccessLog {
    pub fn stdout() -> std::io::Result<Self> {
        Self::to(std::io::stdout())
    }

    pub fn to(output: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn({
                let shared = shared.clone();
                move || write(&shared, output)
            })?;
        Ok(Self {
            shared,
            writer: Some(writer),
        })
    }

    /// Never waits for the output. `line` ends with a line feed.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.buffer.len() + line.len() > MAX_BUFFERED {
            drop(state);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = state.buffer.is_empty();
        state.buffer.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.shared.changed.notify_one();
        }
    }

    /// Lines that found no room, or no output.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        if let Some(writer) = self.writer.take() {
            // It ends by itself; a panic there leaves nothing to do here.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(shared: &Shared, mut output: impl Write) {
    let mut lines = Vec::new();
    loop {
        let closed = {
            let mut state = shared.lock();
            while state.buffer.is_empty() && !state.closed {
                state = shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let gathered = shared
                .changed
                .wait_timeout_while(state, GATHER, |state| !state.closed);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
            std::mem::swap(&mut lines, &mut state.buffer);
            state.closed
        };
        // Without a reader there is nobody to tell.
        if output
            .write_all(&lines)
            .and_then(|()| output.flush())
            .is_err()
        {
            let count = lines.iter().filter(|&&byte| byte == b'\n').count();
            shared.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
        lines.clear();
        if closed {
            return;
        }
    }
}
