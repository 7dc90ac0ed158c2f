//! How S3 encrypts what Trailpost puts into a bucket
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html>).

use std::str::FromStr;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::kms_key_arn::KmsKeyArn;
use super::role_arn::Partition;

/// What each object is encrypted with. A key goes with KMS and with nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// What the bucket does by itself: nothing is asked for.
    #[default]
    BucketDefault,
    /// Amazon S3's own keys.
    SseS3,
    /// This KMS key.
    Kms(KmsKeyArn),
}

/// An encryption without its key: what is chosen from a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionKind {
    /// As `Encryption::BucketDefault`.
    #[default]
    BucketDefault,
    /// As `Encryption::SseS3`.
    SseS3,
    /// As `Encryption::Kms`.
    Kms,
}

/// Why a choice and a key don't make an encryption. Both are about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum EncryptionError {
    #[error("Enter the ARN of the KMS key that objects should be encrypted with.")]
    KeyMissing,
    #[error("A key is used only with the encryption “KMS key”. Choose that, or clear this field.")]
    KeyUnused,
    #[error(
        "This key is in the partition {key}, and the role in {role}: a role can only use keys of its own."
    )]
    KeyElsewhere { key: &'static str, role: &'static str },
}

impl Encryption {
    /// The encryption that a choice and a key make.
    ///
    /// # Errors
    /// KMS was chosen without a key, or a key was given with another choice.
    pub fn of(kind: EncryptionKind, key: Option<KmsKeyArn>) -> Result<Encryption, EncryptionError> {
        match (kind, key) {
            (EncryptionKind::BucketDefault, None) => Ok(Encryption::BucketDefault),
            (EncryptionKind::SseS3, None) => Ok(Encryption::SseS3),
            (EncryptionKind::Kms, Some(key)) => Ok(Encryption::Kms(key)),
            (EncryptionKind::Kms, None) => Err(EncryptionError::KeyMissing),
            (EncryptionKind::BucketDefault | EncryptionKind::SseS3, Some(_)) => {
                Err(EncryptionError::KeyUnused)
            }
        }
    }

    /// Checks that a role of this partition can use the key, if there is one.
    ///
    /// # Errors
    /// The key is in another partition.
    pub fn check_partition(&self, role: Partition) -> Result<(), EncryptionError> {
        match self.kms_key_arn() {
            Some(key) if key.partition() != role => {
                Err(EncryptionError::KeyElsewhere { key: key.partition().as_str(), role: role.as_str() })
            }
            _ => Ok(()),
        }
    }

    /// Which one, without the key.
    pub fn kind(&self) -> EncryptionKind {
        match self {
            Encryption::BucketDefault => EncryptionKind::BucketDefault,
            Encryption::SseS3 => EncryptionKind::SseS3,
            Encryption::Kms(_) => EncryptionKind::Kms,
        }
    }

    /// The key, if one is set.
    pub fn kms_key_arn(&self) -> Option<&KmsKeyArn> {
        match self {
            Encryption::Kms(key) => Some(key),
            Encryption::BucketDefault | Encryption::SseS3 => None,
        }
    }
}

/// Two fields, `encryption` and `kms_key_arn`, as in the API.
impl Serialize for Encryption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Encryption", 2)?;
        fields.serialize_field("encryption", self.kind().as_str())?;
        fields.serialize_field("kms_key_arn", &self.kms_key_arn())?;
        fields.end()
    }
}

impl EncryptionKind {
    /// All of them, in the order they are offered in.
    pub const ALL: [EncryptionKind; 3] =
        [EncryptionKind::BucketDefault, EncryptionKind::SseS3, EncryptionKind::Kms];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            EncryptionKind::BucketDefault => "bucket_default",
            EncryptionKind::SseS3 => "sse_s3",
            EncryptionKind::Kms => "kms",
        }
    }

    /// The name on the page.
    pub fn label(self) -> &'static str {
        match self {
            EncryptionKind::BucketDefault => "Bucket default",
            EncryptionKind::SseS3 => "SSE-S3",
            EncryptionKind::Kms => "KMS key",
        }
    }
}

impl FromStr for EncryptionKind {
    type Err = String;

    fn from_str(text: &str) -> Result<EncryptionKind, String> {
        EncryptionKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| "Choose the bucket’s default, SSE-S3 or a KMS key.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn it_is_two_fields_for_programs() {
        let key = || KEY.parse().unwrap();
        let written = |encryption| serde_json::to_value(&encryption).unwrap();
        assert_eq!(written(Encryption::Kms(key())), json!({ "encryption": "kms", "kms_key_arn": KEY }));
        assert_eq!(written(Encryption::SseS3), json!({ "encryption": "sse_s3", "kms_key_arn": null }));
    }

    #[test]
    fn a_role_uses_keys_of_its_own_partition() {
        let encryption = Encryption::Kms(KEY.parse().unwrap());
        assert_eq!(encryption.check_partition(Partition::Aws), Ok(()));
        let elsewhere = EncryptionError::KeyElsewhere { key: "aws", role: "aws-cn" };
        assert_eq!(encryption.check_partition(Partition::AwsCn), Err(elsewhere));
        assert_eq!(Encryption::SseS3.check_partition(Partition::AwsCn), Ok(()));
    }

    proptest! {
        #[test]
        fn a_key_goes_with_kms_and_kms_with_a_key(
            kind in prop::sample::select(EncryptionKind::ALL.to_vec()),
            has_key: bool,
        ) {
            let key: Option<KmsKeyArn> = has_key.then(|| KEY.parse().unwrap());
            match Encryption::of(kind, key.clone()) {
                Ok(encryption) => {
                    prop_assert_eq!(encryption.kind(), kind);
                    prop_assert_eq!(encryption.kms_key_arn(), key.as_ref());
                    prop_assert_eq!(has_key, kind == EncryptionKind::Kms);
                }
                Err(error) => {
                    let expected = if has_key { EncryptionError::KeyUnused } else { EncryptionError::KeyMissing };
                    prop_assert_eq!(error, expected);
                }
            }
            prop_assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
