//! Faults, as a client meets them.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleOutput};
use aws_smithy_runtime_api::client::result::SdkError as StsError;

use super::*;
use crate::domain::role_arn::RoleArn;

fn everything(kind: FaultKind) -> Fault {
    Fault::new(kind, FaultTarget::Everything)
}

fn target(text: &str) -> FaultTarget {
    text.parse().unwrap()
}

async fn assume(trial: &Trial) -> Result<AssumeRoleOutput, StsError<AssumeRoleError, RawResponse>> {
    trial.assume(ROLE).external_id("ext-1").send().await
}

fn keys(trial: &Trial) -> Vec<String> {
    trial.sandbox.list_objects(BUCKET).into_iter().map(|object| object.key).collect()
}

/// Waits for what the sandbox is about to notice.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("this did not happen within 30 s: {what}");
}

#[tokio::test]
async fn a_clock_that_is_slow_is_told_so_by_each_service() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let deliverer = trial.deliverer().await;
    trial.sandbox.switch_on(everything(FaultKind::TimeTooSkewed));
    let (status, code, message) = refusal(put(&deliverer, BUCKET, "a", b"").await);
    assert_eq!((status, code.as_str()), (403, "RequestTimeTooSkewed"));
    assert_eq!(message, "The difference between the request time and the current time is too large.");
    let (status, code, message) = refusal(assume(&trial).await);
    assert_eq!((status, code.as_str()), (403, "SignatureDoesNotMatch"));
    // Signature expired: 20260609T184512Z is now earlier than 20260609T185012Z (20260609T190512Z - 15 min.)
    let words: Vec<&str> = message.split([' ', '(']).filter(|word| word.ends_with('Z')).collect();
    let [signed, least, now] = words[..] else { panic!("{message}") };
    let at = |text: &str| jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).unwrap();
    let minutes = |from: &str, to: &str| at(to).duration_since(at(from)).as_mins();
    assert_eq!((minutes(signed, least), minutes(least, now)), (5, 15), "{message}");
    assert_eq!(message, format!("Signature expired: {signed} is now earlier than {least} ({now} - 15 min.)"));
    assert!(keys(&trial).is_empty());
}

#[tokio::test]
async fn refusals_are_those_of_each_service_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let deliverer = trial.deliverer().await;
    let user = "User: arn:aws:iam::999988887777:user/trailpost";
    let session = format!("User: {SESSION}");
    let expected = [
        (
            FaultKind::InternalError,
            (500, "InternalError", "We encountered an internal error. Please try again.".to_owned()),
            (
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure."
                    .to_owned(),
            ),
        ),
        (
            FaultKind::SlowDown,
            (503, "SlowDown", "Please reduce your request rate.".to_owned()),
            (400, "Throttling", "Rate exceeded".to_owned()),
        ),
        (
            FaultKind::ExpiredToken,
            (400, "ExpiredToken", "The provided token has expired.".to_owned()),
            (403, "ExpiredToken", "The security token included in the request is expired".to_owned()),
        ),
        (
            FaultKind::Denied,
            (
                403,
                "AccessDenied",
                format!(
                    "{session} is not authorized to perform: s3:PutObject on resource: \
                     \"arn:aws:s3:::{BUCKET}/a\" because no identity-based policy allows the s3:PutObject action"
                ),
            ),
            (
                403,
                "AccessDenied",
                format!("{user} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"),
            ),
        ),
    ];
    for (kind, of_s3, of_sts) in expected {
        trial.sandbox.switch_on(Fault { retry_after_seconds: 7, ..everything(kind) });
        let put = put(&deliverer, BUCKET, "a", b"1").await;
        let retry_after = put.as_ref().unwrap_err().raw_response().unwrap().headers().get("retry-after");
        assert_eq!(retry_after, (kind == FaultKind::SlowDown).then_some("7"), "{kind}");
        let (status, code, message) = refusal(put);
        assert_eq!((status, code.as_str(), message), of_s3, "{kind}");
        let error = assume(&trial).await.unwrap_err();
        let said = (error.code().unwrap(), error.message().unwrap().to_owned());
        assert_eq!((error.raw_response().unwrap().status().as_u16(), said.0, said.1), of_sts, "{kind}");
        assert!(trial.sandbox.switch_off(kind, &FaultTarget::Everything));
    }
    assert_eq!(keys(&trial), [""; 0]);
    put(&deliverer, BUCKET, "a", b"1").await.unwrap();
    assume(&trial).await.unwrap();
}

