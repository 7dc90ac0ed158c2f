//! What the operator (or the demo) decides about the console.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use secrecy::SecretString;

use super::trusted_proxies::TrustedProxies;
use crate::domain::principal_arn::PrincipalArn;
use crate::domain::window::WindowLength;

/// The console's configuration.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Where browsers reach the console.
    pub public_url: PublicUrl,
    /// Which names it goes by.
    pub hosts: Hosts,
    /// The principal that customers' roles have to trust; none while the operator has not stated it.
    pub principal_arn: Option<PrincipalArn>,
    /// Whose word about a client's address is believed.
    pub trusted_proxies: TrustedProxies,
    /// The delivery window of a new integration.
    pub default_window: WindowLength,
    /// Accounts that the sign-in page offers as one click. Empty outside the demo.
    pub shortcuts: Vec<SignInShortcut>,
}

/// The Host headers that pages answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// The public URL's, and on loopback its other names: a foreign name that was pointed here gets nothing.
    OfPublicUrl,
    /// Every one: for a console that was exposed on all addresses on purpose, and can't know its names.
    Any,
}

/// An account that the sign-in page offers.
#[derive(Clone, Debug)]
pub struct SignInShortcut {
    /// Such as `Owner of Acme`.
    pub label: String,
    /// Such as `Enterprise`.
    pub detail: String,
    /// What the form posts.
    pub email: String,
    /// What the form posts.
    pub password: SecretString,
}

/// The URL under which browsers reach the console: a scheme and an authority, nothing behind it. Over plain http
/// only on loopback, because a session cookie would travel in the open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    https: bool,
    authority: String,
    port: Option<u16>,
}

/// Why a text is not a public URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum PublicUrlError {
    #[error("“{0}” is not a URL such as https://console.example.com")]
    NotAUrl(String),
    #[error("a public URL has no path, query or user: write only scheme, host and port")]
    TooMuch,
    #[error("http is only for loopback (127.0.0.1, localhost): session cookies would travel in the open")]
    PlainHttp,
}

impl PublicUrl {
    /// Plain http on any address. Session cookies then travel in the open: only for what is not worth protecting.
    pub fn in_the_open(address: SocketAddr) -> PublicUrl {
        PublicUrl { https: false, authority: address.to_string(), port: Some(address.port()) }
    }

    /// `https://console.example.com`, as browsers send it in Origin.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }

    /// Host and port, as browsers send them in Host.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether a request with this Host header is for us. A loopback console goes by its three names.
    pub fn is_reached_by(&self, host: &str) -> bool {
        if host.eq_ignore_ascii_case(&self.authority) {
            return true;
        }
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        !self.https && ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host == format!("{name}{port}"))
    }

    /// Whether cookies are Secure.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// A cookie's name: with the `__Host-` prefix over https, so that no subdomain can plant it (RFC 6265bis,
    /// section 4.1.3.2); with the port on loopback, where all ports share their cookies.
    pub fn cookie_name(&self, purpose: &str) -> String {
        let suffix = if purpose == "session" { String::new() } else { format!("_{purpose}") };
        match (self.https, self.port) {
            (true, _) => format!("__Host-trailpost{suffix}"),
            (false, port) => format!("trailpost_{}{suffix}", port.unwrap_or(80)),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<PublicUrl, PublicUrlError> {
        let not_a_url = || PublicUrlError::NotAUrl(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| not_a_url())?;
        let authority = uri.authority().ok_or_else(not_a_url)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(not_a_url()),
        };
        let whole = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if whole != "/" || authority.as_str().contains('@') {
            return Err(PublicUrlError::TooMuch);
        }
        let host = authority.host();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        if !https && host != "localhost" && !address.is_ok_and(|address| address.is_loopback()) {
            return Err(PublicUrlError::PlainHttp);
        }
        Ok(PublicUrl {
            https,
            authority: authority.as_str().to_ascii_lowercase(),
            port: authority.port_u16(),
        })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_named_for_where_they_travel() {
        let https: PublicUrl = "https://Console.Example.com/".parse().unwrap();
        assert_eq!(https.origin(), "https://console.example.com");
        assert_eq!(https.cookie_name("session"), "__Host-trailpost");
        let local: PublicUrl = "http://127.0.0.1:3000".parse().unwrap();
        assert_eq!(local.cookie_name("session"), "trailpost_3000");
        assert_eq!(local.cookie_name("theme"), "trailpost_3000_theme");
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        assert_eq!("http://console.example.com".parse::<PublicUrl>(), Err(PublicUrlError::PlainHttp));
        assert!("http://localhost:3000".parse::<PublicUrl>().is_ok());
        assert!("http://[::1]:3000".parse::<PublicUrl>().is_ok());
        assert_eq!("https://a.example/x".parse::<PublicUrl>(), Err(PublicUrlError::TooMuch));
        assert!(matches!("console".parse::<PublicUrl>(), Err(PublicUrlError::NotAUrl(_))));
    }
}
