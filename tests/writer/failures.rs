//! Everything that an access check can find, over the whole product: it comes out at the right stage, as whose turn,
//! with its cause, AWS's words and what mends it, in the database, on the page, in the API and in the record.

use serde_json::json;
use trailpost::demo::world;
use trailpost::domain::access_check::{Checklist, Stage};
use trailpost::domain::caller::Caller;
use trailpost::domain::failure::{AwsAnswer, Cause, Failure, Trying, Turn};
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget, IamUser, OrganizationMember};
use trailpost::store::{AccessCheck, CheckVerdict};

use super::settings_page::{
    NOBODYS_TURN, OPERATORS_TURN, OWNERS_TURN, PERMISSIONS, SettingsPage, TRUST_POLICY, role_arn,
};
use crate::support::console::{self, Console};
use crate::support::http_user::HttpUser;
use crate::support::product::Product;
use crate::support::program::{self, Document};
use crate::support::{BUCKET, ROLE_ARN};

const ROLE: &str = "trailpost-audit-logs";
const NO_KMS_IN_ROLE: &str = "because no identity-based policy allows the kms:GenerateDataKey action";
const NO_KMS_IN_KEY: &str = "because no resource-based policy allows the kms:GenerateDataKey action";
const NO_KEY_OR_NO_ACCESS: &str = "because the resource does not exist in this Region, no resource-based policies \
                                   allow access, or a resource-based policy explicitly denies access";
const NOT_TRUSTED: &str = "because no role trust policy allows the sts:AssumeRole action";
const DENIED_IN_TRUST: &str = "with an explicit deny in the role trust policy";
const NOT_OURS_TO_ASSUME: &str = "because no identity-based policy allows the sts:AssumeRole action";
/// Also in a key's.
const DENIED_IN_BUCKET: &str = "with an explicit deny in a resource-based policy";
/// S3 says no more to another account's callers, nor of another owner than the expected one.
const BARE: &str = "Access Denied";

/// What is set up, and what has to come of it.
struct Case {
    role: &'static str,
    bucket: &'static str,
    key: Option<&'static str>,
    stage: Stage,
    cause: Cause,
    turn: &'static str,
    /// How AWS's words end; empty where there are none.
    said: &'static str,
    /// What the page says besides, such as a part of the fix.
    says: &'static str,
}

const fn case(
    role: &'static str,
    stage: Stage,
    cause: Cause,
    said: &'static str,
    says: &'static str,
) -> Case {
    Case { role, bucket: BUCKET, key: None, stage, cause, turn: OWNERS_TURN, said, says }
}

const fn bucket_case(bucket: &'static str, cause: Cause, said: &'static str, says: &'static str) -> Case {
    Case { bucket, ..case(ROLE, Stage::Write, cause, said, says) }
}

const fn key_case(key: &'static str, cause: Cause, said: &'static str, says: &'static str) -> Case {
    Case { key: Some(key), ..case(ROLE, Stage::Write, cause, said, says) }
}

