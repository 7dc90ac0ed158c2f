//! Object keys, formats and compressions: what a delivered file is called and holds.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::bucket::Prefix;
use super::id::{BatchId, OrganizationId};
use super::sequence::Sequence;
use super::window::Window;

/// The name of the access check's test object.
pub const ACCESS_TEST: &str = "audit-log-access-test";

/// An enum with a word for each value: text in forms, the API and the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$value),+];

            /// The word in forms, the API and the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$value => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                $name::ALL
                    .iter()
                    .copied()
                    .find(|value| value.as_str() == text)
                    .ok_or_else(|| format!("Choose one of: {}.", [$($word),+].join(", ")))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

words!(
    /// How a file holds its records.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    Format {
        /// A JSON array with one record a line.
        #[default]
        Json = "json",
        /// One record a line.
        Ndjson = "ndjson",
    }
);

words!(
    /// How a file is compressed.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    Compression {
        /// Not at all.
        #[default]
        None = "none",
        /// gzip (RFC 1952).
        Gzip = "gzip",
    }
);

impl Format {
    /// In words, for the form.
    pub fn label(self) -> &'static str {
        match self {
            Format::Json => "JSON array",
            Format::Ndjson => "NDJSON (one record a line)",
        }
    }
}

impl Compression {
    /// In words, for the form.
    pub fn label(self) -> &'static str {
        match self {
            Compression::None => "None",
            Compression::Gzip => "gzip",
        }
    }
}

/// The Content-Type of a delivered file. A compressed file is of type gzip and has no Content-Encoding: the bytes
/// in the bucket are what every tool downloads.
pub fn content_type(format: Format, compression: Compression) -> &'static str {
    match (compression, format) {
        (Compression::Gzip, _) => "application/gzip",
        (Compression::None, Format::Json) => "application/json",
        (Compression::None, Format::Ndjson) => "application/x-ndjson",
    }
}

/// The key of an object that Trailpost writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

/// What a batch's key is made of besides the prefix.
#[derive(Clone, Copy, Debug)]
pub struct BatchName {
    /// Whose records.
    pub organization: OrganizationId,
    /// The window they were stored in.
    pub window: Window,
    /// The first record.
    pub first: Sequence,
    /// The last record.
    pub last: Sequence,
    /// The batch.
    pub batch: BatchId,
    /// As sealed.
    pub format: Format,
    /// As sealed.
    pub compression: Compression,
}

impl ObjectKey {
    /// `{prefix/}{organization_id}/YYYY/MM/DD/YYYYMMDDTHHMMSSZ_{first}-{last}_{batch}.{ext}`: made of what was fixed
    /// at sealing, so that every try of a batch writes the same key.
    pub fn of_batch(prefix: &Prefix, name: &BatchName) -> ObjectKey {
        let start = name.window.start();
        // The first bytes of a version 7 UUID are the time; the last are random.
        let batch = hex::encode(&name.batch.as_uuid().as_bytes()[12..]);
        let gz = match name.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
        };
        ObjectKey(prefix.join(&format!(
            "{}/{}/{}_{}-{}_{batch}.{}{gz}",
            name.organization,
            start.date_path(),
            start.compact(),
            name.first.padded(),
            name.last.padded(),
            name.format,
        )))
    }

    /// The key of the access check's test object.
    pub fn access_test(prefix: &Prefix) -> ObjectKey {
        ObjectKey(prefix.join(ACCESS_TEST))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::WindowLength;

    #[test]
    fn a_key_is_written_as_documented() {
        let organization: OrganizationId = "0199f3c2-7d1a-7000-8000-0123456789ab".parse().unwrap();
        let mut name = BatchName {
            organization,
            window: Window::containing("2026-11-23T09:41:00Z".parse().unwrap(), WindowLength::default()),
            first: Sequence::new(7).unwrap(),
            last: Sequence::new(138).unwrap(),
            batch: "0199f3c2-7d1a-7000-8000-0000deadbeef".parse().unwrap(),
            format: Format::Json,
            compression: Compression::None,
        };
        let file = "2026/11/23/20261123T093000Z_000000000007-000000000138_deadbeef";
        let key = ObjectKey::of_batch(&"logs".parse().unwrap(), &name);
        assert_eq!(key.as_str(), format!("logs/{organization}/{file}.json"));
        name.format = Format::Ndjson;
        name.compression = Compression::Gzip;
        let key = ObjectKey::of_batch(&Prefix::default(), &name);
        assert_eq!(key.as_str(), format!("{organization}/{file}.ndjson.gz"));
    }

    #[test]
    fn words_survive_their_text() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(*format));
        }
        assert!("xml".parse::<Format>().is_err());
        assert_eq!(content_type(Format::Ndjson, Compression::Gzip), "application/gzip");
    }
}
