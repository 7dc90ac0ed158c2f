//! HTTP for programs, as a producer uses it: what is stored, what is refused, and how a refusal is told.

use std::io::Write;

use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::http_user::{Answer, send};
use crate::support::product::Product;
use crate::support::{DEADLINE, submission, with_id};

const ID: &str = "0199f3c2-7d1a-7000-8000-00000000000a";

/// The status that a request with these headers and this body is answered with.
type Case<'a> = (u16, &'a [(&'a str, &'a str)], Vec<u8>);

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

async fn post(product: &Product, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let request = product.anonymous().request(Method::POST, "/v1/events");
    let request = request.bearer_auth(product.producer_token()).body(body);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn post_json(product: &Product, body: &Value) -> Answer {
    post(product, &[("content-type", "application/json")], body.to_string().into_bytes()).await
}

fn problem(answer: &Answer) -> Value {
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.body);
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["status"], answer.status);
    assert_eq!(problem["request_id"], answer.headers["x-request-id"].to_str().unwrap());
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_as_one_an_array_or_lines_plain_or_packed() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let lines = format!("{}\n{}\n", submission(&acme, "a"), submission(&acme, "b")).into_bytes();
    let ndjson = ("content-type", "application/x-ndjson");
    let answers = [
        (post_json(&product, &submission(&acme, "a")).await, 1),
        (post_json(&product, &json!([submission(&acme, "a"), submission(&acme, "b")])).await, 2),
        (post(&product, &[ndjson], lines.clone()).await, 2),
        (post(&product, &[ndjson, ("content-encoding", "gzip")], gzip(&lines)).await, 2),
    ];
    for (answer, accepted) in answers {
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(answer.body, json!({ "accepted": accepted, "duplicates": 0 }).to_string());
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_stored_once_and_other_content_is_a_conflict() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let sent = with_id(submission(&acme, "a"), ID);
    assert_eq!(post_json(&product, &sent).await.body, r#"{"accepted":1,"duplicates":0}"#);
    assert_eq!(post_json(&product, &sent).await.body, r#"{"accepted":0,"duplicates":1}"#);
    let both = json!([submission(&acme, "b"), with_id(submission(&acme, "other"), ID)]);
    let answer = post_json(&product, &both).await;
    assert_eq!((answer.status, problem(&answer)["index"].as_u64()), (409, Some(1)));
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_refuses_the_request_and_is_named() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let initech = product.account("owner@initech.example").organization_id;
    let cases = [
        ("/event/action", json!("Create!"), "event.action"),
        ("/event/resource_type", json!("plan"), "event"),
        ("/organization_id", json!("0199f3c2-7d1a-7000-8000-0000000000ff"), "organization_id"),
        ("/secret", json!(1), "secret"),
    ];
    for (pointer, wrong, field) in cases {
        let mut bad = submission(&acme, "bad");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[key] = wrong;
        let good = with_id(submission(&initech, "good"), ID);
        let answer = post_json(&product, &json!([good, bad])).await;
        let problem = problem(&answer);
        assert_eq!(answer.status, 422, "{problem}");
        assert_eq!((&problem["index"], &problem["field"]), (&json!(1), &json!(field)), "{problem}");
    }
    let again = with_id(submission(&initech, "good"), ID);
    let answer = post_json(&product, &again).await;
    assert_eq!(answer.body, r#"{"accepted":1,"duplicates":0}"#, "nothing of a refused request is stored");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_is_refused_in_a_problem_document() {
    let product = Product::start().await;
    let json = ("content-type", "application/json");
    let cases: [Case; 6] = [
        (415, &[("content-type", "text/plain")], b"{}".to_vec()),
        (415, &[json, ("content-encoding", "br")], b"{}".to_vec()),
        (422, &[json], b"{".to_vec()),
        (422, &[json, ("content-encoding", "gzip")], b"not gzip".to_vec()),
        (413, &[json, ("content-encoding", "gzip")], gzip(&vec![b' '; 17 << 20])),
        (422, &[json], b"[]".to_vec()),
    ];
    for (status, headers, body) in cases {
        let answer = post(&product, headers, body).await;
        assert_eq!(problem(&answer)["status"], status);
    }
    let anonymous = product.anonymous();
    let answer = send(anonymous.request(Method::POST, "/v1/events")).await;
    assert_eq!((answer.status, &answer.headers["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
    let answer = anonymous.get("/v1/nothing").await;
    assert_eq!(problem(&answer)["status"], 404);
    assert!(answer.headers.get("set-cookie").is_none(), "programs get no cookies");
    assert_eq!(problem(&anonymous.get("/v1/events").await)["status"], 405);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_finishes_its_headers_is_let_go() {
    let product = Product::start().await;
    let address = product.origin().strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: 127.0").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection is closed")
        .unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    product.stop().await;
}
