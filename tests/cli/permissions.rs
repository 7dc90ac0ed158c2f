//! Files and folders that may not be written: one clear line that says what to do, and exit code 1.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::command::run_as_a_stranger;
use super::installation::Installation;

const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a start says to a user who may not do what it needs.
fn told_to_a_stranger(installation: &Installation) -> String {
    let ended = run_as_a_stranger(installation.folder(), &SERVE);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert_eq!(ended.stderr.trim_end().lines().count(), 1, "{}", ended.stderr);
    ended.stderr
}

#[test]
fn a_folder_that_may_not_be_written_is_told_with_what_to_do() {
    let installation = Installation::new();
    set_mode(installation.folder(), 0o755);
    fs::create_dir(installation.data()).unwrap();
    set_mode(&installation.data(), 0o555);
    let said = told_to_a_stranger(&installation);
    assert!(said.contains("can't use the data folder") && said.contains("Permission denied"), "{said}");
    assert!(said.contains("run this as the user of the service, or choose another --data-dir"), "{said}");
}

#[test]
fn a_database_that_may_not_be_read_or_written_is_told_with_what_to_do() {
    let installation = Installation::new();
    installation.json(&["migrate"]);
    set_mode(installation.folder(), 0o755);
    let database = installation.data().join("trailpost.db");
    let lock = installation.data().join("trailpost.lock");
    fs::write(&lock, "").unwrap();
    set_mode(&lock, 0o666);
    // The folder's mode and the database's: may not be read, may not be written, may not have files put beside it.
    for (folder, file) in [(0o777, 0o000), (0o777, 0o444), (0o555, 0o666)] {
        set_mode(&database, file);
        set_mode(&installation.data(), folder);
        let said = told_to_a_stranger(&installation);
        assert!(said.contains("can't open the database") && said.contains("trailpost.db"), "{said}");
        assert!(said.contains("run this as the user of the service"), "{folder:o}, {file:o}: {said}");
    }
    set_mode(&installation.data(), 0o755);
}
