//! Files that are not what SQLite wrote: one clear line, and exit code 1.

use std::fs::{self, File};

use super::installation::Installation;

#[test]
fn a_damaged_database_is_told_with_what_to_do() {
    let installation = Installation::new();
    installation.json(&["migrate"]);
    let database = installation.data().join("trailpost.db");
    let whole = fs::read(&database).unwrap();
    let refused = |advice: &str| {
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["status"]] {
            let said = installation.refused(command, 1);
            assert!(said.contains("trailpost.db") && said.contains(advice), "{command:?}: {said}");
        }
    };

    fs::write(&database, [&[0xa5; 100], &whole[100..]].concat()).unwrap();
    refused("this one is not SQLite's");
    fs::write(&database, &whole).unwrap();
    File::options().write(true).open(&database).unwrap().set_len(whole.len() as u64 / 2).unwrap();
    refused("restore it from a backup");
    fs::write(&database, [&whole[..100], &vec![0xa5; whole.len() - 100]].concat()).unwrap();
    refused("restore it from a backup");

    fs::write(&database, &whole).unwrap();
    installation.json(&["status"]);
}
