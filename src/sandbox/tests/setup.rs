//! The set-up that customers are shown, decided on as AWS would: what it lets in and through, and what it doesn't.

use proptest::prelude::*;

use crate::domain::clock::Entropy;
use crate::domain::organization::ExternalId;
use crate::domain::principals::Principals;
use crate::domain::setup::{Setup, SetupValues, TypedSetup};
use crate::sandbox::policy_eval::{Policies, Principal, Question, decide};
use crate::sandbox::{Policy, PolicyKind};

const ACCOUNT: &str = "111122223333";
const OURS: &str = "arn:aws:iam::999988887777:role/trailpost";
const ROLE: &str = "arn:aws:iam::111122223333:role/trailpost-audit-logs";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ORGANIZATION: &str = "0199f3c2-0000-7000-8000-000000000000";

fn setup(prefix: &str, kms_key_arn: &str) -> (Setup, ExternalId) {
    let typed = TypedSetup {
        bucket: "acme-audit-logs".to_owned(),
        prefix: prefix.to_owned(),
        kms_key_arn: kms_key_arn.to_owned(),
        ..TypedSetup::default()
    };
    let external_id = ExternalId::generate(&Entropy::seeded(1));
    let values = SetupValues::parse(&typed).unwrap();
    let principals = Principals::new(vec![OURS.parse().unwrap()]).unwrap();
    (Setup::new(values, &principals, external_id.clone()).unwrap(), external_id)
}

/// Whether the role may, by its policy alone.
fn may(setup: &Setup, action: &str, resource: &str, via: Option<&str>) -> bool {
    let policy = Policy::parse(&setup.permissions_policy().to_string(), PolicyKind::Identity).unwrap();
    let principal = Principal {
        arn: "arn:aws:sts::111122223333:assumed-role/trailpost-audit-logs/s".to_owned(),
        role_arn: Some(ROLE.to_owned()),
        account: ACCOUNT.to_owned(),
    };
    let keys: Vec<_> = via.iter().map(|via| ("kms:ViaService", (*via).to_owned())).collect();
    let question = Question { principal: &principal, action, resource, keys: &keys };
    let policies = Policies { identity: &[policy.into()], resource_account: ACCOUNT, ..Policies::default() };
    decide(&question, &policies).is_ok()
}

fn may_put(setup: &Setup, key: &str) -> bool {
    may(setup, "s3:PutObject", &format!("arn:aws:s3:::acme-audit-logs/{key}"), None)
}

/// Whether the trust policy lets someone in who may ask for any role.
fn lets_in(setup: &Setup, who: &str, external_id: Option<&str>) -> bool {
    let trust = Policy::parse(&setup.trust_policy().to_string(), PolicyKind::Trust).unwrap();
    let asks = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
    let account = who.split(':').nth(4).unwrap().to_owned();
    let principal = Principal { arn: who.to_owned(), role_arn: None, account };
    let keys: Vec<_> = external_id.iter().map(|id| ("sts:ExternalId", (*id).to_owned())).collect();
    let question = Question { principal: &principal, action: "sts:AssumeRole", resource: ROLE, keys: &keys };
    let policies = Policies {
        identity: &[Policy::parse(asks, PolicyKind::Identity).unwrap().into()],
        resource: Some(&trust),
        resource_account: ACCOUNT,
        resource_must_allow: true,
        ..Policies::default()
    };
    decide(&question, &policies).is_ok()
}

#[test]
fn only_our_principal_gets_in_and_only_with_the_external_id() {
    let (setup, external_id) = setup("", "");
    let id = external_id.as_str();
    assert!(lets_in(&setup, OURS, Some(id)));
    for wrong in [None, Some(""), Some(&id.to_uppercase()), Some(&format!("{id}0")), Some("*")] {
        assert!(!lets_in(&setup, OURS, wrong), "{wrong:?}");
    }
    for who in [
        "arn:aws:iam::999988887777:role/trailpost2",
        "arn:aws:iam::999988887777:root",
        "arn:aws:iam::111122223333:user/acme-admin",
    ] {
        assert!(!lets_in(&setup, who, Some(id)), "{who}");
    }
}

#[test]
fn deliveries_and_the_test_object_get_through_and_nothing_else() {
    let (setup, _) = setup("team/it's-(a)!", "");
    let delivery = format!("team/it's-(a)!/{ORGANIZATION}/2026/11/23/20261123T093000Z_1-2_0a.json");
    assert!(may_put(&setup, &delivery));
    assert!(may_put(&setup, "team/it's-(a)!/audit-log-access-test"));
    for outside in
        ["audit-log-access-test", "team/audit-log-access-test", "team/it's-(a)!2/x", "team/it's-(a)!"]
    {
        assert!(!may_put(&setup, outside), "{outside}");
    }
    for action in [
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:PutObjectAcl",
        "s3:PutObjectTagging",
        "s3:AbortMultipartUpload",
    ] {
        assert!(!may(&setup, action, "arn:aws:s3:::acme-audit-logs/team/it's-(a)!/x", None), "{action}");
    }
    assert!(!may(&setup, "s3:ListBucket", "arn:aws:s3:::acme-audit-logs", None));
    assert!(!may(&setup, "kms:GenerateDataKey", KEY, Some("s3.eu-west-1.amazonaws.com")), "no key was named");
}

#[test]
fn a_key_is_used_by_s3_of_its_region_alone() {
    let (setup, _) = setup("", KEY);
    let s3 = Some("s3.eu-west-1.amazonaws.com");
    assert!(may(&setup, "kms:GenerateDataKey", KEY, s3));
    assert!(!may(&setup, "kms:GenerateDataKey", KEY, None), "by no one but S3");
    assert!(!may(&setup, "kms:GenerateDataKey", KEY, Some("ec2.eu-west-1.amazonaws.com")));
    assert!(!may(&setup, "kms:GenerateDataKey", KEY, Some("s3.eu-west-2.amazonaws.com")));
    assert!(!may(&setup, "kms:Decrypt", KEY, s3));
    assert!(!may(&setup, "kms:GenerateDataKey", &KEY.replace("1234abcd", "1234abce"), s3));
    assert!(may_put(&setup, "audit-log-access-test"));
}

proptest! {
    #[test]
    fn nothing_outside_the_prefix_gets_through(
        prefix in "[A-Za-z0-9!_'()-]{1,12}(/[A-Za-z0-9!_'().-]{1,6}[a-z]){0,2}",
        key in "[A-Za-z0-9!_'()/*?$-]{0,30}",
    ) {
        prop_assume!(!prefix.contains(".."));
        let (setup, _) = setup(&prefix, "");
        let inside = format!("{prefix}/{key}");
        prop_assert!(may_put(&setup, &inside));
        prop_assert_eq!(may_put(&setup, &key), key.starts_with(&format!("{prefix}/")));
        prop_assert!(!may_put(&setup, &["x", &inside].concat()));
    }
}
