//! Objects kept in files: durable, atomic, and the same after a restart.
//!
//! Per bucket there is `bodies/`, with one file per written body, and `objects/`, with one
//! JSON sidecar per object, named by the SHA-256 of the key. Any key up to S3's 1024 bytes is
//! safe that way: it never becomes a path. The sidecar names its body and is the commit point:
//! body first, synced; then the sidecar appears whole by hard link (which fails if the object
//! exists, so `If-None-Match: *` has exactly one winner) or by rename (which replaces it). A
//! crash in between leaves a body without a sidecar, swept at the next start. All calls block.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::upload::{ReceivedBody, Upload};

/// What is kept about one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// The object's key.
    pub key: String,
    /// Bytes in its body.
    pub size: u64,
    /// MD5 of the body in hex, without quotes.
    pub etag: String,
    /// When it was put, by the sandbox's clock.
    pub last_modified_ms: i64,
    /// Base64 checksums by their names in lower case: `sha256`, `crc32`, `crc64nvme` …
    pub checksums: BTreeMap<String, String>,
    /// What else its put said, and how it is encrypted.
    pub attributes: Attributes,
    /// Name of its file under `bodies/`.
    body: String,
}

/// What is known of an object beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// How it is encrypted, as `x-amz-server-side-encryption` says it: as put, else by the bucket's default.
    pub encryption: Option<String>,
    /// The customer managed key that it is encrypted with.
    pub kms_key_id: Option<String>,
    /// The access key that it was put with.
    pub written_by: Option<String>,
    /// `x-amz-meta-…`.
    pub metadata: BTreeMap<String, String>,
}

/// Whether a put may replace an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PutRule {
    Replace,
    /// `If-None-Match: *`.
    OnlyIfAbsent,
}