#[tokio::test]
async fn a_broken_connection_tells_nothing_of_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let deliverer = trial.deliverer().await;
    let large = vec![b'x'; 3_000_000];
    for kind in [FaultKind::Reset, FaultKind::ResetAfterWrite, FaultKind::TruncatedAnswer] {
        trial.sandbox.switch_on(everything(kind));
        for (size, body) in [("small", &large[..1]), ("large", &large)] {
            let key = format!("{kind}/{size}");
            let error = put(&deliverer, BUCKET, &key, body).await.unwrap_err();
            let cut_off = kind == FaultKind::TruncatedAnswer;
            assert_eq!(matches!(error, SdkError::ResponseError(_)), cut_off, "{key}: {error:?}");
            assert_eq!(matches!(error, SdkError::DispatchFailure(_)), !cut_off, "{key}: {error:?}");
        }
        assume(&trial).await.expect_err("an answer");
        trial.sandbox.switch_all_off();
    }
    let written = ["reset_after_write/large", "reset_after_write/small"];
    assert_eq!(keys(&trial), [&written[..], &["truncated_answer/large", "truncated_answer/small"]].concat());
    for key in keys(&trial) {
        assert_eq!(refusal(put(&deliverer, BUCKET, &key, b"again").await).0, 412);
    }
}

#[tokio::test]
async fn a_request_is_held_until_its_client_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let deliverer = trial.deliverer().await;
    for kind in [FaultKind::TimeoutBeforeWrite, FaultKind::TimeoutAfterWrite] {
        trial.sandbox.switch_on(everything(kind));
        for size in [1, 3_000_000] {
            let (client, key) = (deliverer.clone(), format!("{kind}/{size}"));
            let waiting = tokio::spawn(async move { put(&client, BUCKET, &key, &vec![b'x'; size]).await });
            until("it is held", || trial.sandbox.held_requests() == 1).await;
            waiting.abort();
            until("it ends with its client", || trial.sandbox.held_requests() == 0).await;
        }
        trial.sandbox.switch_all_off();
    }
    assert_eq!(keys(&trial), ["timeout_after_write/1", "timeout_after_write/3000000"]);
}

#[tokio::test]
async fn a_held_request_ends_with_the_sandbox_and_not_with_its_fault() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    trial.sandbox.switch_on(everything(FaultKind::TimeoutBeforeWrite));
    let request = trial.assume(ROLE).external_id("ext-1");
    let waiting = tokio::spawn(async move { request.send().await });
    until("it is held", || trial.sandbox.held_requests() == 1).await;
    trial.sandbox.switch_all_off();
    assume(&trial).await.expect("others are answered");
    assert_eq!(trial.sandbox.held_requests(), 1);
    trial.sandbox.stop().await;
    assert_eq!(trial.sandbox.held_requests(), 0);
    assert!(matches!(waiting.await.unwrap().unwrap_err(), StsError::DispatchFailure(_)));
}

#[tokio::test]
async fn a_target_is_hit_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let all = trial.session(trial.assume("arn:aws:iam::111122223333:role/all-buckets")).await;
    let other_role = || trial.assume("arn:aws:iam::111122223333:role/all-buckets").send();
    trial.sandbox.put_bucket(bucket("beside", "eu-west-1", "111122223333", None)).unwrap();
    // Which of: AssumeRole of the role, of another; PutObject into the bucket, into another.
    let hit = [
        ("everything", [true, true, true, true]),
        ("sts", [true, true, false, false]),
        ("s3", [false, false, true, true]),
        (BUCKET, [false, false, true, false]),
        (ROLE, [true, false, false, false]),
    ];
    for (text, expected) in hit {
        trial.sandbox.switch_on(Fault::new(FaultKind::InternalError, target(text)));
        let found = [
            assume(&trial).await.is_err(),
            other_role().await.is_err(),
            put(&all, BUCKET, text, b"1").await.is_err(),
            put(&all, "beside", text, b"1").await.is_err(),
        ];
        assert_eq!(found, expected, "{text}");
        assert!(trial.sandbox.switch_off(FaultKind::InternalError, &target(text)));
    }
    assert!(!trial.sandbox.switch_off(FaultKind::InternalError, &target("sts")), "it is off");
}

