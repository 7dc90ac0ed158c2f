//! Everything that an access check can find, over the whole product: it comes out at the right stage, as whose turn,
//! with its cause and what mends it, in the database, on the page and in the record.

use std::time::Duration;

use serde_json::Value;
use trailpost::demo::world;
use trailpost::domain::access_check::{CheckState, Stage, TRIED_FOR};
use trailpost::domain::caller::Caller;
use trailpost::domain::failure::Cause;
use trailpost::domain::organization::Plan;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget, IamRole, IamUser};
use trailpost::store::{AccessCheck, BatchState};

use super::second_organization;
use crate::support::console::{self, Console};
use crate::support::http_user::{Answer, HttpUser, enable};
use crate::support::product::Product;
use crate::support::{BUCKET, EVERYTHING, ROLE_ARN, eventually};

const OWNER: &str = "owner@acme.example";
const OWNERS_TURN: &str = "Your turn.";
const OPERATORS_TURN: &str = "Our turn: the operator of this service has to act.";
const NOBODYS_TURN: &str = "Nothing to mend: try again in a moment.";
const TRUST_POLICY: &str = "TrailpostAssumesThisRole";
const PERMISSIONS: &str = "TrailpostWritesAuditLogs";

/// What is set up, and what has to come of it.
struct Case {
    role: &'static str,
    bucket: &'static str,
    stage: Stage,
    cause: Cause,
    turn: &'static str,
    /// What the page says besides, such as a part of the fix.
    says: &'static str,
}

const fn case(role: &'static str, stage: Stage, cause: Cause, says: &'static str) -> Case {
    Case { role, bucket: BUCKET, stage, cause, turn: OWNERS_TURN, says }
}

const fn bucket_case(bucket: &'static str, stage: Stage, cause: Cause, says: &'static str) -> Case {
    Case { bucket, ..case("trailpost-audit-logs", stage, cause, says) }
}

/// What policies say.
const BY_POLICY: [Case; 11] = [
    case("no-such-role", Stage::AssumeRole, Cause::AssumeRoleDenied, TRUST_POLICY),
    case("trailpost-no-trust", Stage::AssumeRole, Cause::AssumeRoleDenied, world::OUR_PRINCIPAL),
    case(
        "trailpost-wrong-external-id",
        Stage::AssumeRole,
        Cause::AssumeRoleDenied,
        "exactly the external ID",
    ),
    case("trailpost-no-external-id", Stage::ExternalIdRequired, Cause::RoleTooOpen, TRUST_POLICY),
    case("trailpost-no-permission", Stage::Write, Cause::RoleDoesNotAllow, PERMISSIONS),
    case("trailpost-denying-policy", Stage::Write, Cause::RoleDenies, "for a Deny that covers s3:PutObject"),
    bucket_case("no-such-bucket", Stage::Bucket, Cause::BucketMissing, "aws s3 mb s3://no-such-bucket"),
    bucket_case("acme-audit-logs-denied", Stage::Write, Cause::BucketDenies, "for a Deny that covers this"),
    bucket_case(
        "acme-audit-logs-demands-encryption",
        Stage::Write,
        Cause::BucketDenies,
        "unless the request names an encryption",
    ),
    bucket_case(
        "acme-audit-logs-wrong-owner",
        Stage::Write,
        Cause::WriteDenied,
        "belongs to account 111122223333",
    ),
    bucket_case(
        "acme-audit-logs-no-bucket-policy",
        Stage::Write,
        Cause::WriteDenied,
        "its policy allows arn:aws:iam",
    ),
];

/// What no policy says.
const BY_FAULT: [(FaultKind, FaultTarget, Stage, Cause); 5] = [
    (FaultKind::InternalError, FaultTarget::Sts, Stage::AssumeRole, Cause::AwsUnavailable),
    (FaultKind::SlowDown, FaultTarget::Sts, Stage::AssumeRole, Cause::Throttled),
    (FaultKind::InternalError, FaultTarget::S3, Stage::Write, Cause::AwsUnavailable),
    (FaultKind::SlowDown, FaultTarget::S3, Stage::Write, Cause::Throttled),
    (FaultKind::TruncatedAnswer, FaultTarget::S3, Stage::Write, Cause::Timeout),
];

