//! What a caller may do, and how a refusal reads.

use std::io::Write;

use super::*;

#[tokio::test]
async fn policies_decide_and_the_denial_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let policy = document(
        &json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{BUCKET}/org-1/*")}),
    );
    let narrowed = trial.session(trial.assume(ROLE).external_id("ext-1").policy(policy)).await;
    put(&narrowed, BUCKET, "org-1/file", b"1").await.unwrap();
    let all = trial.session(trial.assume("arn:aws:iam::111122223333:role/all-buckets")).await;
    let other = trial.session(trial.assume("arn:aws:iam::111122223333:role/other-bucket")).await;
    let large = vec![b'x'; 5 * 1024 * 1024];
    let endings = [
        (
            put(&narrowed, BUCKET, "org-2/file", &large).await,
            "because no session policy allows the s3:PutObject action",
        ),
        (
            put(&other, BUCKET, "a", &large).await,
            "because no identity-based policy allows the s3:PutObject action",
        ),
        (put(&all, "deny-plain", "a", b"").await, "with an explicit deny in a resource-based policy"),
    ];
    for (result, ending) in endings {
        let (status, code, message) = refusal(result);
        assert_eq!((status, code.as_str()), (403, "AccessDenied"));
        assert!(message.starts_with("User: arn:aws:sts::111122223333:assumed-role/"), "{message}");
        assert!(
            message.contains(r#" is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::"#),
            "{message}"
        );
        assert!(message.ends_with(ending), "{message}");
    }
    let encrypted = || {
        all.put_object().bucket("deny-plain").key("a").server_side_encryption(ServerSideEncryption::AwsKms)
    };
    encrypted().send().await.unwrap();
    let key = KEY;
    let (_, _, message) = refusal(encrypted().ssekms_key_id(key).send().await);
    assert!(message.ends_with(&format!("kms:GenerateDataKey on resource: {key} because no identity-based policy allows the kms:GenerateDataKey action")), "{message}");

    let plain = (403, "AccessDenied".to_owned(), "Access Denied".to_owned());
    let foreign = all.put_object().bucket("somebody-elses").key("a").send().await;
    assert_eq!(refusal(foreign), plain, "across accounts S3 gives no reason");
    assert_eq!(
        refusal(all.put_object().bucket(BUCKET).key("a").expected_bucket_owner("444455556666").send().await),
        plain
    );
    let (_, _, message) = refusal(all.get_object().bucket(BUCKET).key("org-1/file").send().await);
    assert!(message.contains("s3:GetObject"), "{message}");
}

#[tokio::test]
async fn the_region_of_a_bucket_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let region = |response: &RawResponse| response.headers().get("x-amz-bucket-region").map(str::to_owned);
    let denied = trial.deliverer().await.head_bucket().bucket(BUCKET).send().await.unwrap_err();
    let raw = denied.raw_response().unwrap();
    assert_eq!((raw.status().as_u16(), region(raw)), (403, Some("eu-west-1".into())));
    let elsewhere = trial.customer().head_bucket().bucket("far-away").send().await.unwrap_err();
    let raw = elsewhere.raw_response().unwrap();
    assert_eq!((raw.status().as_u16(), region(raw)), (301, Some("us-west-2".into())));
    let missing = trial.customer().head_bucket().bucket("no-such-bucket").send().await.unwrap_err();
    assert_eq!(missing.raw_response().unwrap().status().as_u16(), 404);
    let head = trial.customer().head_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("eu-west-1"));

    let result = put(&trial.customer(), "far-away", "a", b"1").await;
    let raw = region(result.as_ref().unwrap_err().raw_response().unwrap());
    assert_eq!(raw.as_deref(), Some("us-west-2"));
    assert_eq!(refusal(result).1, "PermanentRedirect");
    let home = trial.s3_in("us-west-2", Credentials::from_keys("AKIATHEIRS", "secret-of-AKIATHEIRS", None));
    put(&home, "far-away", "a", b"1").await.unwrap();
    let location = home.get_bucket_location().bucket("far-away").send().await.unwrap();
    assert_eq!(location.location_constraint().map(|region| region.as_str()), Some("us-west-2"));
    assert_eq!(refusal(put(&home, "no-such-bucket", "a", b"").await).1, "NoSuchBucket");
}

#[tokio::test]
async fn an_unsigned_put_is_refused_in_words_even_while_still_sending() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    // As Python's clients do: send everything, only then read.
    for path in [format!("{BUCKET}/a"), "no-such-bucket/a".to_owned()] {
        let address = trial.sandbox.address();
        let exchange = move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let size = 20_000_000;
            let head = format!(
                "PUT /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&vec![0; size]).expect("the whole body is taken");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("<Code>AccessDenied</Code><Message>Access Denied</Message>"), "{answer}");
        let id = answer.split("x-amz-request-id: ").nth(1).unwrap().lines().next().unwrap();
        assert!(answer.contains(&format!("<RequestId>{id}</RequestId>")), "{answer}");
    }
    let client = reqwest::Client::new();
    let sts = client.post(trial.sandbox.endpoint_url()).form(&[("Action", "GetCallerIdentity")]).send().await;
    let text = sts.unwrap().text().await.unwrap();
    assert!(text.starts_with("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code>"), "{text}");
}

#[tokio::test]
async fn within_an_organization_the_policy_is_named_across_accounts_too() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let session = trial.session(trial.assume("arn:aws:iam::111122223333:role/all-buckets")).await;
    let to_another = || session.put_object().bucket("somebody-elses").key("a").send();
    let (status, _, message) = refusal(to_another().await);
    assert_eq!((status, message.as_str()), (403, "Access Denied"), "no organization");
    let member = |account: &str, organization: &str, denied: &str| OrganizationMember {
        account: account.to_owned(),
        organization: organization.to_owned(),
        service_control_policies: vec![
            document(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"})),
            document(&json!({"Effect": "Deny", "Action": denied, "Resource": "*"})),
        ],
        resource_control_policies: Vec::new(),
    };
    trial.sandbox.put_member(member("111122223333", "o-one", "s3:DeleteObject")).unwrap();
    trial.sandbox.put_member(member("444455556666", "o-other", "s3:*")).unwrap();
    assert_eq!(refusal(to_another().await).2, "Access Denied", "two organizations");
    // What is denied to the owner's own users binds nobody else.
    trial.sandbox.put_member(member("444455556666", "o-one", "s3:*")).unwrap();
    let (_, _, message) = refusal(to_another().await);
    assert!(
        message.ends_with("because no resource-based policy allows the s3:PutObject action"),
        "{message}"
    );
    trial.sandbox.put_member(member("111122223333", "o-one", "s3:PutObject")).unwrap();
    let (_, _, message) = refusal(put(&session, BUCKET, "a", b"").await);
    assert!(message.ends_with("with an explicit deny in a service control policy"), "{message}");
}
