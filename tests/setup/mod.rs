//! The set-up that customers are shown: each language read back by somebody else's reader, and the pages and files
//! over HTTP.

mod cloudformation;
mod files;
mod page;
mod shell;
mod terraform;
mod tools;

use proptest::prelude::*;
use proptest::test_runner::Config;
use trailpost::domain::clock::Entropy;
use trailpost::domain::organization::ExternalId;
use trailpost::domain::principals::Principals;
use trailpost::domain::setup::{Setup, SetupValues, TypedSetup};

const PRINCIPAL: &str = "arn:aws:iam::999988887777:role/trailpost";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// Every character that a prefix may have and some language reads otherwise.
const AWKWARD_PREFIX: &str = "it's/(a)!_.-'!'/x'";

fn setup(role_name: &str, prefix: &str, kms_key_arn: &str) -> Setup {
    written(&TypedSetup {
        role_name: role_name.to_owned(),
        bucket: "acme-audit-logs".to_owned(),
        prefix: prefix.to_owned(),
        kms_key_arn: kms_key_arn.to_owned(),
        ..TypedSetup::default()
    })
}

/// One whose bucket is in another account than the role.
fn across_accounts() -> Setup {
    written(&TypedSetup {
        role_name: "arn:aws:iam::111122223333:role/team/logs".to_owned(),
        bucket: "central-audit-logs".to_owned(),
        prefix: AWKWARD_PREFIX.to_owned(),
        bucket_owner_account: "444455556666".to_owned(),
        ..TypedSetup::default()
    })
}

fn written(typed: &TypedSetup) -> Setup {
    let external_id = ExternalId::generate(&Entropy::seeded(1));
    let principals = Principals::new(vec![PRINCIPAL.parse().unwrap()]).unwrap();
    Setup::new(SetupValues::parse(typed).unwrap(), &principals, external_id).unwrap()
}

/// The plainest, the fullest, and the longest.
fn samples() -> Vec<Setup> {
    let arn = "arn:aws:iam::111122223333:role/team/audit/A_b+c=d,e.f@g-h";
    vec![
        setup("", "", ""),
        setup(arn, AWKWARD_PREFIX, KEY),
        setup(&"n".repeat(64), &"'".repeat(256), KEY),
        setup("--help", "", ""),
        across_accounts(),
    ]
}

/// Anything that can be asked for.
fn any_setup() -> impl Strategy<Value = Setup> {
    let role = prop_oneof![
        Just(String::new()),
        "[A-Za-z0-9+=,.@_-]{1,64}",
        "arn:aws:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]{1,9}/){0,3}[A-Za-z0-9+=,.@_-]{1,64}"
            .prop_filter("a service’s role", |arn| !arn.contains("aws-service-role")),
    ];
    let prefix = "[A-Za-z0-9!_'()-]{1,9}(/[A-Za-z0-9!_'()-]{1,9}){0,3}|";
    (role, prefix, any::<bool>())
        .prop_map(|(role, prefix, key)| setup(&role, &prefix, if key { KEY } else { "" }))
}

/// Where each case starts a process.
fn few() -> Config {
    Config { cases: 24, failure_persistence: None, ..Config::default() }
}
