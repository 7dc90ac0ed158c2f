//! The whole product, running in this process: console, writer and sandbox on free ports, with data of its own.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use trailpost::app::demo::{Announcement, Demo, DemoOptions};
use trailpost::sandbox::Sandbox;
use trailpost::store::Store;

use super::browser::{Browser, JavaScript};
use super::customer::Customer;
use super::http_user::{Answer, HttpUser, send};

/// One running demo.
pub struct Product {
    demo: Demo,
}

/// An account that the demo comes with.
#[derive(Clone, Debug)]
pub struct Account {
    pub email: String,
    pub password: String,
    pub organization_id: String,
}

impl Product {
    pub async fn start() -> Product {
        Product { demo: Demo::start(DemoOptions::ephemeral()).await.unwrap() }
    }

    /// The same, telling `/metrics` to whoever presents this.
    pub async fn start_watched(token: &str) -> Product {
        let metrics_token = Some(token.parse().unwrap());
        Product {
            demo: Demo::start(DemoOptions { metrics_token, ..DemoOptions::ephemeral() }).await.unwrap(),
        }
    }

    /// Where the console is.
    pub fn origin(&self) -> &str {
        &self.announced().console_url
    }

    fn announced(&self) -> &Announcement {
        self.demo.announcement()
    }

    /// The account with this address.
    pub fn account(&self, email: &str) -> Account {
        let found = self.announced().accounts.iter().find(|account| account.email == email);
        let found = found.unwrap_or_else(|| panic!("the demo has no account {email}"));
        Account {
            email: found.email.clone(),
            password: found.password.clone(),
            organization_id: found.organization_id.clone(),
        }
    }

    /// A browser that shows nothing yet.
    pub async fn browser(&self, javascript: JavaScript) -> Browser {
        Browser::open(self.origin(), javascript).await
    }

    /// Someone without a session.
    pub fn anonymous(&self) -> HttpUser {
        HttpUser::anonymous(self.origin())
    }

    /// Someone signed in over the ordinary form.
    pub async fn user(&self, email: &str) -> HttpUser {
        let account = self.account(email);
        HttpUser::sign_in(self.origin(), &account.email, &account.password).await
    }

    /// The customer, looking into their own buckets.
    pub fn customer(&self) -> Customer {
        let Announcement { sandbox_url, region, access_key_id, secret_access_key, .. } = self.announced();
        Customer::new(sandbox_url, region, access_key_id, secret_access_key)
    }

    /// Sends what a producer has to say.
    pub async fn ingest(&self, body: &Value) -> Answer {
        let request = self.anonymous().request(Method::POST, "/v1/events");
        send(request.bearer_auth(&self.announced().producer_token).json(body)).await
    }

    /// The same product again, on a folder that another process had.
    pub async fn start_in(folder: &Path) -> Product {
        let options = DemoOptions { data_folder: Some(folder.to_owned()), ..DemoOptions::ephemeral() };
        Product { demo: Demo::start(options).await.unwrap() }
    }

    pub fn producer_token(&self) -> &str {
        &self.announced().producer_token
    }

    pub fn store(&self) -> &Store {
        self.demo.store()
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.demo.sandbox()
    }

    /// Moves the product's clock.
    pub fn advance(&self, span: Duration) {
        self.demo.clock().advance(span);
    }

    pub async fn stop(self) {
        self.demo.stop().await;
    }
}
