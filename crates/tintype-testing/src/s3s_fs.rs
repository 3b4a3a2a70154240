//! s3s-fs: S3 over a folder, in this process.

use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::loopback::Loopback;
use crate::{ACCESS_KEY, BUCKET, SECRET_KEY, environment};

pub struct S3sFs {
    loopback: Loopback,
    folder: TempDir,
}

impl S3sFs {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let loopback = Loopback::start(|listener| accept(listener, service));
        Self { loopback, folder }
    }

    pub fn address(&self) -> SocketAddr {
        self.loopback.address()
    }

    pub fn endpoint(&self) -> String {
        self.loopback.endpoint()
    }

    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.endpoint())
    }

    /// The folder with the bucket's content as files.
    pub fn bucket(&self) -> std::path::PathBuf {
        self.folder.path().join(BUCKET)
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    let http = auto::Builder::new(TokioExecutor::new());
    while let Ok((stream, _)) = listener.accept().await {
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let connection = connection.into_owned();
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}