/// What policies, and the states of buckets and keys, say.
static BY_POLICY: [Case; 23] = [
    case("no-such-role", Stage::AssumeRole, Cause::AssumeRoleDenied, "role/no-such-role", TRUST_POLICY),
    case(
        "trailpost-no-trust",
        Stage::AssumeRole,
        Cause::AssumeRoleDenied,
        "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/trailpost-no-trust",
        world::OUR_PRINCIPAL,
    ),
    case(
        "trailpost-wrong-external-id",
        Stage::AssumeRole,
        Cause::AssumeRoleDenied,
        "role/trailpost-wrong-external-id",
        "exactly the external ID",
    ),
    case("trailpost-no-external-id", Stage::ExternalIdRequired, Cause::RoleTooOpen, "", TRUST_POLICY),
    case(
        "trailpost-no-permission",
        Stage::Write,
        Cause::RoleDoesNotAllow,
        "because no identity-based policy allows the s3:PutObject action",
        PERMISSIONS,
    ),
    case(
        "trailpost-denying-policy",
        Stage::Write,
        Cause::RoleDenies,
        "with an explicit deny in an identity-based policy",
        "for a Deny that covers s3:PutObject",
    ),
    case(
        "trailpost-denied-by-scp",
        Stage::Write,
        Cause::ServiceControlPolicyDenies,
        "with an explicit deny in a service control policy",
        "Ask whoever administers your AWS organization to let the role trailpost-denied-by-scp",
    ),
    case(
        "trailpost-outside-boundary",
        Stage::Write,
        Cause::PermissionsBoundaryDenies,
        "because no permissions boundary allows the s3:PutObject action",
        "Let the permissions boundary of the role trailpost-outside-boundary allow this too:",
    ),
    Case {
        stage: Stage::Bucket,
        ..bucket_case("no-such-bucket", Cause::BucketMissing, "", "aws s3 mb s3://no-such-bucket")
    },
    bucket_case(
        "acme-audit-logs-denied",
        Cause::BucketDenies,
        DENIED_IN_BUCKET,
        "for a Deny that covers this",
    ),
    bucket_case(
        "acme-audit-logs-demands-encryption",
        Cause::BucketDenies,
        DENIED_IN_BUCKET,
        "unless the request names an encryption",
    ),
    bucket_case(
        "acme-audit-logs-wrong-owner",
        Cause::WriteDenied,
        BARE,
        "belongs to account 111122223333; enter another under Bucket owner account",
    ),
    bucket_case(
        "acme-audit-logs-denied-by-rcp",
        Cause::ResourceControlPolicyDenies,
        "with an explicit deny in a resource control policy",
        "Ask whoever administers your AWS organization",
    ),
    key_case(
        world::KEY_DISABLED,
        Cause::KeyDisabled,
        "is disabled.",
        "aws kms enable-key --key-id arn:aws:kms:",
    ),
    key_case(
        world::KEY_PENDING_DELETION,
        Cause::KeyUnusable,
        "is pending deletion.",
        "aws kms cancel-key-deletion --key-id arn:aws:kms:",
    ),
    key_case(
        world::KEY_ELSEWHERE,
        Cause::KeyInAnotherRegion,
        "Invalid arn eu-central-1",
        "The key is in eu-central-1, and the bucket acme-audit-logs in us-east-1.",
    ),
    key_case(
        world::KEY_NOT_SHARED,
        Cause::KeyDeniedByKeyPolicy,
        NO_KMS_IN_KEY,
        "Add this statement to the policy of the key arn:aws:kms:",
    ),
    key_case(
        world::KEY_OF_ANOTHER_ACCOUNT,
        Cause::KeyNotShared,
        NO_KEY_OR_NO_ACCESS,
        world::KEY_OF_ANOTHER_ACCOUNT,
    ),
    key_case(
        world::KEY_DENYING,
        Cause::KeyPolicyDenies,
        DENIED_IN_BUCKET,
        "aws kms get-key-policy --policy-name default",
    ),
    Case {
        key: Some(world::KEY),
        ..case(
            "trailpost-denying-keys",
            Stage::Write,
            Cause::RoleDeniesKey,
            "with an explicit deny in an identity-based policy",
            "for a Deny that covers kms:GenerateDataKey",
        )
    },
    Case {
        key: Some(world::KEY),
        ..case(
            "trailpost-denied-keys-by-scp",
            Stage::Write,
            Cause::ServiceControlPolicyDenies,
            "with an explicit deny in a service control policy",
            "do kms:GenerateDataKey on arn:aws:kms:",
        )
    },
    Case {
        key: Some(world::KEY),
        ..case(
            "no-kms-permission",
            Stage::Write,
            Cause::KeyDeniedByRole,
            NO_KMS_IN_ROLE,
            "Add this statement to the permissions policy of the role no-kms-permission:",
        )
    },
    Case {
        turn: OPERATORS_TURN,
        ..bucket_case(
            world::BUCKET_LOCKS,
            Cause::EndpointPolicyDenies,
            "with an explicit deny in a VPC endpoint policy",
            "our fault, not yours",
        )
    },
];

