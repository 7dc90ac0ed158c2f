//! Where a request comes from, in the records: from behind a trusted proxy, the address that the proxy names.

use std::num::NonZeroUsize;

use reqwest::Method;
use serde_json::Value;
use tempfile::tempdir;
use tokio::net::TcpListener;
use trailpost::app::{App, AppConfig, DataFolder};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::credential::Password;
use trailpost::domain::membership::Role;
use trailpost::domain::organization::Plan;
use trailpost::domain::sequence::Sequence;
use trailpost::domain::window::WindowLength;
use trailpost::web::{Hosts, PublicUrl, TrustedProxies, WebConfig, hash_new_password};

use crate::support::EVERYTHING;
use crate::support::http_user::{HttpUser, send};

const EMAIL: &str = "owner@acme.example";
const PASSWORD: &str = "correct horse battery";

/// Signs in through a proxy on loopback, and gives the address that the record of it names.
async fn recorded_address(trusted: &[&str]) -> String {
    let (folder, clock, entropy) = (tempdir().unwrap(), Clock::system(), Entropy::system());
    let store = DataFolder::open(folder.path()).unwrap().open_store(&clock, &entropy).await.unwrap();
    let hash = hash_new_password(Password::new(PASSWORD).unwrap(), &entropy).await.unwrap();
    let user = store.create_user(EMAIL.parse().unwrap(), "Olivia".parse().unwrap(), hash).await.unwrap();
    let acme = store.create_organization("Acme".parse().unwrap(), Plan::Starter).await.unwrap();
    store.add_member(acme.id, user.id, Role::Owner).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = PublicUrl::in_the_open(listener.local_addr().unwrap());
    let origin = public_url.origin();
    let web = WebConfig {
        public_url,
        hosts: Hosts::OfPublicUrl,
        principal_arn: None,
        trusted_proxies: TrustedProxies::new(
            trusted.iter().map(|network| network.parse().unwrap()).collect(),
        ),
        default_window: WindowLength::default(),
        shortcuts: Vec::new(),
    };
    let config = AppConfig { web: Some(web), writer: None, most_connections: NonZeroUsize::new(10).unwrap() };
    let app = App::start(store.clone(), clock, entropy, config, listener).await;

    let person = HttpUser::anonymous(&origin);
    let token = person.csrf_token("/sign-in").await;
    let fields =
        [("email", EMAIL), ("password", PASSWORD), ("return_to", ""), ("csrf_token", token.as_str())];
    let request = person.request(Method::POST, "/sign-in").header("x-forwarded-for", "1.2.3.4, 198.51.100.7");
    assert_eq!(send(request.form(&fields)).await.status, 303);
    let first = Sequence::new(1).unwrap();
    let lines = store.lines(acme.id, first, first, EVERYTHING).await.unwrap();
    let record: Value = serde_json::from_str(lines[0].line.as_str()).unwrap();
    app.stop().await;
    record["event"]["parameters"]["source_ip"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_name_the_client_behind_a_trusted_proxy_and_believe_nobody_else() {
    assert_eq!(recorded_address(&[]).await, "127.0.0.1");
    assert_eq!(recorded_address(&["10.0.0.0/8"]).await, "127.0.0.1");
    assert_eq!(recorded_address(&["127.0.0.0/8"]).await, "198.51.100.7");
}
