//! Buckets and prefixes: where records are delivered.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

const LONGEST_PREFIX: usize = 256;

/// The name of a general purpose bucket, by AWS's rules
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BucketName(String);

/// Why a text can't be a bucket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum BucketNameError {
    #[error("Enter the name of an Amazon S3 bucket.")]
    Empty,
    #[error("A bucket name has 3 to 63 characters.")]
    Length,
    #[error("A bucket name has only lower-case letters, digits, dots and hyphens.")]
    Characters,
    #[error("A bucket name begins and ends with a letter or a digit.")]
    Ends,
    #[error("A bucket name has no two dots in a row.")]
    Dots,
    #[error("A bucket name can’t look like an IP address.")]
    IpAddress,
    #[error("AWS reserves bucket names with this beginning or ending for its own use.")]
    Reserved,
    #[error("This is an ARN. Enter the bucket’s name only, such as acme-audit-logs.")]
    Arn,
}

const RESERVED_STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

impl BucketName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = BucketNameError;

    fn from_str(text: &str) -> Result<BucketName, BucketNameError> {
        let name = text.trim();
        let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if name.is_empty() {
            return Err(BucketNameError::Empty);
        }
        if name.starts_with("arn:") {
            return Err(BucketNameError::Arn);
        }
        if !name.bytes().all(|byte| is_alphanumeric(byte) || byte == b'.' || byte == b'-') {
            return Err(BucketNameError::Characters);
        }
        if !(3..=63).contains(&name.len()) {
            return Err(BucketNameError::Length);
        }
        let ends = [name.as_bytes()[0], name.as_bytes()[name.len() - 1]];
        if !ends.into_iter().all(is_alphanumeric) {
            return Err(BucketNameError::Ends);
        }
        if name.contains("..") {
            return Err(BucketNameError::Dots);
        }
        if name.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(BucketNameError::IpAddress);
        }
        if RESERVED_STARTS.iter().any(|start| name.starts_with(start))
            || RESERVED_ENDS.iter().any(|end| name.ends_with(end))
        {
            return Err(BucketNameError::Reserved);
        }
        Ok(BucketName(name.to_owned()))
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder in a bucket, without a slash at its end; may be empty. Only characters that neither S3 nor a policy
/// reads as anything but themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Prefix(String);

/// Why a text can't be a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum PrefixError {
    #[error("A prefix has only letters, digits and the characters ! _ . ' ( ) / -")]
    Characters,
    #[error("A prefix has at most 256 characters.")]
    TooLong,
    #[error("A prefix doesn’t begin with a slash.")]
    LeadingSlash,
    #[error("A prefix has no two slashes in a row.")]
    DoubleSlash,
    #[error("A prefix can’t contain two dots in a row.")]
    Dots,
    #[error("A prefix can’t have a part that is only a dot, such as a/./b.")]
    DotAlone,
}

impl Prefix {
    /// The prefix, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A key under this prefix.
    pub fn join(&self, rest: &str) -> String {
        if self.0.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.0) }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Prefix, PrefixError> {
        let typed = text.trim();
        if typed.starts_with('/') {
            return Err(PrefixError::LeadingSlash);
        }
        let prefix = typed.strip_suffix('/').unwrap_or(typed);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!_.'()/-".contains(&byte);
        if !prefix.bytes().all(allowed) {
            return Err(PrefixError::Characters);
        }
        if prefix.len() > LONGEST_PREFIX {
            return Err(PrefixError::TooLong);
        }
        if prefix.contains("//") || prefix.ends_with('/') {
            return Err(PrefixError::DoubleSlash);
        }
        if prefix.contains("..") {
            return Err(PrefixError::Dots);
        }
        // Clients that tidy paths up would look for it elsewhere
        // (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
        if prefix.split('/').any(|segment| segment == ".") {
            return Err(PrefixError::DotAlone);
        }
        Ok(Prefix(prefix.to_owned()))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bucket and the folder in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    bucket: BucketName,
    prefix: Prefix,
}

/// The form's two fields for a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Amazon S3 bucket.
    Bucket,
    /// Prefix.
    Prefix,
}

/// Why typed text is not a destination, and which field it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The bucket can't be one.
    #[error(transparent)]
    Bucket(BucketNameError),
    /// The folder typed with the bucket can't be one.
    #[error("The part after the bucket’s name is taken as the prefix. {0}")]
    PathInBucket(PrefixError),
    /// The prefix can't be one.
    #[error(transparent)]
    Prefix(PrefixError),
    /// Two prefixes.
    #[error("Enter the prefix either here or under Prefix, not in both.")]
    PrefixTwice,
}

impl DestinationError {
    /// The field that the message belongs beside.
    pub fn field(self) -> Field {
        match self {
            DestinationError::Prefix(_) => Field::Prefix,
            DestinationError::Bucket(_)
            | DestinationError::PathInBucket(_)
            | DestinationError::PrefixTwice => Field::Bucket,
        }
    }
}

impl Destination {
    /// A bucket and a prefix together.
    pub fn new(bucket: BucketName, prefix: Prefix) -> Destination {
        Destination { bucket, prefix }
    }

