//! Signing in over the ordinary form: guessing is slowed and tells nothing, and whoever signed in before is not kept
//! out by it.

use serde_json::Value;
use trailpost::domain::sequence::Sequence;

use crate::support::eventually;
use crate::support::http_user::{Answer, HttpUser};
use crate::support::product::Product;

const OWNER: &str = "owner@acme.example";
const PASSWORD: &str = "trailpost-demo";
const WRONG: &str = "a wrong guess";

async fn try_password(person: &HttpUser, email: &str, password: &str) -> Answer {
    let fields = [("email", email), ("password", password), ("return_to", "")];
    person.post_form("/sign-in", "/sign-in", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_and_tells_nothing_of_accounts() {
    let product = Product::start().await;
    for email in ["manager@acme.example", "nobody@acme.example"] {
        let guesser = product.anonymous();
        let guess = async || try_password(&guesser, email, WRONG).await.status;
        for _ in 0..5 {
            assert_eq!(guess().await, 422, "{email}: a few are free");
        }
        // However slow this machine is, the waits grow beyond what one request takes.
        eventually("the next guess has to wait", async || (guess().await == 429).then_some(())).await;
    }
    // Slowed, not locked out; and nobody else is.
    product.user(OWNER).await;
    eventually("the right password is taken again", async || {
        let answer = try_password(&product.anonymous(), "manager@acme.example", PASSWORD).await;
        (answer.status == 303).then_some(())
    })
    .await;
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_guesses_at_once_five_are_looked_at() {
    let product = Product::start().await;
    let guesser = product.anonymous();
    let token = guesser.csrf_token("/sign-in").await;
    let fields = [("email", OWNER), ("password", WRONG), ("return_to", ""), ("csrf_token", &token)];
    let answers = futures::future::join_all((0..60).map(|_| guesser.post("/sign-in", &fields))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert!((1..=5).contains(&count(422)), "{} were looked at", count(422));
    assert_eq!(count(422) + count(429), 60);
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signed_in_before_gets_in_while_somebody_guesses() {
    let product = Product::start().await;
    let owner = product.user(OWNER).await;
    let home = home(&product);
    let guesser = product.anonymous();
    // Guesses for as long as it is asked to, from the owner's own address.
    let guessing = async {
        loop {
            try_password(&guesser, OWNER, WRONG).await;
        }
    };
    let signing_in = async {
        let stranger = product.anonymous();
        eventually("strangers have to wait", async || {
            (try_password(&stranger, OWNER, WRONG).await.status == 429).then_some(())
        })
        .await;
        for _ in 0..10 {
            assert_eq!(owner.post_form(&home, "/sign-out", &[]).await.status, 303);
            assert_eq!(try_password(&owner, OWNER, PASSWORD).await.status, 303);
        }
    };
    tokio::select! {
        () = guessing => unreachable!("it goes on"),
        () = signing_in => {}
    }
    product.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_over_somebody_else_signs_them_out_on_the_record() {
    let product = Product::start().await;
    let manager = product.user("manager@acme.example").await;
    let fields = [("email", OWNER), ("password", PASSWORD), ("return_to", "")];
    assert_eq!(manager.post_form(&home(&product), "/sign-in", &fields).await.status, 303);
    assert_eq!(
        sign_ins(&product).await,
        ["login manager@acme.example", "logout manager@acme.example", "login owner@acme.example"]
    );
    assert!(manager.get(&home(&product)).await.body.contains(OWNER));
    // The same person once more is no other.
    assert_eq!(manager.post_form(&home(&product), "/sign-in", &fields).await.status, 303);
    assert_eq!(sign_ins(&product).await[3..], ["login owner@acme.example"]);
    product.stop().await;
}

fn home(product: &Product) -> String {
    format!("/organizations/{}", product.account(OWNER).organization_id)
}

/// What the records say of signing in and out, in order.
async fn sign_ins(product: &Product) -> Vec<String> {
    let acme = product.account(OWNER).organization_id.parse().unwrap();
    let (first, last) = (Sequence::new(1).unwrap(), Sequence::new(1_000_000).unwrap());
    let lines = product.store().lines(acme, first, last, crate::support::EVERYTHING).await.unwrap();
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line.line.as_str()).unwrap());
    events
        .filter(|line| line["event"]["action"].as_str().unwrap().starts_with("log"))
        .map(|line| {
            format!("{} {}", line["event"]["action"], line["actor"]["principal_name"]).replace('"', "")
        })
        .collect()
}
