//! The store's promises: one winner, nothing lost, nothing escapes its folder.

use std::sync::Arc;

use super::*;
use crate::sandbox::upload::Claims;

impl StoredObject {
    pub(in crate::sandbox) fn named(key: &str, checksums: BTreeMap<String, String>) -> Self {
        Self {
            key: key.to_owned(),
            size: 0,
            etag: String::new(),
            last_modified_ms: 0,
            checksums,
            attributes: Attributes::default(),
            body: String::new(),
        }
    }
}

fn put(files: &ObjectFiles, key: &str, body: &[u8], rule: PutRule) -> Result<StoredObject, ObjectFilesError> {
    let mut upload = files.receive("bucket").unwrap();
    upload.expect(["sha256"].into_iter());
    upload.write(body).unwrap();
    let received = upload.finish(&Claims::default()).map_err(|_| "claims").unwrap();
    files.commit("bucket", key, received, Attributes::default(), 1, rule)
}

fn body_of(files: &ObjectFiles, key: &str) -> Option<Vec<u8>> {
    let (_, mut file) = files.open_body("bucket", key).unwrap()?;
    let mut body = Vec::new();
    io::Read::read_to_end(&mut file, &mut body).unwrap();
    Some(body)
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn of_32_conditional_puts_at_once_exactly_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let files = Arc::new(ObjectFiles::open(folder.path()).unwrap());
    let start = Arc::new(std::sync::Barrier::new(32));
    let racers: Vec<_> = (0..32)
        .map(|number: u8| {
            let (files, start) = (Arc::clone(&files), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                put(&files, "one/key", &[number], PutRule::OnlyIfAbsent).is_ok().then_some(number)
            })
        })
        .collect();
    let winners: Vec<u8> = racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(body_of(&files, "one/key"), Some(winners));
    assert_eq!(count(&folder.path().join("bucket/bodies")), 1, "the losers leave nothing");
    assert_eq!(count(&folder.path().join("bucket/objects")), 1);
}

#[test]
fn two_stores_on_one_folder_still_have_one_winner() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) =
        (ObjectFiles::open(folder.path()).unwrap(), ObjectFiles::open(folder.path()).unwrap());
    assert!(put(&first, "key", b"first", PutRule::OnlyIfAbsent).is_ok());
    let late = put(&second, "key", b"second", PutRule::OnlyIfAbsent);
    assert!(matches!(late, Err(ObjectFilesError::Exists)), "{late:?}");
}

#[test]
fn a_restart_finds_everything_and_sweeps_what_a_crash_left() {
    let folder = tempfile::tempdir().unwrap();
    let files = ObjectFiles::open(folder.path()).unwrap();
    let before = put(&files, "kept", b"old", PutRule::Replace).unwrap();
    let kept = put(&files, "kept", b"new body", PutRule::Replace).unwrap();
    assert_ne!(before.etag, kept.etag);
    drop(files);
    fs::write(folder.path().join("bucket/bodies/orphan.body"), b"half").unwrap();
    fs::write(folder.path().join("bucket/objects/incoming-x.tmp"), b"{").unwrap();

    let files = ObjectFiles::open(folder.path()).unwrap();
    assert_eq!(files.list("bucket"), vec![kept]);
    assert_eq!(body_of(&files, "kept"), Some(b"new body".to_vec()));
    assert_eq!(count(&folder.path().join("bucket/bodies")), 1);
    files.delete("bucket", "kept").unwrap();
    files.delete("bucket", "kept").unwrap();
    assert!(ObjectFiles::open(folder.path()).unwrap().list("bucket").is_empty());
    assert_eq!(count(&folder.path().join("bucket/bodies")), 0);
}

#[test]
fn keys_never_become_paths() {
    let folder = tempfile::tempdir().unwrap();
    let files = ObjectFiles::open(&folder.path().join("data")).unwrap();
    let long = "x".repeat(1024);
    let keys = ["../../escape", "/etc/passwd", "a//b", ".", "..", "a\0b", "ü/😀", "A", "a", long.as_str()];
    for key in keys {
        put(&files, key, key.as_bytes(), PutRule::OnlyIfAbsent).unwrap();
    }
    for key in keys {
        assert_eq!(body_of(&files, key).unwrap(), key.as_bytes());
    }
    assert_eq!(count(folder.path()), 1, "nothing outside the data folder");
    assert_eq!(count(&folder.path().join("data")), 1);
}

#[test]
fn a_damaged_sidecar_is_named() {
    let folder = tempfile::tempdir().unwrap();
    drop(put(&ObjectFiles::open(folder.path()).unwrap(), "key", b"", PutRule::Replace));
    let sidecar = folder.path().join("bucket/objects").join(sidecar_name("key"));
    fs::write(&sidecar, b"{").unwrap();
    let error = ObjectFiles::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains(sidecar.to_str().unwrap()), "{error}");
}
