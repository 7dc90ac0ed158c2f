//! A console that browsers reach by https, through a proxy: its cookies, and what it tells browsers to keep to.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, HOST, SET_COOKIE};
use reqwest::{Method, RequestBuilder};

use crate::support::console::{Console, EMAIL, PASSWORD};
use crate::support::http_user::{Answer, HttpUser, send};
use crate::support::page::hidden_field;

const NAME: &str = "console.example.com";

/// A browser behind the proxy: it keeps Secure cookies, which the tests' client would not over the proxy's http.
struct Browser {
    proxy: HttpUser,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn of(console: &Console) -> Browser {
        Browser { proxy: HttpUser::anonymous(&console.origin()), cookies: BTreeMap::new() }
    }

    async fn get(&mut self, path: &str) -> Answer {
        let request = self.proxy.request(Method::GET, path);
        self.send(request).await
    }

    async fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = hidden_field(&self.get(page).await.body, "csrf_token").unwrap();
        let fields = [fields, &[("csrf_token", &token)]].concat();
        let request = self.proxy.request(Method::POST, path).form(&fields);
        self.send(request).await
    }

    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = send(request.header(HOST, NAME).header(COOKIE, cookies.join("; "))).await;
        for set in set_cookies(&answer) {
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            // What a browser does with a cookie of this prefix (RFC 6265bis, section 5.7).
            let is_kept = name.starts_with("__Host-") && has(set, "Secure") && has(set, "Path=/");
            assert!(is_kept, "a browser ignores {set}");
            if has(set, "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

fn set_cookies(answer: &Answer) -> impl Iterator<Item = &str> {
    answer.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap())
}

fn has(set_cookie: &str, attribute: &str) -> bool {
    set_cookie.split("; ").any(|part| part == attribute)
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_takes_the_cookie_of_the_session_and_leaves_that_of_the_browser() {
    let console = Console::at(&format!("https://{NAME}")).await;
    let mut browser = Browser::of(&console);
    let fields = [("email", EMAIL), ("password", PASSWORD), ("return_to", "")];
    assert_eq!(browser.post("/sign-in", "/sign-in", &fields).await.status, 303);
    assert!(browser.cookies.contains_key("__Host-trailpost"), "{:?}", browser.cookies);
    let home = format!("/organizations/{}", console.acme.id);
    assert_eq!(browser.get("/").await.location(), Some(home.as_str()));

    let answer = browser.post(&home, "/sign-out", &[]).await;
    assert_eq!(answer.status, 303);
    assert!(!browser.cookies.contains_key("__Host-trailpost"), "{:?}", browser.cookies);
    assert!(browser.cookies.contains_key("__Host-trailpost_device"), "{:?}", browser.cookies);
    for set in set_cookies(&answer) {
        assert!(has(set, "HttpOnly") || has(set, "Max-Age=0"), "{set}");
    }
    console.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_keep_to_https() {
    let console = Console::at(&format!("https://{NAME}")).await;
    let mut browser = Browser::of(&console);
    for path in ["/sign-in", "/nothing", "/livez"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000", "{path}");
    }
    console.stop().await;
    let plain = Console::behind(&[]).await;
    let answer = HttpUser::anonymous(&plain.origin()).get("/sign-in").await;
    assert!(!answer.headers.contains_key("strict-transport-security"), "there is no https to keep to");
    plain.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_are_none() {
    let console = Console::at(&format!("https://{NAME}")).await;
    for hosts in [[NAME, "evil.example"], ["evil.example", NAME], [NAME, NAME]] {
        let request = HttpUser::anonymous(&console.origin()).request(Method::GET, "/sign-in");
        let answer = send(request.header(HOST, hosts[0]).header(HOST, hosts[1])).await;
        assert_eq!(answer.status, 400, "{hosts:?}: {}", answer.body);
        assert_eq!(set_cookies(&answer).count(), 0);
    }
    console.stop().await;
}
