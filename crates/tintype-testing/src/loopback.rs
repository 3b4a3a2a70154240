//! A listener on its own port, served on its own threads, so that tests with and without a runtime can use a
//! server.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) struct Loopback {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Loopback {
    pub(crate) fn start<F>(serve: impl FnOnce(TcpListener) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // Bound outside of the runtime: `block_on` is forbidden in a test that has one.
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { serve(TcpListener::from_std(listener).unwrap()).await });
        Self {
            address,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping it would block, which a test with its own runtime must not do.
            runtime.shutdown_background();
        }
    }
}
