//! How objects are encrypted, and KMS keys.

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;

use super::*;

const ELSEWHERE: &str = "arn:aws:kms:us-west-2:111122223333:key/elsewhere";
const NOWHERE: &str = "arn:aws:kms:eu-west-1:111122223333:key/nowhere";
const FOREIGN: &str = "arn:aws:kms:eu-west-1:444455556666:key/foreign";
const WITH_KEYS: &str = "arn:aws:iam::111122223333:role/with-keys";

/// A role that may use any key, as far as its own policies go.
fn put_role_with_keys(trial: &Trial) {
    let mut with_keys = role("with-keys", OURS, None, "*");
    let use_keys = json!({"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*"});
    with_keys.permission_policies.push(document(&use_keys));
    trial.sandbox.put_role(with_keys).unwrap();
}

fn with_kms(client: &aws_sdk_s3::Client, bucket: &str, key: &str) -> PutObjectFluentBuilder {
    let put =
        client.put_object().bucket(bucket).key("a").server_side_encryption(ServerSideEncryption::AwsKms);
    put.ssekms_key_id(key)
}

fn key_in_state(state: KmsKeyState) -> KmsKey {
    KmsKey { state, ..KmsKey::new(KEY) }
}

#[tokio::test]
async fn an_object_is_encrypted_as_its_put_says_else_as_its_bucket_does() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let customer = trial.customer();
    let by_default = |encryption| {
        let plain = bucket(BUCKET, "eu-west-1", "111122223333", None);
        trial.sandbox.put_bucket(Bucket { encryption, ..plain }).unwrap();
    };
    let kept = async |key: &str| {
        let head = customer.head_object().bucket(BUCKET).key(key).send().await.unwrap();
        let (stored, _) = trial.sandbox.read_object(BUCKET, key).await.unwrap().unwrap();
        assert_eq!(stored.attributes.kms_key_id.as_deref(), head.ssekms_key_id());
        let algorithm = head.server_side_encryption().unwrap().as_str().to_owned();
        assert_eq!(stored.attributes.encryption, Some(algorithm.clone()));
        (algorithm, head.ssekms_key_id().map(str::to_owned))
    };
    let put_plain = async |key: &str| put(&customer, BUCKET, key, b"1").await.unwrap();

    put_plain("plain").await;
    assert_eq!(kept("plain").await, ("AES256".to_owned(), None));
    by_default(BucketEncryption::AwsManagedKey);
    put_plain("managed").await;
    assert_eq!(kept("managed").await, ("aws:kms".to_owned(), None));
    by_default(BucketEncryption::KmsKey(KEY.to_owned()));
    put_plain("keyed").await;
    assert_eq!(kept("keyed").await, ("aws:kms".to_owned(), Some(KEY.to_owned())));
    let said = customer.put_object().bucket(BUCKET).key("said");
    said.server_side_encryption(ServerSideEncryption::Aes256).send().await.unwrap();
    assert_eq!(kept("said").await, ("AES256".to_owned(), None), "the put's word counts for more");
    let named = with_kms(&customer, BUCKET, "k").send().await.unwrap();
    assert_eq!(named.ssekms_key_id(), Some(KEY), "an id alone is a key of the caller's, where the bucket is");

    let bad = Bucket {
        encryption: BucketEncryption::KmsKey("alias/a".to_owned()),
        ..Bucket::new("bad", "eu-west-1", "111122223333")
    };
    assert!(trial.sandbox.put_bucket(bad).unwrap_err().to_string().contains("isn't the ARN of a KMS key"));
}

#[tokio::test]
async fn headers_that_contradict_each_other_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let put = || trial.customer().put_object().bucket(BUCKET).key("a");
    for request in [
        put().ssekms_key_id(KEY),
        put().ssekms_key_id(KEY).server_side_encryption(ServerSideEncryption::Aes256),
    ] {
        let (status, code, message) = refusal(request.send().await);
        assert_eq!((status, code.as_str()), (400, "InvalidArgument"));
        assert!(
            message.ends_with("requires HTTP header x-amz-server-side-encryption : aws:kms"),
            "{message}"
        );
    }
    let (status, code, _) = refusal(put().server_side_encryption("rot13".into()).send().await);
    assert_eq!((status, code.as_str()), (400, "InvalidArgument"));
}

#[tokio::test]
async fn a_key_that_can_not_be_used_is_refused_in_the_words_of_kms() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    put_role_with_keys(&trial);
    let deliverer = trial.session(trial.assume(WITH_KEYS)).await;
    trial.sandbox.put_key(KmsKey::new(ELSEWHERE)).unwrap();
    let refused = async |key: &str| refusal(with_kms(&deliverer, BUCKET, key).send().await);
    let said = |code: &str, message: String| (400, code.to_owned(), message);

    with_kms(&deliverer, BUCKET, KEY).send().await.unwrap();
    trial.sandbox.put_key(key_in_state(KmsKeyState::Disabled)).unwrap();
    assert_eq!(refused(KEY).await, said("KMS.DisabledException", format!("{KEY} is disabled.")));
    trial.sandbox.put_key(key_in_state(KmsKeyState::PendingDeletion)).unwrap();
    let pending = said("KMS.KMSInvalidStateException", format!("{KEY} is pending deletion."));
    assert_eq!(refused(KEY).await, pending);
    let missing = said("KMS.NotFoundException", format!("Key '{NOWHERE}' does not exist"));
    assert_eq!(refused(NOWHERE).await, missing);
    let elsewhere = said("KMS.NotFoundException", "Invalid arn us-west-2".to_owned());
    assert_eq!(refused(ELSEWHERE).await, elsewhere, "a key is used in the bucket's region alone");

    let (status, code, message) = refused(FOREIGN).await;
    assert_eq!((status, code.as_str()), (403, "AccessDenied"), "another account's keys are not admitted to");
    assert!(
        message.contains("on this resource because the resource does not exist in this Region"),
        "{message}"
    );
    assert!(!message.contains(FOREIGN), "{message}");
}