    /// Parses the two fields. The bucket's also takes `bucket/sub/dir` and `s3://bucket/sub/dir`: the path then
    /// is the prefix.
    ///
    /// # Errors
    /// What is wrong: at most one thing in each field.
    pub fn parse(bucket_field: &str, prefix_field: &str) -> Result<Destination, Vec<DestinationError>> {
        let typed = bucket_field.trim();
        let typed = typed.strip_prefix("s3://").unwrap_or(typed);
        let (bucket, path) = match typed.split_once('/') {
            // An ARN has slashes of its own; its message is better than one about characters.
            Some(_) if typed.starts_with("arn:") => (typed, ""),
            Some((bucket, path)) => (bucket, path),
            None => (typed, ""),
        };
        let bucket = bucket.parse().map_err(DestinationError::Bucket);
        let prefix = if path.is_empty() {
            prefix_field.parse().map_err(DestinationError::Prefix)
        } else if prefix_field.trim().is_empty() {
            path.parse().map_err(DestinationError::PathInBucket)
        } else {
            Err(DestinationError::PrefixTwice)
        };
        match (bucket, prefix) {
            (Ok(bucket), Ok(prefix)) => Ok(Destination { bucket, prefix }),
            (Ok(_), Err(error)) => Err(vec![error]),
            (Err(bucket), prefix) => {
                let beside_prefix = prefix.err().filter(|error| error.field() == Field::Prefix);
                Err([Some(bucket), beside_prefix].into_iter().flatten().collect())
            }
        }
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The folder in it.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bucket_names_follow_aws_rules() {
        for valid in ["acme-audit-logs", "a.b.c", "123", "logs.acme.example"] {
            assert!(valid.parse::<BucketName>().is_ok(), "{valid}");
        }
        let cases = [
            ("", BucketNameError::Empty),
            ("ab", BucketNameError::Length),
            ("Acme", BucketNameError::Characters),
            ("a_b", BucketNameError::Characters),
            ("-abc", BucketNameError::Ends),
            ("abc.", BucketNameError::Ends),
            ("a..b", BucketNameError::Dots),
            ("192.168.5.4", BucketNameError::IpAddress),
            ("xn--abc", BucketNameError::Reserved),
            ("abc--x-s3", BucketNameError::Reserved),
            ("arn:aws:s3:::abc", BucketNameError::Arn),
        ];
        for (typed, error) in cases {
            assert_eq!(typed.parse::<BucketName>(), Err(error), "{typed}");
        }
        assert_eq!("a".repeat(64).parse::<BucketName>(), Err(BucketNameError::Length));
    }

    #[test]
    fn a_path_with_the_bucket_is_the_prefix() {
        for typed in ["acme-logs/a/b", "s3://acme-logs/a/b", " s3://acme-logs/a/b/ "] {
            let destination = Destination::parse(typed, "").unwrap();
            assert_eq!(destination.bucket().as_str(), "acme-logs");
            assert_eq!(destination.prefix().as_str(), "a/b");
            assert_eq!(destination.prefix().join("key"), "a/b/key");
        }
        assert_eq!(Destination::parse("acme-logs/", "x").unwrap().prefix().as_str(), "x");
        assert_eq!(Destination::parse("acme-logs/a", "b"), Err(vec![DestinationError::PrefixTwice]));
        assert_eq!(Destination::parse("s3://acme-logs", "").unwrap().prefix().join("key"), "key");
    }

    #[test]
    fn both_fields_are_told_what_is_wrong_with_them_at_once() {
        let bucket = DestinationError::Bucket(BucketNameError::Characters);
        let prefix = DestinationError::Prefix(PrefixError::LeadingSlash);
        assert_eq!(Destination::parse("Acme", "/a"), Err(vec![bucket, prefix]));
        for (typed, prefix) in [("Acme", "a"), ("Acme/a*", ""), ("Acme/a", "b")] {
            assert_eq!(Destination::parse(typed, prefix), Err(vec![bucket]), "{typed}: one in a field");
        }
    }

    #[test]
    fn a_prefix_holds_nothing_that_a_policy_reads_otherwise() {
        let cases = [
            ("/a", PrefixError::LeadingSlash),
            ("a*", PrefixError::Characters),
            ("a?", PrefixError::Characters),
            ("${aws:username}", PrefixError::Characters),
            ("a//b", PrefixError::DoubleSlash),
            ("a//", PrefixError::DoubleSlash),
            ("a/../b", PrefixError::Dots),
            (".", PrefixError::DotAlone),
            ("./a", PrefixError::DotAlone),
            ("a/./b", PrefixError::DotAlone),
            ("a/b/.", PrefixError::DotAlone),
            ("ü", PrefixError::Characters),
        ];
        for (typed, error) in cases {
            assert_eq!(typed.parse::<Prefix>(), Err(error), "{typed}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_stable(bucket in ".{0,70}", prefix in ".{0,40}") {
            if let Ok(destination) = Destination::parse(&bucket, &prefix) {
                let again = Destination::parse(destination.bucket().as_str(), destination.prefix().as_str());
                prop_assert_eq!(again, Ok(destination));
            }
        }

        #[test]
        fn every_prefix_of_allowed_segments_parses(segments in prop::collection::vec("[A-Za-z0-9_'()!-]{1,12}", 0..6)) {
            let text = segments.join("/");
            let prefix: Prefix = text.parse().unwrap();
            prop_assert_eq!(prefix.as_str(), text);
        }
    }
}