#[tokio::test]
async fn customers_look_into_their_buckets_whatever_is_on() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let customer = trial.customer();
    put(&customer, BUCKET, "a", b"1").await.unwrap();
    for kind in FaultKind::ALL {
        trial.sandbox.switch_on(everything(kind));
    }
    customer.head_bucket().bucket(BUCKET).send().await.unwrap();
    customer.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    customer.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(customer.list_objects_v2().bucket(BUCKET).send().await.unwrap().key_count(), Some(1));
    trial.sts("AKIAOURS", "secret-of-AKIAOURS").get_caller_identity().send().await.unwrap();
    customer.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(trial.sandbox.fault_hits(), 0);
}

#[tokio::test]
async fn a_fault_for_the_next_requests_ends_after_them() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let next = |count| Frequency::Next(NonZeroU32::new(count).unwrap());
    let two = Fault { frequency: next(2), ..Fault::new(FaultKind::Denied, FaultTarget::Sts) };
    let one = Fault { frequency: next(1), ..Fault::new(FaultKind::SlowDown, target(ROLE)) };
    trial.sandbox.switch_on(two.clone());
    trial.sandbox.switch_on(one.clone());
    assert_eq!(trial.sandbox.faults(), [two.clone(), one.clone()]);
    assert_eq!(refusal_of_sts(&trial).await, "AccessDenied");
    assert_eq!(trial.sandbox.faults(), [Fault { frequency: next(1), ..two }, one]);
    assert_eq!(refusal_of_sts(&trial).await, "AccessDenied");
    assert_eq!(refusal_of_sts(&trial).await, "Throttling");
    assert_eq!(trial.sandbox.faults(), []);
    assume(&trial).await.unwrap();
    assert_eq!(trial.sandbox.fault_hits(), 3);
}

async fn refusal_of_sts(trial: &Trial) -> String {
    assume(trial).await.unwrap_err().code().unwrap().to_owned()
}

#[tokio::test]
async fn chances_follow_the_seed() {
    let pattern = async || {
        let folder = tempfile::tempdir().unwrap();
        let trial = Trial::start(&folder).await;
        let half = Frequency::Sometimes(Percent::try_from(50).unwrap());
        trial
            .sandbox
            .switch_on(Fault { frequency: half, ..Fault::new(FaultKind::SlowDown, FaultTarget::Sts) });
        let mut hit = Vec::new();
        for _ in 0..32 {
            hit.push(assume(&trial).await.is_err());
        }
        hit
    };
    let first = pattern().await;
    assert!(first.contains(&true) && first.contains(&false), "{first:?}");
    assert_eq!(first, pattern().await);
}

#[tokio::test]
async fn a_policy_denies_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let deliverer = trial.deliverer().await;
    let closed = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/*")});
    trial.sandbox.put_bucket(bucket(BUCKET, "eu-west-1", "111122223333", Some(closed))).unwrap();
    let (_, _, message) = refusal(put(&deliverer, BUCKET, "a", b"1").await);
    assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");
    trial.sandbox.put_bucket(bucket(BUCKET, "eu-west-1", "111122223333", None)).unwrap();
    put(&deliverer, BUCKET, "a", b"1").await.unwrap();

    let audit = format!("arn:aws:s3:::{BUCKET}/*");
    trial.sandbox.put_role(role("logs/trailpost-audit-logs", OURS, Some("ext-2"), &audit)).unwrap();
    assert_eq!(refusal_of_sts(&trial).await, "AccessDenied");
    trial.sandbox.put_role(role("logs/trailpost-audit-logs", OURS, Some("ext-1"), &audit)).unwrap();
    assume(&trial).await.unwrap();
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in FaultKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    for text in ["everything", "sts", "s3", BUCKET, ROLE] {
        assert_eq!(target(text).to_string(), text);
    }
    assert_eq!(target(ROLE), FaultTarget::Role(RoleArn::parse(ROLE).unwrap()));
    for wrong in ["", "S3", "arn:aws:iam::111122223333:user/admin", "arn:aws:s3:::acme-audit-logs"] {
        let error = wrong.parse::<FaultTarget>().unwrap_err();
        assert!(error.to_string().contains("can't be a fault's target"), "{error}");
    }
    assert!("slow".parse::<FaultKind>().unwrap_err().to_string().contains("slow_down"));
    assert_eq!(Percent::try_from(101), Err(FaultError::Percent(101)));
}