/// What STS says to accounts of one organization.
static AMONG_FRIENDS: [Case; 4] = [
    case("no-such-role", Stage::AssumeRole, Cause::AssumeRoleDenied, "role/no-such-role", TRUST_POLICY),
    case("trailpost-no-trust", Stage::AssumeRole, Cause::TrustDoesNotAllow, NOT_TRUSTED, TRUST_POLICY),
    case(
        "trailpost-wrong-external-id",
        Stage::AssumeRole,
        Cause::TrustDoesNotAllow,
        NOT_TRUSTED,
        "exactly the external ID",
    ),
    case(
        "trailpost-denying-trust",
        Stage::AssumeRole,
        Cause::TrustDenies,
        DENIED_IN_TRUST,
        "aws iam get-role --role-name=",
    ),
];

/// What happens between two accounts: who owns the bucket is stated.
static ACROSS_ACCOUNTS: [(&str, Case); 2] = [
    (
        "444455556666",
        bucket_case(
            "acme-audit-logs-no-bucket-policy",
            Cause::WriteDenied,
            BARE,
            "Add this statement to the policy of the bucket acme-audit-logs-no-bucket-policy, in the account 444455556666:",
        ),
    ),
    (
        "777788889999",
        bucket_case(
            "acme-audit-logs-central-no-bucket-policy",
            Cause::BucketDoesNotAllow,
            "because no resource-based policy allows the s3:PutObject action",
            "Add this statement to the policy of the bucket acme-audit-logs-central-no-bucket-policy, in the account",
        ),
    ),
];

/// What no policy says.
static BY_FAULT: [(FaultKind, FaultTarget, Case); 8] = [
    fault(FaultKind::InternalError, FaultTarget::Sts, Cause::AwsUnavailable, "exception or failure."),
    fault(FaultKind::SlowDown, FaultTarget::Sts, Cause::Throttled, "Rate exceeded"),
    fault(FaultKind::TimeTooSkewed, FaultTarget::Sts, Cause::ClockSkewed, "Z - 15 min.)"),
    fault(
        FaultKind::InternalError,
        FaultTarget::S3,
        Cause::AwsUnavailable,
        "internal error. Please try again.",
    ),
    fault(FaultKind::SlowDown, FaultTarget::S3, Cause::Throttled, "Please reduce your request rate."),
    fault(
        FaultKind::TimeTooSkewed,
        FaultTarget::S3,
        Cause::ClockSkewed,
        "The difference between the request time and the current time is too large.",
    ),
    fault(
        FaultKind::ExpiredToken,
        FaultTarget::S3,
        Cause::CredentialsExpired,
        "The provided token has expired.",
    ),
    fault(FaultKind::TruncatedAnswer, FaultTarget::S3, Cause::Timeout, ""),
];

const fn fault(
    kind: FaultKind,
    target: FaultTarget,
    cause: Cause,
    said: &'static str,
) -> (FaultKind, FaultTarget, Case) {
    let stage = match target {
        FaultTarget::Sts => Stage::AssumeRole,
        _ => Stage::Write,
    };
    let turn = match cause {
        Cause::ClockSkewed => OPERATORS_TURN,
        _ => NOBODYS_TURN,
    };
    (kind, target, Case { turn, ..case(ROLE, stage, cause, said, "Access check") })
}

impl Case {
    fn name(&self) -> String {
        format!("{} with {} and {:?}", self.role, self.bucket, self.key)
    }

    async fn produce(&self, settings: &SettingsPage<'_>, more: &[(&str, &str)]) -> AccessCheck {
        let role = role_arn(self.role);
        let key = [("encryption", "kms"), ("kms_key_arn", self.key.unwrap_or_default())];
        let key = if self.key.is_some() { &key[..] } else { &[] };
        settings
            .check(&[&[("role_arn", role.as_str()), ("bucket", self.bucket)][..], key, more].concat())
            .await
    }

