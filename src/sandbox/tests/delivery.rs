//! Objects: put once, read back, listed, checked, kept over a restart.

use super::*;

#[tokio::test]
async fn the_right_role_delivers_once_and_the_customer_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let assumed = trial.assume(ROLE).external_id("ext-1").duration_seconds(900).send().await.unwrap();
    assert_eq!(assumed.assumed_role_user().unwrap().arn(), SESSION);
    assert_eq!(assumed.credentials().unwrap().expiration().to_millis().unwrap(), 1_795_000_900_000);
    assert!(aws_sdk_sts::operation::RequestId::request_id(&assumed).unwrap().len() == 36);

    let deliverer = trial.deliverer().await;
    let done = put(&deliverer, BUCKET, "org 1/ü+%.json", b"[1]").await.unwrap();
    assert!(done.checksum_sha256().is_some() && done.request_id().is_some());
    let (status, code, _) = refusal(put(&deliverer, BUCKET, "org 1/ü+%.json", b"[2]").await);
    assert_eq!((status, code.as_str()), (412, "PreconditionFailed"));

    let customer = trial.customer();
    let listed = customer.list_objects_v2().bucket(BUCKET).prefix("org 1/").send().await.unwrap();
    assert_eq!(listed.contents()[0].key(), Some("org 1/ü+%.json"));
    let got = customer.get_object().bucket(BUCKET).key("org 1/ü+%.json").send().await.unwrap();
    assert_eq!(got.content_type(), Some("application/json"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"[1]");
    let part =
        customer.get_object().bucket(BUCKET).key("org 1/ü+%.json").range("bytes=1-1").send().await.unwrap();
    assert_eq!((part.content_range(), part.content_length()), (Some("bytes 1-1/3"), Some(1)));
    let head = customer.head_object().bucket(BUCKET).key("org 1/ü+%.json").send().await.unwrap();
    assert_eq!(head.last_modified().unwrap().secs(), 1_795_000_000);
    let buckets = customer.list_buckets().send().await.unwrap();
    assert_eq!(
        buckets.buckets().iter().filter_map(|bucket| bucket.name()).collect::<Vec<_>>(),
        [BUCKET, "deny-plain", "far-away"]
    );
    let (stored, body) = trial.sandbox.read_object(BUCKET, "org 1/ü+%.json").await.unwrap().unwrap();
    assert_eq!((stored.size, body.as_slice()), (3, b"[1]".as_slice()));
    trial.sandbox.stop().await;
}

#[tokio::test]
async fn checksums_are_checked_and_lists_come_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let customer = trial.customer();
    let body = || ByteStream::from_static(b"body");
    let wrong =
        customer.put_object().bucket(BUCKET).key("a").body(body()).checksum_crc32("AAAAAA==").send().await;
    let (status, code, message) = refusal(wrong);
    assert_eq!((status, code.as_str()), (400, "BadDigest"));
    assert_eq!(message, "The CRC32 you specified did not match the calculated checksum.");
    let wrong = customer
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(body())
        .content_md5("AAAAAAAAAAAAAAAAAAAAAA==")
        .send()
        .await;
    assert_eq!(refusal(wrong).1, "BadDigest");
    assert!(trial.sandbox.list_objects(BUCKET).is_empty());
    let file = folder.path().join("streamed");
    std::fs::write(&file, vec![b'y'; 3_000_000]).unwrap();
    let streamed = ByteStream::from_path(&file).await.unwrap();
    customer.put_object().bucket(BUCKET).key("streamed").body(streamed).send().await.unwrap();
    let got = customer.get_object().bucket(BUCKET).key("streamed").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec().len(), 3_000_000);
    customer.delete_object().bucket(BUCKET).key("streamed").send().await.unwrap();
    let gone = customer.get_object().bucket(BUCKET).key("streamed").send().await;
    assert_eq!(refusal(gone).1, "NoSuchKey");

    for key in ["a/1", "a/2", "b", "c", "d"] {
        put(&customer, BUCKET, key, b"").await.unwrap();
    }
    let pages = customer.list_objects_v2().bucket(BUCKET).max_keys(2).into_paginator().send();
    let pages = pages.try_collect().await.unwrap();
    let keys: Vec<_> =
        pages.iter().flat_map(|page| page.contents()).filter_map(|object| object.key()).collect();
    assert_eq!((pages.len(), keys), (3, vec!["a/1", "a/2", "b", "c", "d"]));
    let rolled =
        customer.list_objects_v2().bucket(BUCKET).delimiter("/").start_after("b").send().await.unwrap();
    assert_eq!((rolled.key_count(), rolled.common_prefixes().len()), (Some(2), 0));
    let old = customer.list_objects().bucket(BUCKET).delimiter("/").send().await.unwrap();
    assert_eq!(old.common_prefixes()[0].prefix(), Some("a/"));
    let multipart = customer.create_multipart_upload().bucket(BUCKET).key("a").send().await;
    assert_eq!((refusal(multipart).0), 501);
}

#[tokio::test]
async fn objects_survive_a_restart_and_the_world_can_change() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let old = trial.deliverer().await;
    put(&old, BUCKET, "kept", b"kept").await.unwrap();
    trial.sandbox.stop().await;
    assert!(put(&old, BUCKET, "late", b"").await.is_err());

    let trial = Trial::start(&folder).await;
    let kept = trial.sandbox.read_object(BUCKET, "kept").await.unwrap().unwrap().1;
    assert_eq!(kept, b"kept");
    let deliverer = trial.deliverer().await;
    assert_eq!(refusal(put(&deliverer, BUCKET, "kept", b"").await).0, 412);
    assert!(trial.sandbox.remove_role(ROLE));
    assert_eq!(refusal(put(&deliverer, BUCKET, "new", b"").await).1, "AccessDenied");
    trial.sandbox.put_role(role("logs/trailpost-audit-logs", OURS, None, "*")).unwrap();
    trial.sandbox.put_bucket(bucket("fresh", "eu-west-1", "111122223333", None)).unwrap();
    put(&deliverer, "fresh", "new", b"").await.unwrap();
    let bad = trial.sandbox.put_bucket(bucket("bad", "eu-west-1", "111122223333", Some(json!([]))));
    assert!(bad.unwrap_err().to_string().contains("bad: policy refused at Statement"));
    trial.sandbox.empty_bucket(BUCKET).await.unwrap();
    assert!(trial.sandbox.list_objects(BUCKET).is_empty());
    trial.sandbox.forget_sessions();
    assert_eq!(refusal(put(&deliverer, "fresh", "x", b"").await).1, "InvalidAccessKeyId");
}

#[tokio::test]
async fn of_sixteen_conditional_puts_at_once_exactly_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial::start(&folder).await;
    let customer = trial.customer();
    let racers = (0..16u8).map(|number| {
        let customer = customer.clone();
        tokio::spawn(async move { put(&customer, BUCKET, "raced", &[number; 100_000]).await })
    });
    let results = futures::future::join_all(racers).await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    lost.into_iter().for_each(|result| assert_eq!(refusal(result).0, 412));
}
