//! The commands, run by real shells against an `aws` that writes down what it was asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;
use tempfile::tempdir;
use trailpost::domain::setup::{Setup, SetupFile};

use super::{across_accounts, any_setup, few, samples};

/// Each call leaves a file of its arguments, which ends with a NUL behind each.
const AWS: &str = "#!/bin/sh\nprintf '%s\\0' \"$@\" > \"$CALLS/$(ls \"$CALLS\" | wc -l)\"\n";

/// The arguments of each call, in order.
fn calls(shell: &str, script: &str) -> Vec<Vec<String>> {
    let folder = tempdir().unwrap();
    let [bin, made, file] = ["bin", "calls", "aws-cli.sh"].map(|name| folder.path().join(name));
    fs::create_dir(&bin).unwrap();
    fs::create_dir(&made).unwrap();
    fs::write(bin.join("aws"), AWS).unwrap();
    fs::set_permissions(bin.join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&file, script).unwrap();
    let checked = Command::new(shell).arg("-n").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}\n{script}", String::from_utf8_lossy(&checked.stderr));
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let ran = Command::new(shell).arg(&file).env("PATH", path).env("CALLS", &made).output().unwrap();
    assert!(
        ran.status.success() && ran.stderr.is_empty(),
        "{}\n{script}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let count = fs::read_dir(&made).unwrap().count();
    (0..count).map(|call| words(&fs::read_to_string(made.join(call.to_string())).unwrap())).collect()
}

fn words(recorded: &str) -> Vec<String> {
    recorded.split_terminator('\0').map(str::to_owned).collect()
}

fn option<'a>(call: &'a [String], name: &str) -> Option<&'a str> {
    call.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn makes_exactly_the_role(shell: &str, setup: &Setup) {
    let made = calls(shell, &SetupFile::AwsCli.of(setup));
    let [create, put] = &made[..] else { panic!("{made:?}") };
    let role = setup.values().role();
    let document = |call, name| serde_json::from_str::<Value>(option(call, name).unwrap()).unwrap();

    assert_eq!(create[..2], ["iam", "create-role"]);
    assert_eq!(option(create, "--role-name"), Some(role.name().as_str()));
    assert_eq!(option(create, "--path"), role.path());
    assert_eq!(document(create, "--assume-role-policy-document"), setup.trust_policy());
    assert_eq!(create.len(), if role.path().is_some() { 9 } else { 8 }, "{create:?}");

    assert_eq!(put[..2], ["iam", "put-role-policy"]);
    assert_eq!(option(put, "--role-name"), Some(role.name().as_str()));
    assert_eq!(option(put, "--policy-name"), Some("trailpost-audit-logs"));
    assert_eq!(document(put, "--policy-document"), setup.permissions_policy());
    assert_eq!(put.len(), 5, "{put:?}");
}

#[test]
fn bash_and_a_plain_shell_make_exactly_the_role() {
    for setup in samples() {
        makes_exactly_the_role("bash", &setup);
        makes_exactly_the_role("sh", &setup);
    }
}

#[test]
fn what_the_policy_of_another_accounts_bucket_has_to_say_is_printed_last() {
    let setup = across_accounts();
    let folder = tempdir().unwrap();
    let aws = folder.path().join("aws");
    fs::write(&aws, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let ran =
        Command::new("sh").arg("-c").arg(SetupFile::AwsCli.of(&setup)).env("PATH", path).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let (words, policy) = said.split_once('\n').unwrap();
    assert!(words.contains("the bucket central-audit-logs, in the account 444455556666"), "{said}");
    assert_eq!(serde_json::from_str::<Value>(policy).unwrap(), setup.bucket_policy().unwrap());
}

#[test]
fn the_policy_is_not_put_on_a_role_that_was_not_made() {
    let script = SetupFile::AwsCli.of(&samples()[0]);
    let folder = tempdir().unwrap();
    let (aws, made) = (folder.path().join("aws"), folder.path().join("calls"));
    fs::write(&aws, "#!/bin/sh\necho \"$2\" >> \"$CALLS\"\nexit 254\n").unwrap();
    fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let ran =
        Command::new("bash").arg("-c").arg(&script).env("PATH", path).env("CALLS", &made).output().unwrap();
    assert_eq!(ran.status.code(), Some(254));
    assert_eq!(fs::read_to_string(&made).unwrap(), "create-role\n");
}

#[test]
fn what_is_pasted_is_the_file_without_what_an_interactive_shell_reads_otherwise() {
    for setup in samples() {
        let pasted = setup.cli_commands();
        assert!(SetupFile::AwsCli.of(&setup).ends_with(&pasted));
        assert!(!pasted.contains(['#', '!', '`', '$']), "{pasted}");
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn whatever_was_typed_is_one_argument(setup in any_setup()) {
        makes_exactly_the_role("bash", &setup);
    }
}
