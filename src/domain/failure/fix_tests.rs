use super::*;
use crate::domain::access_check::Stage;
use crate::domain::clock::Entropy;
use crate::domain::failure::AwsAnswer;
use crate::domain::failure::key_fix::key_arn;
use crate::domain::integration::TypedSettings;
use crate::domain::window::WindowLength;

const ROLE: &str = "arn:aws:iam::111122223333:role/logs";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const KEY_OF_OTHERS: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn typed() -> TypedSettings {
    TypedSettings {
        role_arn: ROLE.to_owned(),
        bucket: "acme-logs/it's".to_owned(),
        ..TypedSettings::default()
    }
}

fn across_accounts() -> TypedSettings {
    TypedSettings { bucket_owner_account: "444455556666".to_owned(), ..typed() }
}

fn encrypted(encryption: &str, kms_key_arn: &str) -> TypedSettings {
    TypedSettings { encryption: encryption.to_owned(), kms_key_arn: kms_key_arn.to_owned(), ..typed() }
}

fn fix_of(cause: Cause, stage: Stage, typed: &TypedSettings, said: &str) -> Option<Fix> {
    let settings = typed.parse(WindowLength::default()).unwrap();
    let external_id = ExternalId::generate(&Entropy::seeded(1));
    let principal = "arn:aws:iam::999988887777:role/trailpost".parse().unwrap();
    let context =
        FixContext { settings: &settings, external_id: &external_id, principal_arn: Some(&principal) };
    let region = Some("us-east-1".to_owned());
    let answer = AwsAnswer { message: said.to_owned(), region, ..AwsAnswer::default() };
    fix(&Failure { stage, cause, aws: Some(answer) }, &context)
}

fn of_a_write(cause: Cause, typed: &TypedSettings, said: &str) -> Fix {
    fix_of(cause, Stage::Write, typed, said).unwrap_or_else(|| panic!("{cause:?} has no fix"))
}

fn text(fix: &Fix) -> &str {
    &fix.block.as_ref().unwrap_or_else(|| panic!("nothing to paste in {fix:?}")).text
}

fn statement(fix: &Fix) -> Value {
    serde_json::from_str(text(fix)).unwrap()
}

fn not_authorized(action: &str, resource: &str, reason: &str) -> String {
    format!(
        "User: arn:aws:sts::111122223333:assumed-role/logs/s is not authorized to perform: {action} on resource: \
         {resource} {reason}"
    )
}

fn use_refused(reason: &str) -> String {
    not_authorized("kms:GenerateDataKey", KEY, reason)
}

#[test]
fn a_key_is_read_out_of_the_words_of_aws() {
    for said in [
        format!("{KEY} is disabled. (Service: Kms; Status Code: 400)"),
        format!("not authorized to perform: kms:GenerateDataKey on resource: {KEY} because no"),
        format!("on resource: \"{KEY}\"; rm -rf /"),
    ] {
        assert_eq!(key_arn(&said).unwrap().as_str(), KEY, "{said}");
    }
    assert_eq!(key_arn("Access Denied"), None);
    assert_eq!(key_arn("arn:aws:kms:us-east-1:111122223333:key/x;id is disabled."), None);
}

#[test]
fn a_deny_is_looked_for_and_not_answered_with_an_allow() {
    let denied = "with an explicit deny in ";
    for (cause, said, looked_for) in [
        (Cause::RoleDenies, not_authorized("s3:PutObject", "x", denied), "simulate-principal-policy"),
        (Cause::RoleDeniesKey, use_refused(denied), "--action-names=kms:GenerateDataKey"),
        (Cause::KeyPolicyDenies, use_refused(denied), "aws kms get-key-policy --policy-name default"),
        (Cause::BucketDenies, not_authorized("s3:PutObject", "x", denied), "aws s3api get-bucket-policy"),
    ] {
        let fix = of_a_write(cause, &typed(), &said);
        assert!(fix.intro.contains("for a Deny that covers"), "{cause:?}: {fix:?}");
        assert!(text(&fix).contains(looked_for) && !text(&fix).contains("Allow"), "{cause:?}: {fix:?}");
    }
    let of_the_trust = fix_of(Cause::TrustDenies, Stage::AssumeRole, &typed(), "").unwrap();
    assert!(of_the_trust.intro.contains("a Deny that covers arn:aws:iam::999988887777:role/trailpost"));
    assert!(text(&of_the_trust).contains("AssumeRolePolicyDocument"), "{of_the_trust:?}");
}

#[test]
fn what_the_administrators_refuse_is_mended_by_what_was_refused() {
    let denied = "with an explicit deny in a service control policy";
    for cause in [Cause::ServiceControlPolicyDenies, Cause::PermissionsBoundaryDenies] {
        let of_the_key = statement(&of_a_write(cause, &typed(), &use_refused(denied)));
        assert_eq!(
            (&of_the_key["Action"], &of_the_key["Resource"]),
            (&"kms:GenerateDataKey".into(), &KEY.into())
        );
        let said = not_authorized("s3:PutObject", "x", denied);
        let of_the_write = statement(&of_a_write(cause, &typed(), &said));
        assert_eq!(of_the_write["Statement"][0]["Action"], "s3:PutObject", "{cause:?}");
    }
    let of_the_key = of_a_write(Cause::ResourceControlPolicyDenies, &typed(), &use_refused(denied));
    assert!(of_the_key.intro.contains(&format!("kms:GenerateDataKey on {KEY}")), "{of_the_key:?}");
    assert_eq!(statement(&of_the_key)["Principal"]["AWS"], ROLE);
    let trust = fix_of(Cause::ResourceControlPolicyDenies, Stage::AssumeRole, &typed(), "").unwrap();
    assert!(trust.intro.contains(&format!("sts:AssumeRole on {ROLE}")), "{trust:?}");
    let by_code = AwsAnswer { code: "KMS.AccessDeniedException".to_owned(), ..AwsAnswer::default() };
    let failure = Failure { stage: Stage::Write, cause: Cause::KeyDenied, aws: Some(by_code) };
    assert_eq!(failure.refused(), Refused::Key);
}

