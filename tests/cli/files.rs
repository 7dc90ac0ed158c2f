//! What lies on the disk: for its owner alone, and locked under every name that it has.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::command::start_in;
use super::installation::Installation;

/// The permission bits.
fn mode(path: &Path) -> u32 {
    let metadata = path.metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o777
}

#[test]
fn data_are_for_their_owner_alone() {
    let installation = Installation::new();
    installation.json(&["migrate"]);
    assert_eq!(mode(&installation.data()), 0o700);
    for name in ["trailpost.db", "trailpost.db-migrating"] {
        assert_eq!(mode(&installation.data().join(name)), 0o600, "{name}");
    }

    let installation = Installation::new();
    let (mut running, _) = installation.serve_with(&["--store", "sqlite:above/data/trailpost.db"]);
    let data = installation.folder().join("above/data");
    for folder in [&data, data.parent().unwrap()] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    for name in ["trailpost.db", "trailpost.db-wal", "trailpost.db-shm"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    running.terminate();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn two_names_of_a_database_are_one_lock() {
    let installation = Installation::new();
    let (mut running, _) = installation.serve();
    let link = installation.folder().join("link");
    symlink("data", &link).unwrap();
    let other = installation.folder().join("other");
    std::fs::create_dir(&other).unwrap();
    symlink("../data/trailpost.db", other.join("another.db")).unwrap();
    for store in ["sqlite:link/trailpost.db", "sqlite:other/another.db"] {
        let flags = ["serve", "--listen", "127.0.0.1:0", "--store", store];
        let ended = start_in(installation.folder(), &flags, &[]).end();
        assert_eq!(ended.code, Some(1), "{store}: {}", ended.stderr);
        assert!(ended.stderr.contains("in use by another Trailpost process"), "{}", ended.stderr);
    }
    running.terminate();
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_file_where_the_data_folder_should_be_is_told() {
    let installation = Installation::new();
    std::fs::write(installation.data(), "notes").unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["status"]] {
        let said = installation.refused(command, 1);
        assert!(said.contains("data") && said.contains("a file is"), "{said}");
    }
}
