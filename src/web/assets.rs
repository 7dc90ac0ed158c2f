//! Static files, inside the binary. Their URLs carry a fingerprint of the whole folder, so that they may be kept
//! for ever and never be stale. A debug build reads them from the folder, for a short wait after a change.

use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use axum::Router;
use http::{HeaderValue, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::future::{Ready, ready};
use tower_http::services::ServeDir;
use tower_http::services::fs::{Backend, File, Metadata};
use tower_http::set_header::SetResponseHeaderLayer;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// `/static/{fingerprint}`, without a slash at the end.
pub(super) static BASE: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Static::iter().collect();
    names.sort_unstable();
    let mut digest = Sha256::new();
    for name in names {
        if let Some(file) = Static::get(&name) {
            digest.update(name.as_bytes());
            digest.update(file.metadata.sha256_hash());
        }
    }
    format!("/static/{}", &hex::encode(digest.finalize())[..16])
});

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    let files = tower::ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, forever))
        .service(ServeDir::with_backend(".", Embedded).append_index_html_on_directories(false));
    Router::new().nest_service(&BASE, files)
}

#[derive(Clone, Debug)]
struct Embedded;

struct OpenFile {
    content: Cursor<Arc<[u8]>>,
    metadata: FileMetadata,
}

#[derive(Clone, Copy)]
struct FileMetadata {
    bytes: u64,
    modified: SystemTime,
}

impl FileMetadata {
    fn of(file: &EmbeddedFile) -> FileMetadata {
        let seconds = file.metadata.last_modified().unwrap_or_default();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        FileMetadata { bytes: file.data.len() as u64, modified }
    }
}

impl Backend for Embedded {
    type File = OpenFile;
    type Metadata = FileMetadata;
    type OpenFuture = Ready<io::Result<OpenFile>>;
    type MetadataFuture = Ready<io::Result<FileMetadata>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        ready(find(&path).map(|file| OpenFile {
            metadata: FileMetadata::of(&file),
            content: Cursor::new(file.data.into()),
        }))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        ready(find(&path).map(|file| FileMetadata::of(&file)))
    }
}

fn find(path: &std::path::Path) -> io::Result<EmbeddedFile> {
    let name = path.strip_prefix(".").unwrap_or(path).to_str().unwrap_or_default();
    Static::get(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

impl Metadata for FileMetadata {
    fn is_dir(&self) -> bool {
        false
    }

    fn modified(&self) -> io::Result<SystemTime> {
        Ok(self.modified)
    }

    fn len(&self) -> u64 {
        self.bytes
    }
}

impl File for OpenFile {
    type Metadata = FileMetadata;
    type MetadataFuture<'a> = Ready<io::Result<FileMetadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata))
    }
}

impl tokio::io::AsyncRead for OpenFile {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::pin::Pin::new(&mut self.content).poll_read(context, buffer)
    }
}

impl tokio::io::AsyncSeek for OpenFile {
    fn start_seek(mut self: std::pin::Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        std::pin::Pin::new(&mut self.content).start_seek(position)
    }

    fn poll_complete(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<u64>> {
        std::pin::Pin::new(&mut self.content).poll_complete(context)
    }
}