    async fn see(&self, name: &str, settings: &SettingsPage<'_>, check: &AccessCheck) {
        let failure = check.failure.as_ref().unwrap_or_else(|| panic!("{name} passed"));
        assert_eq!((failure.stage, failure.cause), (self.stage, self.cause), "{name}: {failure:?}");
        let html = settings.html().await;
        for part in [failure.title(), failure.explanation(), self.turn, self.says] {
            assert!(html.contains(part), "{name}: “{part}” is not in {html}");
        }
        if let Some(page_of_aws) = failure.documentation() {
            assert!(html.contains(page_of_aws), "{name}");
        }
        let outcome = settings.newest_outcome().await;
        assert_eq!(outcome["result"], "failure", "{name}");
        let reason = outcome["reason"].as_str().unwrap();
        assert!(reason.starts_with(failure.title()), "{name}: {reason}");
        let said = failure.aws.as_ref().map_or("", |answer| answer.message.as_str());
        assert!(said.ends_with(self.said) && (self.said != BARE || said == BARE), "{name}: {said}");
        assert!(html.contains(self.said), "{name}: AWS’s words are not in {html}");
        if let Some(answer) = &failure.aws {
            assert!(reason.ends_with(&answer.message), "{name}: {reason}");
            assert!(html.contains(&answer.code), "{name}: {answer:?}");
            assert!(answer.request_id.as_ref().is_some_and(|id| html.contains(id)), "{name}: {answer:?}");
        }
        self.see_in_the_api(name, settings, check, failure).await;
    }

