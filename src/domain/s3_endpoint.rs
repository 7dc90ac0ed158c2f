//! Where objects are put, for operators whose customers' buckets are not in Amazon S3 but in a store that speaks its
//! protocol.

use std::str::FromStr;

/// How S3 is spoken to. The default is Amazon S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Endpoint {
    /// The store's URL; none for Amazon S3.
    pub url: Option<EndpointUrl>,
    /// The region of every bucket; none to find it out bucket by bucket, as Amazon S3 lets one.
    pub region: Option<String>,
    /// Whether buckets stand in the path of every URL, and not in the host's name.
    pub path_style: bool,
    /// What each PUT carries to prove its content.
    pub checksum: Checksum,
    /// Whether the store honours `If-None-Match: *`. Without it a batch whose answer was lost is written again, over
    /// itself: the same content under the same key, but more than once.
    pub conditional_writes: bool,
}

impl Default for S3Endpoint {
    fn default() -> S3Endpoint {
        S3Endpoint {
            url: None,
            region: None,
            path_style: false,
            checksum: Checksum::Sha256,
            conditional_writes: true,
        }
    }
}

/// An `http` or `https` URL without anything behind the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(String);

/// What proves the content of a PUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// `x-amz-checksum-sha256`, which the store compares with what it received.
    Sha256,
    /// Nothing beside the signature.
    None,
}

impl EndpointUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EndpointUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<EndpointUrl, String> {
        let url = text.strip_suffix('/').unwrap_or(text);
        let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        match authority {
            Some(rest) if !rest.is_empty() && rest.bytes().all(allowed) => Ok(EndpointUrl(url.to_owned())),
            _ => Err("write scheme, host and port, such as https://s3.example.com".to_owned()),
        }
    }
}

impl Checksum {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Checksum::Sha256 => "sha256",
            Checksum::None => "none",
        }
    }
}

impl FromStr for Checksum {
    type Err = String;

    fn from_str(text: &str) -> Result<Checksum, String> {
        [Checksum::Sha256, Checksum::None]
            .into_iter()
            .find(|checksum| checksum.as_str() == text)
            .ok_or_else(|| "write sha256 or none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_and_an_authority() {
        for (text, url) in [
            ("https://s3.example.com", "https://s3.example.com"),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
            ("http://[::1]:9000", "http://[::1]:9000"),
        ] {
            assert_eq!(text.parse::<EndpointUrl>().unwrap().as_str(), url);
        }
        for wrong in ["", "s3.example.com", "https://", "https://a/b", "ftp://a", "https://key:secret@a"] {
            assert!(wrong.parse::<EndpointUrl>().is_err(), "{wrong}");
        }
    }
}
