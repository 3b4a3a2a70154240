//! Threads for connections, each with an event loop of its own.
//!
//! A connection stays on its thread: a request is answered by the thread that read it, and no other has to be woken.
//! With a loop that is shared, every second request wakes a thread. What handlers start in the background runs on the
//! same thread.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Blocking threads for files, of all loops together.
const BLOCKING_THREADS: usize = 512;

/// Stops the threads when dropped, and with them everything that still runs there.
pub(crate) struct Threads {
    loops: Vec<Handle>,
    stop: CancellationToken,
}

impl Threads {
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let count = count.max(1);
        let mut threads = Self {
            loops: Vec::with_capacity(count),
            stop: CancellationToken::new(),
        };
        for number in 0..count {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(BLOCKING_THREADS.div_ceil(count))
                .build()?;
            threads.loops.push(runtime.handle().clone());
            let stop = threads.stop.clone();
            thread::Builder::new()
                .name(format!("connections-{number}"))
                .spawn(move || {
                    runtime.block_on(stop.cancelled());
                    runtime.shutdown_background();
                })?;
        }
        Ok(threads)
    }

    /// No threads of their own: the event loop of the caller.
    pub(crate) fn shared() -> Self {
        Self {
            loops: vec![Handle::current()],
            stop: CancellationToken::new(),
        }
    }

    /// The loop with the fewest tasks, and so with the fewest connections.
    pub(super) fn least_busy(&self) -> &Handle {
        let tasks = |handle: &&Handle| handle.metrics().num_alive_tasks();
        let least = self.loops.iter().min_by_key(tasks);
        least.expect("there is at least one thread")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