    async fn see_in_the_api(
        &self,
        name: &str,
        settings: &SettingsPage<'_>,
        check: &AccessCheck,
        failure: &Failure,
    ) {
        let document = Document::of(settings.product).await;
        let program = program::service_account(settings.product, &document, Role::Owner).await;
        let told = program.get(&format!("checks/{}", check.id)).await.json["failure"].clone();
        let turn = match self.turn {
            OWNERS_TURN => "owner",
            OPERATORS_TURN => "operator",
            _ => "nobody",
        };
        assert_eq!(told["stage"], json!(self.stage), "{name}");
        assert_eq!(told["cause"], json!(self.cause), "{name}");
        assert_eq!(told["turn"], turn, "{name}");
        let message = failure.aws.as_ref().map(|answer| answer.message.as_str());
        assert_eq!(told["aws"]["message"].as_str(), message, "{name}");
        let request_id = failure.aws.as_ref().and_then(|answer| answer.request_id.as_deref());
        assert_eq!(told["aws"]["request_id"].as_str(), request_id, "{name}");
        if turn == "owner" {
            assert!(
                told["fix"].to_string().contains(self.says),
                "{name}: “{}” is not in {told:#}",
                self.says
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_by_policy_is_told_as_what_it_is() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    for case in &BY_POLICY {
        let endpoint = (case.cause == Cause::EndpointPolicyDenies).then_some(ENDPOINT_POLICY);
        product.sandbox().put_endpoint_policy(endpoint).unwrap();
        let check = case.produce(&settings, &[]).await;
        case.see(&case.name(), &settings, &check).await;
    }
    product.sandbox().put_endpoint_policy(None).unwrap();
    for (owner, case) in &ACROSS_ACCOUNTS {
        let check = case.produce(&settings, &[("bucket_owner_account", owner)]).await;
        case.see(&case.name(), &settings, &check).await;
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_role_is_told_by_whose_policy_sts_names() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    let ours = world::users().swap_remove(0);
    let us = ours.arn.split(':').nth(4).unwrap().to_owned();
    let friend = OrganizationMember { account: us, ..world::members().swap_remove(0) };
    product.sandbox().put_member(friend).unwrap();
    for case in &AMONG_FRIENDS {
        let check = case.produce(&settings, &[]).await;
        case.see(&case.name(), &settings, &check).await;
    }
    // It is we who may not: that is not for the owner to mend. One role that we may not assume makes nobody else wait.
    product.sandbox().put_user(IamUser { policies: Vec::new(), ..ours.clone() }).unwrap();
    let refused =
        case(ROLE, Stage::AssumeRole, Cause::OwnPolicyRefuses, NOT_OURS_TO_ASSUME, "our fault, not yours");
    let check = refused.produce(&settings, &[]).await;
    Case { turn: OPERATORS_TURN, ..refused }.see("our own policy", &settings, &check).await;
    assert_eq!(product.anonymous().get("/readyz").await.status, 200);
    product.sandbox().put_user(ours).unwrap();
    let check = case(ROLE, Stage::Write, Cause::Unexpected, "", "").produce(&settings, &[]).await;
    assert_eq!(check.failure, None);
    product.stop().await;
}

/// Lets nothing be written to one bucket.
const ENDPOINT_POLICY: &str = r#"{ "Version": "2012-10-17", "Statement": [
    { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" },
    { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
      "Resource": "arn:aws:s3:::acme-audit-logs-object-lock/*" }
] }"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_by_fault_is_told_as_what_it_is() {
    let product = Product::start().await;
    let settings = SettingsPage::of(&product).await;
    for (kind, target, case) in &BY_FAULT {
        product.sandbox().switch_on(Fault::new(*kind, target.clone()));
        let check = case.produce(&settings, &[]).await;
        assert!(product.sandbox().switch_off(*kind, target));
        case.see(&format!("{kind} of {target}"), &settings, &check).await;
    }
    product.stop().await;
}

/// Where it is proved that a cause is told as what it is.
enum Proof {
    /// By a row above.
    Row,
    /// By a test of its own, in this file.
    Test(&'static str, &'static str),
}

fn proof(cause: Cause) -> Proof {
    use Proof::{Row, Test};
    const ANSWERS: &str = include_str!("answers.rs");
    const CODES: &str = include_str!("../../src/aws/codes_tests.rs");
    const DENIALS: &str = include_str!("failures.rs");
    const CONNECTIONS: &str = include_str!("connections.rs");
    const ENDPOINT: &str = include_str!("endpoint.rs");
    match cause {
        Cause::AssumeRoleDenied
        | Cause::RoleTooOpen
        | Cause::BucketMissing
        | Cause::WriteDenied
        | Cause::RoleDoesNotAllow
        | Cause::RoleDenies
        | Cause::BucketDoesNotAllow
        | Cause::BucketDenies
        | Cause::ServiceControlPolicyDenies
        | Cause::ResourceControlPolicyDenies
        | Cause::PermissionsBoundaryDenies
        | Cause::EndpointPolicyDenies
        | Cause::TrustDoesNotAllow
        | Cause::TrustDenies
        | Cause::KeyDeniedByRole
        | Cause::RoleDeniesKey
        | Cause::KeyDeniedByKeyPolicy
        | Cause::KeyPolicyDenies
        | Cause::KeyNotShared
        | Cause::KeyDisabled
        | Cause::KeyUnusable
        | Cause::KeyInAnotherRegion
        | Cause::ClockSkewed
        | Cause::CredentialsExpired
        | Cause::Throttled
        | Cause::AwsUnavailable
        | Cause::Timeout => Row,
        Cause::ManyDenied => Test(include_str!("denied.rs"), "many_denied_at_once_are_ours_for_checks_too"),
        Cause::OwnPolicyRefuses => Test(DENIALS, "a_denied_role_is_told_by_whose_policy_sts_names"),
        Cause::StsNotActivated | Cause::SessionPolicyRefused | Cause::RoleArnRefused => {
            Test(ANSWERS, "errors_of_assume_role_are_told_apart")
        }
        Cause::Conflict
        | Cause::AccountBlocked
        | Cause::KeyUnsuitable
        | Cause::KeyNotFound
        | Cause::KeyDenied => Test(ANSWERS, "errors_of_a_write_are_told_apart"),
        Cause::WrongRegion | Cause::Unexpected => {
            Test(CODES, "the_same_code_means_another_thing_at_another_stage")
        }
        Cause::SessionPolicyDenies => Test(ENDPOINT, "a_session_can_do_no_more_than_its_policy_says"),
        Cause::ChecksumDemanded => Test(ENDPOINT, "object_lock_takes_what_comes_with_a_checksum_alone"),
        Cause::OwnIdentityRefused => {
            Test(include_str!("checks.rs"), "our_own_broken_identity_is_our_fault_and_makes_us_unready")
        }
        Cause::NameNotResolved => Test(CONNECTIONS, "an_endpoint_without_an_address"),
        Cause::ConnectionRefused => Test(CONNECTIONS, "an_endpoint_that_takes_no_connection"),
        Cause::TlsFailed => Test(CONNECTIONS, "an_endpoint_that_does_not_speak_tls"),
        Cause::Unreachable => {
            Test(include_str!("../../src/aws/connection.rs"), "a_connection_that_breaks_tells_no_more")
        }
        Cause::RecordsUnreadable | Cause::StoreFailed => Test(
            include_str!("../../src/writer/deliverer.rs"),
            "what_can_not_be_read_is_told_from_a_store_that_fails",
        ),
        Cause::NoWriter => Test(
            include_str!("../store/checking.rs"),
            "a_check_without_a_writer_ends_as_ours_when_somebody_looks",
        ),
    }
}

#[test]
fn every_cause_of_the_catalogue_is_proved() {
    let rows = BY_POLICY.iter().chain(&AMONG_FRIENDS).chain(ACROSS_ACCOUNTS.iter().map(|(_, case)| case));
    let rows: Vec<Cause> =
        rows.chain(BY_FAULT.iter().map(|(.., case)| case)).map(|case| case.cause).collect();
    for cause in Cause::ALL {
        match proof(cause) {
            Proof::Row => assert!(rows.contains(&cause), "no row produces {cause:?}"),
            Proof::Test(file, name) => {
                let test = file.split(&format!("fn {name}(")).nth(1);
                let test = test.unwrap_or_else(|| panic!("the test {name} of {cause:?} is gone"));
                let test = test.split("\n}\n").next().unwrap_or(test);
                assert!(test.contains(&format!("Cause::{cause:?}")), "{name} says nothing of {cause:?}");
            }
        }
    }
}

/// Also those that no sandbox produces: what is said of them is on the page whoever found them out.
#[tokio::test(flavor = "multi_thread")]
async fn every_cause_of_the_catalogue_reads_on_the_page() {
    let console = Console::behind(&[]).await;
    let store = console.store();
    store.set_plan(Caller::trailpost(), console.acme.id, Plan::Enterprise).await.unwrap();
    let owner = HttpUser::sign_in(&console.origin(), console::EMAIL, console::PASSWORD).await;
    let page = format!("/organizations/{}/settings/audit-logs", console.acme.id);
    for cause in Cause::ALL {
        let fields = [("revision", "0"), ("role_arn", ROLE_ARN), ("bucket", BUCKET)];
        assert_eq!(owner.post_form(&page, &format!("{page}/enable"), &fields).await.status, 303);
        let claimed = store.claim_check().await.unwrap().unwrap();
        let aws = AwsAnswer {
            code: "TheCode".to_owned(),
            message: "The words of AWS".to_owned(),
            request_id: Some("THEREQUEST".to_owned()),
            status: 403,
            ..AwsAnswer::default()
        };
        let failure = Failure { stage: Stage::Write, cause, aws: Some(aws) };
        let verdict = CheckVerdict::Failed(failure.clone());
        store.finish_check(&claimed, Checklist::default(), verdict).await.unwrap().unwrap();
        let html = owner.get(&page).await.body;
        let turn = failure.turn().label(Trying::NoMore);
        for part in
            [failure.title(), failure.explanation(), turn, "TheCode", "The words of AWS", "THEREQUEST"]
        {
            assert!(html.contains(part), "{cause:?}: “{part}” is not in {html}");
        }
        assert!(failure.turn() != Turn::Owner || failure.documentation().is_some(), "{cause:?}");
        let sends_elsewhere =
            failure.turn() != Turn::Owner && (html.contains("Paste this") || html.contains("Run this"));
        assert!(!sends_elsewhere, "{cause:?} is not the owner’s to mend");
    }
    console.stop().await;
}