/// Why objects could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectFilesError {
    /// The put was conditional and the object is there.
    #[error("the object exists")]
    Exists,
    /// The file system refused.
    #[error("cannot use {path}: {source}; check that the folder is writable and has space")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A sidecar does not read as one.
    #[error("{path} is damaged ({source}); delete it to lose that one object, or the folder to start afresh")]
    Damaged {
        /// The sidecar.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

type Objects = BTreeMap<String, StoredObject>;

/// The objects of all buckets under one folder. One process uses a folder at a time.
pub(super) struct ObjectFiles {
    folder: PathBuf,
    /// What the sidecars say. Also the lock that every commit and delete holds.
    buckets: Mutex<BTreeMap<String, Objects>>,
}

impl ObjectFiles {
    /// Opens the folder, reads the sidecars and sweeps what a crash left.
    pub(super) fn open(folder: &Path) -> Result<Self, ObjectFilesError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(at(folder))? {
            let path = entry.map_err(at(folder))?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && path.join("objects").is_dir()
            {
                buckets.insert(name.to_owned(), read_bucket(&path)?);
            }
        }
        Ok(Self { folder: folder.to_owned(), buckets: Mutex::new(buckets) })
    }

    /// Starts receiving a body. Dropping the upload removes it.
    pub(super) fn receive(&self, bucket: &str) -> Result<Upload, ObjectFilesError> {
        let bodies = self.folder.join(bucket).join("bodies");
        fs::create_dir_all(&bodies).map_err(at(&bodies))?;
        let file = tempfile::Builder::new().prefix("").suffix(".body").rand_bytes(16).tempfile_in(&bodies);
        file.map(Upload::new).map_err(at(&bodies))
    }

    /// Makes a received body the object's content, durably, all of it or nothing.
    pub(super) fn commit(
        &self,
        bucket: &str,
        key: &str,
        received: ReceivedBody,
        attributes: Attributes,
        now_ms: i64,
        rule: PutRule,
    ) -> Result<StoredObject, ObjectFilesError> {
        let place = self.folder.join(bucket);
        let (objects, bodies) = (place.join("objects"), place.join("bodies"));
        fs::create_dir_all(&objects).map_err(at(&objects))?;
        let body_path = received.file.path().to_owned();
        received.file.as_file().sync_all().map_err(at(&body_path))?;
        let stored = StoredObject {
            key: key.to_owned(),
            size: received.size,
            etag: received.md5_hex,
            last_modified_ms: now_ms,
            checksums: received.checksums,
            attributes,
            body: file_name(&body_path),
        };
        let sidecar = write_sidecar(&objects, &stored)?;

        sync_folder(&bodies)?;

        let mut buckets = self.lock();
        publish(sidecar, &objects.join(sidecar_name(key)), rule)?;
        // From here on the sidecar names the body, so the body stays.
        received
            .file
            .keep()
            .map_err(|error| ObjectFilesError::Io { path: body_path, source: error.error })?;
        let synced = sync_folder(&objects);
        let replaced = buckets.entry(bucket.to_owned()).or_default().insert(key.to_owned(), stored.clone());
        drop(buckets);
        synced?;
        if let Some(replaced) = replaced {
            remove(&bodies.join(replaced.body))?;
        }
        Ok(stored)
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        self.lock().get(bucket)?.get(key).cloned()
    }

    /// The object with its body opened, so that a put or delete meanwhile can't change it.
    pub(super) fn open_body(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<(StoredObject, File)>, ObjectFilesError> {
        let buckets = self.lock();
        let Some(stored) = buckets.get(bucket).and_then(|objects| objects.get(key)) else {
            return Ok(None);
        };
        let path = self.folder.join(bucket).join("bodies").join(&stored.body);
        let file = File::open(&path).map_err(at(&path))?;
        Ok(Some((stored.clone(), file)))
    }

    /// All objects of a bucket, in key order.
    pub(super) fn list(&self, bucket: &str) -> Vec<StoredObject> {
        self.lock().get(bucket).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    }

    /// Deletes an object; one that isn't there is no error, as in S3.
    pub(super) fn delete(&self, bucket: &str, key: &str) -> Result<(), ObjectFilesError> {
        let place = self.folder.join(bucket);
        let mut buckets = self.lock();
        let Some(stored) = buckets.get_mut(bucket).and_then(|objects| objects.remove(key)) else {
            return Ok(());
        };
        remove(&place.join("objects").join(sidecar_name(key)))?;
        sync_folder(&place.join("objects"))?;
        remove(&place.join("bodies").join(stored.body))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Objects>> {
        // The map changes only after the files did, so it is right even after a panic.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_bucket(place: &Path) -> Result<Objects, ObjectFilesError> {
    let objects_folder = place.join("objects");
    let mut objects = Objects::new();
    for entry in fs::read_dir(&objects_folder).map_err(at(&objects_folder))? {
        let path = entry.map_err(at(&objects_folder))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read(&path).map_err(at(&path))?;
            let stored: StoredObject = serde_json::from_slice(&text)
                .map_err(|source| ObjectFilesError::Damaged { path: path.clone(), source })?;
            objects.insert(stored.key.clone(), stored);
        } else {
            remove(&path)?;
        }
    }
    sweep_bodies(&place.join("bodies"), &objects)?;
    Ok(objects)
}

fn sweep_bodies(bodies: &Path, objects: &Objects) -> Result<(), ObjectFilesError> {
    fs::create_dir_all(bodies).map_err(at(bodies))?;
    let named: std::collections::HashSet<&str> =
        objects.values().map(|object| object.body.as_str()).collect();
    for entry in fs::read_dir(bodies).map_err(at(bodies))? {
        let path = entry.map_err(at(bodies))?.path();
        if !named.contains(file_name(&path).as_str()) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn write_sidecar(objects: &Path, stored: &StoredObject) -> Result<NamedTempFile, ObjectFilesError> {
    let mut file = tempfile::Builder::new()
        .prefix("incoming-")
        .suffix(".tmp")
        .tempfile_in(objects)
        .map_err(at(objects))?;
    let text = serde_json::to_vec_pretty(stored).map_err(io::Error::other);
    text.and_then(|text| file.write_all(&text))
        .and_then(|()| file.as_file().sync_all())
        .map_err(at(objects))?;
    Ok(file)
}

/// Gives the sidecar its final name in one step that either happens or doesn't.
fn publish(sidecar: NamedTempFile, name: &Path, rule: PutRule) -> Result<(), ObjectFilesError> {
    let published = match rule {
        PutRule::Replace => sidecar.persist(name).map(drop).map_err(|error| error.error),
        // The temporary name goes away when `sidecar` drops; the link stays.
        PutRule::OnlyIfAbsent => fs::hard_link(sidecar.path(), name),
    };
    published.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ObjectFilesError::Exists,
        _ => ObjectFilesError::Io { path: name.to_owned(), source: error },
    })
}

fn sidecar_name(key: &str) -> String {
    format!("{}.json", hex::encode(Sha256::digest(key)))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn sync_folder(folder: &Path) -> Result<(), ObjectFilesError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn remove(path: &Path) -> Result<(), ObjectFilesError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ObjectFilesError + '_ {
    move |source| ObjectFilesError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "object_files_tests.rs"]
mod tests;
