//! A buffer and a thread between callers and the output, so that callers never wait for it.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// Some thousands of lines: a collector that stops for a moment loses none.
const MAX_BUFFERED: usize = 2 * 1024 * 1024;

/// How long lines are gathered, so that a busy server wakes the writer a few times a second rather than once per
/// request.
const GATHER: Duration = Duration::from_millis(50);

/// How long shutdown waits for an output that is stuck.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The log; all clones write to the same output.
#[derive(Clone, Default)]
pub struct Log(Arc<LogState>);

/// Writes the rest when dropped. Nothing is written after that.
pub struct LogWriter {
    log: Log,
    /// Disconnects when everything has been written.
    ended: mpsc::Receiver<()>,
}

#[derive(Default)]
struct LogState {
    state: Mutex<WriterState>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct WriterState {
    buffer: Vec<u8>,
    closed: bool,
}

impl LogWriter {
    pub fn stdout() -> std::io::Result<Self> {
        Self::to(std::io::stdout())
    }

    pub fn to(output: impl Write + Send + 'static) -> std::io::Result<Self> {
        let log = Log::default();
        let (ending, ended) = mpsc::channel();
        std::thread::Builder::new().name("log".to_owned()).spawn({
            let log = log.clone();
            move || {
                write(&log.0, output);
                drop(ending);
            }
        })?;
        Ok(Self { log, ended })
    }

    pub fn log(&self) -> Log {
        self.log.clone()
    }
}

impl Log {
    /// Never waits for the output. `line` ends with a line feed.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.buffer.len() + line.len() > MAX_BUFFERED {
            drop(state);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = state.buffer.is_empty();
        state.buffer.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.0.changed.notify_one();
        }
    }

    /// Lines lost since the start, for lack of room or output.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.log.0.lock().closed = true;
        self.log.0.changed.notify_one();
        // Nothing is ever sent: the thread ends, or takes too long.
        let _ = self.ended.recv_timeout(TIMEOUT);
    }
}

impl LogState {
    fn lock(&self) -> MutexGuard<'_, WriterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(shared: &LogState, mut output: impl Write) {
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
        // Without a reader there is nothing to report to.
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
