//! HTTP for programs, as a producer uses it: what is stored, what is refused, and how a refusal is told.

mod access;
mod document;
mod integration;
mod readme;
mod resources;

use std::io::Write;
use std::time::Duration;

use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::credential::{ProducerName, ProducerToken};
use trailpost::domain::sequence::Sequence;
use trailpost::store::TokenScope;

use crate::support::http_user::{Answer, send};
use crate::support::product::Product;
use crate::support::{DEADLINE, EVERYTHING, eventually, submission, with_id};

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
        ("/event/resource_type", json!("audit-log-records"), "event"),
        (
            "/actor",
            json!({ "principal_id": "trailpost", "principal_name": "x", "principal_type": "service_account" }),
            "actor",
        ),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_token_reaches_its_organizations_until_it_ends() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let initech = product.account("owner@initech.example").organization_id;
    let token = ProducerToken::generate(&Entropy::system());
    let scope = TokenScope::Organizations([acme.parse().unwrap()].into());
    let ends = Clock::system().now() + Duration::from_secs(3600);
    let producer: ProducerName = "billing".parse().unwrap();
    product.store().create_token(producer.clone(), token.hash(), scope, Some(ends)).await.unwrap();
    let post = async |body: Value| {
        let request = product.anonymous().request(Method::POST, "/v1/events");
        send(request.bearer_auth(token.expose()).json(&body)).await
    };
    assert_eq!(post(submission(&acme, "a")).await.status, 202);
    let answer = post(json!([submission(&acme, "a"), submission(&initech, "a")])).await;
    let problem = problem(&answer);
    assert_eq!(
        (answer.status, &problem["index"], &problem["field"]),
        (422, &json!(1), &json!("organization_id"))
    );

    product.advance(Duration::from_secs(3601));
    assert_eq!(post(submission(&acme, "a")).await.status, 401, "it has expired");
    assert_eq!(post_json(&product, &submission(&acme, "a")).await.status, 202, "others have not");
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_unknown_at_once() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    assert_eq!(post_json(&product, &submission(&acme, "a")).await.status, 202);
    product.store().revoke_tokens("demo".parse().unwrap()).await.unwrap();
    let answer = post_json(&product, &submission(&acme, "a")).await;
    assert_eq!(problem(&answer)["status"], 401);
    product.stop().await;
}

/// Requests whose bodies never come hold what the server has set aside for requests: a further one is told to come
/// back, and is taken once they are given up.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_held_at_once_is_told_to_come_back() {
    const HELD: usize = 8;
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let address = product.origin().strip_prefix("http://").unwrap();
    let mut held = Vec::new();
    for _ in 0..HELD {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 16777216\r\n\r\n",
            product.producer_token()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let answer = eventually("a further request is told to come back", async || {
        let answer = post_json(&product, &submission(&acme, "a")).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(problem(&answer)["status"], 429);
    drop(held);
    eventually("there is room again", async || {
        (post_json(&product, &submission(&acme, "a")).await.status == 202).then_some(())
    })
    .await;
    product.stop().await;
}

/// Bodies that are broken at a random place: nothing panics, the index of the broken record is named, and nothing of
/// the request is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_broken_anywhere_leaves_nothing_half_stored() {
    const BODIES: usize = 60;
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    let entropy = Entropy::seeded(20_261_124);
    let breaks: [&[u8]; 7] =
        [b"\xff", b"\\ud800", b"{", b"}", b"\"a\":1,\"a\":2,", b"12345678901234567890123", b"\0"];
    for _ in 0..BODIES {
        let [place, kind, at] = entropy.bytes::<3>().map(usize::from);
        let mut lines: Vec<Vec<u8>> = vec![submission(&acme, "docs").to_string().into(); 5];
        let broken = place % lines.len();
        let line = &mut lines[broken];
        // Behind the opening brace and before the closing one, so that the record itself is what breaks.
        let at = 1 + at % (line.len() - 2);
        line.splice(at..at, breaks[kind % breaks.len()].iter().copied());
        let before = stored(&product, &acme).await;
        let answer = post(&product, &[("content-type", "application/x-ndjson")], lines.join(&b'\n')).await;
        let text = String::from_utf8_lossy(&lines[broken]);
        let stored = stored(&product, &acme).await - before;
        if answer.status == 202 {
            // What was put in can make another text that is valid.
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
            assert_eq!(stored, lines.len(), "{text}");
        } else {
            let problem = problem(&answer);
            assert_eq!((answer.status, &problem["index"], stored), (422, &json!(broken), 0), "{text}");
        }
    }
    product.stop().await;
}

/// How many records an organization has.
async fn stored(product: &Product, organization: &str) -> usize {
    let (first, last) = (Sequence::new(1).unwrap(), Sequence::new(1_000_000).unwrap());
    product.store().lines(organization.parse().unwrap(), first, last, EVERYTHING).await.unwrap().len()
}