/// The page of Acme's owner.
struct Settings<'p> {
    product: &'p Product,
    owner: HttpUser,
    organization: String,
    page: String,
}

impl Settings<'_> {
    async fn of(product: &Product) -> Settings<'_> {
        let (owner, organization) = (product.user(OWNER).await, product.account(OWNER).organization_id);
        let page = format!("/organizations/{organization}/settings/audit-logs");
        Settings { product, owner, organization, page }
    }

    async fn submit(&self, button: &str, revision: &str, role_arn: &str, bucket: &str) -> Answer {
        let fields = [("revision", revision), ("role_arn", role_arn), ("bucket", bucket)];
        self.owner.post_form(&self.page, &format!("{}/{button}", self.page), &fields).await
    }

    /// Enables with these, and waits for the end. What may pass is given its minute.
    async fn check(&self, role: &str, bucket: &str) -> AccessCheck {
        let role_arn = format!("arn:aws:iam::{}:role/{role}", world::CUSTOMER_ACCOUNT);
        assert_eq!(self.submit("enable", "0", &role_arn, bucket).await.status, 303);
        self.end_of_the_check().await
    }

    async fn end_of_the_check(&self) -> AccessCheck {
        eventually("the check ends", async || {
            let check = self.newest().await;
            if check.checklist.trying().is_some() && check.state.is_open() {
                self.product.advance(TRIED_FOR);
            }
            (!check.state.is_open()).then_some(check)
        })
        .await
    }

    async fn newest(&self) -> AccessCheck {
        let id = self.organization.parse().unwrap();
        self.product.store().integration(id).await.unwrap().unwrap().check.unwrap()
    }

    async fn newest_outcome(&self) -> Value {
        let id = self.organization.parse().unwrap();
        let first = trailpost::domain::sequence::Sequence::new(1).unwrap();
        let last = trailpost::domain::sequence::Sequence::new(1_000_000).unwrap();
        let lines = self.product.store().lines(id, first, last, EVERYTHING).await.unwrap();
        let line: Value = serde_json::from_str(lines.last().unwrap().line.as_str()).unwrap();
        line["event"]["outcome"].clone()
    }

    async fn see(&self, name: &str, check: &AccessCheck, case: &Case) {
        let failure = check.failure.as_ref().unwrap_or_else(|| panic!("{name} passed"));
        assert_eq!((failure.stage, failure.cause), (case.stage, case.cause), "{name}: {failure:?}");
        let html = self.owner.get(&self.page).await.body;
        for part in [failure.title(), failure.explanation(), case.turn, case.says] {
            assert!(html.contains(part), "{name}: “{part}” is not in {html}");
        }
        if let Some(page_of_aws) = failure.documentation() {
            assert!(html.contains(page_of_aws), "{name}");
        }
        let outcome = self.newest_outcome().await;
        assert_eq!(outcome["result"], "failure", "{name}");
        let reason = outcome["reason"].as_str().unwrap();
        assert!(reason.starts_with(failure.title()), "{name}: {reason}");
        if let Some(answer) = &failure.aws {
            assert!(reason.ends_with(&answer.message), "{name}: {reason}");
            assert!(answer.request_id.as_ref().is_some_and(|id| html.contains(id)), "{name}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_told_as_what_it_is() {
    let product = Product::start().await;
    let settings = Settings::of(&product).await;
    for case in BY_POLICY {
        let name = format!("{} with {}", case.role, case.bucket);
        let check = settings.check(case.role, case.bucket).await;
        settings.see(&name, &check, &case).await;
    }
    for (kind, target, stage, cause) in BY_FAULT {
        product.sandbox().switch_on(Fault::new(kind, target.clone()));
        let check = settings.check("trailpost-audit-logs", BUCKET).await;
        assert!(product.sandbox().switch_off(kind, &target));
        let case = Case { turn: NOBODYS_TURN, ..case("trailpost-audit-logs", stage, cause, "Access check") };
        settings.see(&format!("{kind} of {target}"), &check, &case).await;
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_mended_within_the_minute_passes() {
    let product = Product::start().await;
    let settings = Settings::of(&product).await;
    let role_arn = format!("arn:aws:iam::{}:role/slow-role", world::CUSTOMER_ACCOUNT);
    assert_eq!(settings.submit("enable", "0", &role_arn, BUCKET).await.status, 303);
    let html = eventually("the first denial shows", async || {
        let html = settings.owner.get(&settings.page).await.body;
        html.contains("still trying for 60 s, new roles can be slow").then_some(html)
    })
    .await;
    for part in [OWNERS_TURN, TRUST_POLICY, "Cancel", "Refresh"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let organization = product.store().integration(settings.organization.parse().unwrap()).await.unwrap();
    let mut role = world::roles(&organization.unwrap().organization.external_id).swap_remove(0);
    role.arn = role_arn;
    product.sandbox().put_role(role).unwrap();
    assert_eq!(settings.end_of_the_check().await.state, CheckState::Passed);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_broken_identity_is_our_fault_and_makes_us_unready() {
    let product = Product::start().await;
    let settings = Settings::of(&product).await;
    let anybody = product.anonymous();
    assert_eq!(anybody.get("/readyz").await.status, 200);
    let ours = || world::users().swap_remove(0);
    product.sandbox().put_user(IamUser { secret_access_key: "another".to_owned(), ..ours() }).unwrap();
    let check = settings.check("trailpost-audit-logs", BUCKET).await;
    let case =
        case("trailpost-audit-logs", Stage::AssumeRole, Cause::OwnIdentityRefused, "our fault, not yours");
    settings.see("a wrong secret", &check, &Case { turn: OPERATORS_TURN, ..case }).await;
    let unready = anybody.get("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.body.contains("AWS has refused our own identity"), "{}", unready.body);
    assert_eq!(anybody.get("/livez").await.status, 200);

    product.sandbox().put_user(ours()).unwrap();
    assert_eq!(settings.check("trailpost-audit-logs", BUCKET).await.state, CheckState::Passed);
    assert_eq!(anybody.get("/readyz").await.status, 200);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_without_a_writer_says_that_nobody_ran_the_check() {
    let console = Console::behind(&[]).await;
    let store = console.store();
    store.set_plan(Caller::trailpost(), console.acme.id, Plan::Enterprise).await.unwrap();
    let owner = HttpUser::sign_in(&console.origin(), console::EMAIL, console::PASSWORD).await;
    let page = format!("/organizations/{}/settings/audit-logs", console.acme.id);
    let fields = [("revision", "0"), ("role_arn", ROLE_ARN), ("bucket", BUCKET)];
    assert_eq!(owner.post_form(&page, &format!("{page}/enable"), &fields).await.status, 303);
    let html = owner.get(&page).await.body;
    assert!(html.contains("Cancel") && !html.contains("Enable audit logging"), "{html}");
    console.age_checks(Duration::from_secs(121)).await;
    let html = owner.get(&page).await.body;
    for part in ["Trailpost did not run the access check", OPERATORS_TURN, "Enable audit logging", ROLE_ARN] {
        assert!(html.contains(part), "{part} in {html}");
    }
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_becomes_too_open_is_found_within_a_day_and_mended() {
    let product = Product::start().await;
    let settings = Settings::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let right = {
        let id = settings.organization.parse().unwrap();
        let found = product.store().integration(id).await.unwrap().unwrap();
        world::roles(&found.organization.external_id).swap_remove(0)
    };
    let open = world::roles(&"trailpost-00000000000000000000000000000000".parse().unwrap())
        .into_iter()
        .find(|role| role.arn.ends_with("/trailpost-no-external-id"))
        .unwrap();
    let trust_policy = open.trust_policy;
    product.sandbox().put_role(IamRole { trust_policy, ..right.clone() }).unwrap();
    product.advance(Duration::from_secs(2 * 24 * 3600));
    let html = eventually("the banner is there", async || {
        // Its minute begins when the writer comes to it.
        product.advance(TRIED_FOR);
        let html = settings.owner.get(&settings.page).await.body;
        html.contains("Deliveries go on.").then_some(html)
    })
    .await;
    assert!(html.contains("aria-checked=\"true\"") && html.contains(TRUST_POLICY), "{html}");
    assert_eq!(settings.newest_outcome().await["result"], "failure");

    product.sandbox().put_role(right).unwrap();
    let revision = settings.newest().await.revision.get().to_string();
    let check = format!("{}/check", settings.page);
    assert_eq!(
        settings.owner.post_form(&settings.page, &check, &[("revision", &revision)]).await.status,
        303
    );
    assert_eq!(settings.end_of_the_check().await.state, CheckState::Passed);
    assert!(!settings.owner.get(&settings.page).await.body.contains("Deliveries go on."));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_never_writes_with_the_credentials_of_another() {
    let product = Product::start().await;
    let settings = Settings::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    let beta = second_organization(&product).await;
    let page = format!("/organizations/{}/settings/audit-logs", beta.id);
    let revision = product.store().integration(beta.id).await.unwrap().unwrap().revision.get().to_string();
    let of_beta = Settings {
        product: &product,
        owner: product.user("owner@initech.example").await,
        organization: beta.id.to_string(),
        page,
    };
    // Acme's credentials of this very role are there, and good.
    assert_eq!(of_beta.submit("update", &revision, ROLE_ARN, BUCKET).await.status, 303);
    let check = of_beta.end_of_the_check().await;
    assert_eq!(check.failure.map(|failure| failure.cause), Some(Cause::AssumeRoleDenied));

    // Of Acme's own, those of the old prefix would not do for the new one.
    let moved = settings.submit("update", "1", ROLE_ARN, &format!("{BUCKET}/moved")).await;
    assert_eq!(moved.status, 303);
    assert_eq!(settings.end_of_the_check().await.state, CheckState::Passed);
    assert!(product.customer().list(BUCKET).await.contains(&"moved/audit-log-access-test".to_owned()));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_were_ended_early_are_renewed_within_the_try() {
    let product = Product::start().await;
    let settings = Settings::of(&product).await;
    enable(&settings.owner, &settings.organization).await;
    product.sandbox().forget_sessions();
    product.advance(TRIED_FOR);
    crate::support::bucket::delivered_records(&product.customer(), &settings.organization, 1).await;
    let id = settings.organization.parse().unwrap();
    let attempts = eventually("the delivery is booked", async || {
        let newest = product.store().deliveries(id, 1).await.unwrap().into_iter().next()?;
        (newest.state == BatchState::Delivered).then_some(newest.attempts.len())
    })
    .await;
    assert_eq!(attempts, 1, "one try");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_kept_or_shown() {
    let folder = tempfile::tempdir().unwrap();
    let product = Product::start_in(folder.path()).await;
    let settings = Settings::of(&product).await;
    settings.check("trailpost-no-permission", BUCKET).await;
    let failed = settings.owner.get(&settings.page).await.body;
    settings.check("trailpost-audit-logs", BUCKET).await;
    let passed = settings.owner.get(&settings.page).await.body;
    product.stop().await;
    let mut kept = vec![("a page", failed.into_bytes()), ("a page", passed.into_bytes())];
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            kept.push(("the data folder", std::fs::read(path).unwrap()));
        }
    }
    assert!(kept.len() > 2 && kept.iter().any(|(_, bytes)| holds(bytes, "audit-log-integration")));
    for (place, bytes) in &kept {
        for secret in [SESSION_TOKEN, world::OUR_SECRET_ACCESS_KEY, world::CUSTOMER_SECRET_ACCESS_KEY] {
            assert!(!holds(bytes, secret), "{secret} in {place}");
        }
    }
}

/// How every session token of the sandbox begins.
const SESSION_TOKEN: &str = "dHJhaWxwb3N0LXNhbmRib3";

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