#[tokio::test]
async fn the_policy_of_a_key_must_allow_too() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    put_role_with_keys(&trial);
    let deliverer = trial.session(trial.assume(WITH_KEYS)).await;
    let allowing = |arn: &str, effect: &str, principal: &str| KmsKey {
        policy: document(&json!({
            "Effect": effect, "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*",
        })),
        ..KmsKey::new(arn)
    };
    let put_with = async |key: KmsKey| {
        let arn = key.arn.clone();
        trial.sandbox.put_key(key).unwrap();
        with_kms(&deliverer, BUCKET, &arn).send().await
    };
    let (_, _, message) = refusal(put_with(allowing(KEY, "Allow", "444455556666")).await);
    assert!(
        message.ends_with("because no resource-based policy allows the kms:GenerateDataKey action"),
        "{message}"
    );
    let (_, _, message) = refusal(put_with(allowing(KEY, "Deny", WITH_KEYS)).await);
    assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");
    put_with(allowing(KEY, "Allow", WITH_KEYS)).await.unwrap();
    put_with(allowing(FOREIGN, "Allow", "111122223333")).await.unwrap();

    let without = trial.session(trial.assume("arn:aws:iam::111122223333:role/all-buckets")).await;
    let (_, _, message) = refusal(with_kms(&without, BUCKET, FOREIGN).send().await);
    assert!(
        message.ends_with("because no identity-based policy allows the kms:GenerateDataKey action"),
        "{message}"
    );
}

#[tokio::test]
async fn the_default_key_of_a_bucket_has_to_be_allowed_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let keyed = Bucket {
        encryption: BucketEncryption::KmsKey(KEY.to_owned()),
        ..Bucket::new("keyed", "eu-west-1", "111122223333")
    };
    trial.sandbox.put_bucket(keyed).unwrap();
    put_role_with_keys(&trial);
    let without = trial.session(trial.assume("arn:aws:iam::111122223333:role/all-buckets")).await;
    let (status, _, message) = refusal(put(&without, "keyed", "a", b"").await);
    assert_eq!(status, 403);
    assert!(message.contains(&format!("kms:GenerateDataKey on resource: {KEY}")), "{message}");
    put(&trial.session(trial.assume(WITH_KEYS)).await, "keyed", "a", b"").await.unwrap();
}

#[tokio::test]
async fn a_bucket_that_locks_objects_takes_none_without_a_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let locked = Bucket { object_lock: true, ..Bucket::new("locked", "eu-west-1", "111122223333") };
    trial.sandbox.put_bucket(locked).unwrap();
    let customer = trial.customer();
    let config = customer.config().to_builder();
    let config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let unchecked = aws_sdk_s3::Client::from_conf(config.build());
    let body = || ByteStream::from_static(b"body");
    let plain = || unchecked.put_object().bucket("locked").key("a").body(body());
    let (status, code, message) = refusal(plain().send().await);
    assert_eq!((status, code.as_str()), (400, "InvalidRequest"));
    assert!(message.starts_with("Content-MD5 OR x-amz-checksum- HTTP header is required"), "{message}");
    put(&customer, "locked", "sha256", b"body").await.unwrap();
    plain().content_md5("hBotaJrYa9FhFEdFPCLG/A==").send().await.unwrap();
    let file = folder.path().join("streamed");
    std::fs::write(&file, b"body").unwrap();
    let streamed = ByteStream::from_path(&file).await.unwrap();
    customer.put_object().bucket("locked").key("trailer").body(streamed).send().await.unwrap();
}

#[tokio::test]
async fn a_key_is_used_only_where_role_and_session_policy_allow() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let mut with_key = role("with-key", OURS, None, "*");
    let use_key = json!({"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": KEY});
    with_key.permission_policies.push(document(&use_key));
    let arn = with_key.arn.clone();
    trial.sandbox.put_role(with_key).unwrap();
    let through = |service: &str| {
        document(&json!([
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"},
            {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*",
             "Condition": {"StringEquals": {"kms:ViaService": service}}},
        ]))
    };
    let within = &trial;
    let delivered = |service: &'static str| {
        let request = within.assume(&arn).policy(through(service));
        async move {
            let session = within.session(request).await;
            let put = session.put_object().bucket(BUCKET).key(service).ssekms_key_id(KEY);
            put.server_side_encryption(ServerSideEncryption::AwsKms).send().await
        }
    };
    assert_eq!(delivered("s3.eu-west-1.amazonaws.com").await.unwrap().ssekms_key_id(), Some(KEY));
    let (_, _, message) = refusal(delivered("sqs.eu-west-1.amazonaws.com").await);
    assert!(
        message.ends_with("because no session policy allows the kms:GenerateDataKey action"),
        "{message}"
    );
}
