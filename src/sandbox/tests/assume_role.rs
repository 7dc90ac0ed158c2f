//! Who becomes whom: AssumeRole, keys, signatures, session expiry.

use super::*;

#[tokio::test]
async fn assume_role_is_denied_in_one_way_only() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let other = "arn:aws:iam::111122223333:role/trusts-another";
    let missing = "arn:aws:iam::111122223333:role/missing";
    let requests = [
        (ROLE, trial.assume(ROLE)),
        (ROLE, trial.assume(ROLE).external_id("ext-2")),
        (other, trial.assume(other).external_id("ext-1")),
        (missing, trial.assume(missing).external_id("ext-1")),
    ];
    for (role, request) in requests {
        let message =
            format!("User: {OURS} is not authorized to perform: sts:AssumeRole on resource: {role}");
        assert_eq!(refusal(request.send().await), (403, "AccessDenied".into(), message));
    }
    let cases = [
        (trial.assume("arn:aws:iam::1:role/x"), "ValidationError", "is invalid"),
        (trial.assume("arn:aws-cn:iam::111122223333:role/x"), "ValidationError", "Request ARN is invalid"),
        (trial.assume(ROLE).duration_seconds(60), "ValidationError", "'60' at 'durationSeconds'"),
        (trial.assume(ROLE).role_session_name("a b"), "ValidationError", r"[\w+=,.@-]*"),
        (
            trial.assume(ROLE).external_id("ext-1").duration_seconds(7200),
            "ValidationError",
            "MaxSessionDuration",
        ),
        (trial.assume(ROLE).external_id("ext-1").policy("{"), "MalformedPolicyDocument", "JSON"),
    ];
    for (request, code, hint) in cases {
        let (status, answered, message) = refusal(request.send().await);
        assert_eq!((status, answered.as_str()), (400, code));
        assert!(message.contains(hint), "{message}");
    }
}

#[tokio::test]
async fn whose_policy_denied_it_is_told_of_ones_own_and_among_friends() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let said = async |request: AssumeRoleFluentBuilder| refusal(request.send().await).2;
    let of_the_role = "because no role trust policy allows the sts:AssumeRole action";
    assert!(!said(trial.assume(ROLE)).await.contains("because"), "a stranger's trust policy");
    let member = |account: &str, policy: Value| OrganizationMember {
        account: account.to_owned(),
        organization: "o-one".to_owned(),
        service_control_policies: vec![document(&policy)],
        resource_control_policies: Vec::new(),
    };
    let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    trial.sandbox.put_member(member("111122223333", all.clone())).unwrap();
    trial.sandbox.put_member(member("999988887777", all)).unwrap();
    assert!(said(trial.assume(ROLE)).await.ends_with(of_the_role));
    let deny = json!({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"});
    trial.sandbox.put_member(member("999988887777", deny)).unwrap();
    let of_ours = "with an explicit deny in a service control policy";
    assert!(said(trial.assume(ROLE).external_id("ext-1")).await.ends_with(of_ours));
}

#[tokio::test]
async fn bad_keys_and_signatures_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let who = trial.sts("AKIAOURS", "secret-of-AKIAOURS").get_caller_identity().send().await.unwrap();
    assert_eq!((who.arn(), who.account()), (Some(OURS), Some("999988887777")));
    let code = |(status, code, _): (u16, String, String)| (status, code);
    let wrong = trial.sts("AKIAOURS", "wrong").get_caller_identity().send().await;
    assert_eq!(code(refusal(wrong)), (403, "SignatureDoesNotMatch".into()));
    let unknown = trial.sts("AKIANOBODY", "x").get_caller_identity().send().await;
    assert_eq!(code(refusal(unknown)), (403, "InvalidClientTokenId".into()));

    let list = |key, secret| {
        let client = trial.s3(Credentials::from_keys(key, secret, None));
        async move { client.list_objects_v2().bucket(BUCKET).send().await }
    };
    let (status, name, message) = refusal(list("AKIATHEIRS", "wrong").await);
    assert_eq!((status, name.as_str()), (403, "SignatureDoesNotMatch"));
    assert!(message.starts_with("The request signature we calculated does not match"), "{message}");
    assert_eq!(code(refusal(list("AKIANOBODY", "x").await)), (403, "InvalidAccessKeyId".into()));
}

#[tokio::test]
async fn a_session_ends_by_the_clock_and_needs_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let given = trial.assume(ROLE).external_id("ext-1").send().await.unwrap().credentials.unwrap();
    let client = |token: Option<&str>| {
        trial.s3(Credentials::from_keys(
            given.access_key_id(),
            given.secret_access_key(),
            token.map(str::to_owned),
        ))
    };
    let (status, code, _) = refusal(put(&client(None), BUCKET, "a", b"").await);
    assert_eq!((status, code.as_str()), (403, "InvalidAccessKeyId"));
    let (status, code, _) = refusal(put(&client(Some("another")), BUCKET, "a", b"").await);
    assert_eq!((status, code.as_str()), (400, "InvalidToken"));
    let good = client(Some(given.session_token()));
    trial.clock.fetch_add(3_599_999, Ordering::Relaxed);
    put(&good, BUCKET, "a", b"").await.unwrap();
    trial.clock.fetch_add(1, Ordering::Relaxed);
    let expired = (400, "ExpiredToken".to_owned(), "The provided token has expired.".to_owned());
    assert_eq!(refusal(put(&good, BUCKET, "b", b"").await), expired);
}
