//! What the operator (or the demo) decides about the console.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use super::trusted_proxies::TrustedProxies;
use crate::domain::principals::Principals;
use crate::domain::window::WindowLength;

/// The console's configuration.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// Where browsers reach the console.
    pub public_url: PublicUrl,
    /// Which names it goes by.
    pub hosts: Hosts,
    /// Whom customers' roles have to trust, by their partition; nobody while the operator has not stated it.
    pub principals: Principals,
    /// Whose word about a client's address is believed.
    pub trusted_proxies: TrustedProxies,
    /// The delivery window of a new integration.
    pub default_window: WindowLength,
    /// How long records are held that can't be delivered.
    pub hold: Duration,
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
    /// None for the scheme's own, which browsers leave out of Host and Origin.
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
    #[error(
        "“{0}” is not a host: write a name in DNS without a dot at its end, such as console.example.com, or an IP \
         address"
    )]
    Host(String),
    #[error("“{0}” is not a port: write a number from 1 to 65535")]
    Port(String),
}

impl PublicUrl {
    /// Plain http on any address. Session cookies then travel in the open: only for what is not worth protecting.
    pub fn in_the_open(address: SocketAddr) -> PublicUrl {
        PublicUrl::new(false, &shown(address.ip()), Some(address.port()))
    }

    fn new(https: bool, host: &str, port: Option<u16>) -> PublicUrl {
        let port = port.filter(|port| *port != if https { 443 } else { 80 });
        let authority = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        PublicUrl { https, authority, port }
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
        // The parser drops what stands behind a #.
        if whole != "/" || authority.as_str().contains('@') || text.contains('#') {
            return Err(PublicUrlError::TooMuch);
        }
        let (host, port) = host_and_port(authority)?;
        if !https && !host.is_loopback() {
            return Err(PublicUrlError::PlainHttp);
        }
        Ok(PublicUrl::new(https, &host.to_string(), port))
    }
}

/// A host that browsers can be sent to.
enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    fn is_loopback(&self) -> bool {
        match self {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => address.is_loopback(),
        }
    }
}

impl FromStr for Host {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Host, PublicUrlError> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match inner {
            Some(inner) => inner.parse().map(IpAddr::V6).ok(),
            None => text.parse().map(IpAddr::V4).ok(),
        };
        match address {
            Some(address) => Ok(Host::Address(address)),
            None if is_dns_name(text) => Ok(Host::Name(text.to_ascii_lowercase())),
            None => Err(PublicUrlError::Host(text.to_owned())),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(address) => f.write_str(&shown(*address)),
        }
    }
}

/// As a URL writes it.
fn shown(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Labels of letters, digits and hyphens. A name whose last label is a number would be read as an IP address.
fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    text.len() <= 253 && text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn host_and_port(authority: &http::uri::Authority) -> Result<(Host, Option<u16>), PublicUrlError> {
    let (host, rest) = authority.as_str().split_at(authority.host().len());
    let port = rest.strip_prefix(':').map(|text| {
        let number = text.parse().ok().filter(|port| *port != 0 && !text.starts_with('+'));
        number.ok_or_else(|| PublicUrlError::Port(text.to_owned()))
    });
    Ok((host.parse()?, port.transpose()?))
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
        assert_eq!("https://a.example#x".parse::<PublicUrl>(), Err(PublicUrlError::TooMuch));
        assert!(matches!("console".parse::<PublicUrl>(), Err(PublicUrlError::NotAUrl(_))));
    }

    #[test]
    fn it_is_written_as_browsers_send_it() {
        for (written, origin) in [
            ("https://Console.example.com:443/", "https://console.example.com"),
            ("https://console.example.com:80", "https://console.example.com:80"),
            ("https://console.example.com:8443", "https://console.example.com:8443"),
            ("http://localhost:80", "http://localhost"),
            ("http://127.0.0.1:443", "http://127.0.0.1:443"),
            ("https://[2001:DB8:0::1]:443", "https://[2001:db8::1]"),
            ("https://10.0.0.7", "https://10.0.0.7"),
            ("https://xn--kse-qla.example", "https://xn--kse-qla.example"),
        ] {
            let url: PublicUrl = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(url.origin(), origin);
            assert!(url.is_reached_by(origin.split_once("://").unwrap().1), "{written}");
        }
        let demo = PublicUrl::in_the_open("0.0.0.0:80".parse().unwrap());
        assert_eq!(demo.origin(), "http://0.0.0.0");
        assert_eq!(demo.cookie_name("session"), "trailpost_80");
        assert_eq!(PublicUrl::in_the_open("[::1]:3000".parse().unwrap()).authority(), "[::1]:3000");
    }

    #[test]
    fn a_host_or_port_that_browsers_can_not_be_sent_to_is_refused() {
        for host in ["*", "*.example.com", "a_b.example", "a.example.", "-a.example", "a..example", "127.1"] {
            let parsed = format!("https://{host}").parse::<PublicUrl>();
            assert_eq!(parsed, Err(PublicUrlError::Host(host.to_owned())));
        }
        for port in ["", "0", "65536", "99999", "+80"] {
            let parsed = format!("https://a.example:{port}").parse::<PublicUrl>();
            assert!(parsed.is_err(), "{port}");
        }
        for text in ["https://", "https://:8443", "https:///x"] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}