#[test]
fn between_accounts_the_buckets_own_policy_is_what_is_pasted() {
    let plain = of_a_write(Cause::WriteDenied, &typed(), "Access Denied");
    assert_eq!(statement(&plain)["Statement"][0]["Principal"], Value::Null, "the role’s own");
    let across = of_a_write(Cause::WriteDenied, &across_accounts(), "Access Denied");
    assert_eq!(statement(&across)["Principal"]["AWS"], ROLE);
    let intro = &across.block.as_ref().unwrap().intro;
    assert!(intro.contains("policy of the bucket acme-logs, in the account 444455556666:"), "{intro}");
}

#[test]
fn the_list_and_the_statement_each_have_their_own_words() {
    for (cause, stage) in [(Cause::AssumeRoleDenied, Stage::AssumeRole), (Cause::WriteDenied, Stage::Write)] {
        let fix = fix_of(cause, stage, &typed(), "").unwrap();
        assert_eq!(fix.intro, "Compare, the likeliest first:");
        let block = fix.block.unwrap();
        assert!(block.intro.ends_with(':') && block.intro.contains("policy"), "{block:?}");
        assert_eq!(block.title, "Paste this");
    }
    let alone = fix_of(Cause::RoleTooOpen, Stage::ExternalIdRequired, &typed(), "").unwrap();
    assert!(alone.intro.starts_with("Set this as the trust policy") && alone.checklist.is_empty());
    assert!(alone.block.unwrap().intro.is_empty(), "it has been said");
}

#[test]
fn a_key_of_another_account_is_mended_at_the_key() {
    let typed = encrypted("kms", KEY_OF_OTHERS);
    let said = "is not authorized to perform: kms:GenerateDataKey on this resource because the resource does not exist";
    let fix = of_a_write(Cause::KeyNotShared, &typed, said);
    assert_eq!(statement(&fix)["Principal"]["AWS"], ROLE);
    let via = &statement(&fix)["Condition"]["StringLike"]["kms:ViaService"];
    assert_eq!(via, "s3.eu-west-1.*");
    assert!(fix.block.unwrap().intro.contains(KEY_OF_OTHERS));
}

#[test]
fn a_key_is_allowed_no_more_by_a_fix_than_by_the_set_up() {
    let fix = of_a_write(Cause::KeyDeniedByRole, &typed(), &use_refused("because no identity-based policy"));
    assert_eq!(statement(&fix), policy::use_of_key(&KEY.parse().unwrap()));
    for cause in [Cause::KeyDenied, Cause::KeyDeniedByKeyPolicy, Cause::KeyNotShared] {
        let condition = &statement(&of_a_write(cause, &typed(), &use_refused("")))["Condition"];
        assert_eq!(condition["StringLike"]["kms:ViaService"], "s3.us-east-1.*", "{cause:?}");
    }
}

#[test]
fn a_key_in_another_region_is_told_with_both() {
    let fix =
        of_a_write(Cause::KeyInAnotherRegion, &encrypted("kms", KEY_OF_OTHERS), "Invalid arn eu-west-1");
    assert!(fix.intro.contains("The key is in eu-west-1, and the bucket acme-logs in us-east-1."), "{fix:?}");
    assert_eq!(text(&fix), "aws kms list-aliases --region us-east-1");
}

#[test]
fn a_bucket_that_demands_an_encryption_is_answered_with_another_choice() {
    for (typed, choice) in [
        (typed(), "choose SSE-S3 or KMS key under Encryption"),
        (encrypted("sse_s3", ""), "choose KMS key under Encryption"),
        (encrypted("kms", KEY), "but SSE-S3: choose that under Encryption"),
    ] {
        let fix = of_a_write(Cause::BucketDenies, &typed, "");
        assert!(fix.checklist[0].contains(choice), "{fix:?}");
    }
}

#[test]
fn whatever_is_the_owners_turn_is_said_with_something_to_do() {
    for cause in Cause::ALL {
        let failure = Failure { stage: Stage::Write, cause, aws: None };
        let fix = fix_of(cause, Stage::Write, &typed(), "");
        assert_eq!(fix.is_some(), failure.turn() == crate::domain::failure::Turn::Owner, "{cause:?}");
        let Some(fix) = fix else { continue };
        let in_the_console_alone = [Cause::StsNotActivated, Cause::AccountBlocked];
        assert_eq!(fix.block.is_none(), in_the_console_alone.contains(&cause), "{cause:?}");
        assert!(!fix.intro.is_empty());
    }
    let of_sts = fix_of(Cause::StsNotActivated, Stage::AssumeRole, &typed(), "").unwrap();
    assert!(of_sts.intro.contains("111122223333") && of_sts.intro.contains("us-east-1"), "{of_sts:?}");
}

#[test]
fn commands_hold_what_was_typed_as_single_words() {
    let fix = of_a_write(Cause::RoleDenies, &typed(), "");
    assert!(text(&fix).contains(r"--resource-arns='arn:aws:s3:::acme-logs/it'\''s/*'"), "{fix:?}");
}
