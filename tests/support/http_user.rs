//! Someone who uses the console over plain HTTP: forms and cookies, no browser. Redirects are not followed.

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};

use super::page::hidden_field;
use super::{BUCKET, ROLE_ARN, eventually};

/// One person's cookies, on one site.
#[derive(Clone)]
pub struct HttpUser {
    client: Client,
    origin: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Where a redirect leads.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }
}

impl HttpUser {
    /// Someone without a session.
    pub fn anonymous(origin: &str) -> HttpUser {
        let client =
            Client::builder().cookie_store(true).redirect(Policy::none()).no_proxy().build().unwrap();
        HttpUser { client, origin: origin.to_owned() }
    }

    /// Signs in over the ordinary form.
    pub async fn sign_in(origin: &str, email: &str, password: &str) -> HttpUser {
        let user = HttpUser::anonymous(origin);
        let fields = [("email", email), ("password", password), ("return_to", "")];
        let answer = user.post_form("/sign-in", "/sign-in", &fields).await;
        assert_eq!(answer.status, 303, "{email} signs in: {}", answer.body);
        user
    }

    /// A request to fill in by hand.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Posts a form as the page that holds it would: with that page's token.
    pub async fn post_form(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.csrf_token(page).await;
        let mut fields = fields.to_vec();
        fields.push(("csrf_token", &token));
        self.post(path, &fields).await
    }

    /// Posts these fields and nothing else.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        send(self.request(Method::POST, path).form(fields)).await
    }

    /// The token of a page's forms.
    pub async fn csrf_token(&self, page: &str) -> String {
        let answer = self.get(page).await;
        hidden_field(&answer.body, "csrf_token")
            .unwrap_or_else(|| panic!("{page} has no token ({}): {}", answer.status, answer.body))
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

/// Turns audit logs on over the ordinary form, and waits until they are.
pub async fn enable(owner: &HttpUser, organization_id: &str) {
    enable_with(owner, organization_id, &[("role_arn", ROLE_ARN), ("bucket", BUCKET)]).await;
}

/// The same with these settings.
pub async fn enable_with(owner: &HttpUser, organization_id: &str, settings: &[(&str, &str)]) {
    let page = format!("/organizations/{organization_id}/settings/audit-logs");
    let revision = hidden_field(&owner.get(&page).await.body, "revision").unwrap();
    let fields = [settings, &[("revision", revision.as_str())]].concat();
    assert_eq!(owner.post_form(&page, &format!("{page}/enable"), &fields).await.status, 303);
    eventually("audit logs are active", async || {
        owner.get(&page).await.body.contains("aria-checked=\"true\"").then_some(())
    })
    .await;
}
