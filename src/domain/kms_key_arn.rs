//! ARNs of AWS KMS keys, parsed segment by segment
//! (<https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN>).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::role_arn::{AccountId, Partition, excerpt};

/// The ARN of a key: `arn:{partition}:kms:{region}:{account}:key/{id}`. Never an alias: a policy that names one by
/// its ARN allows nothing, and an alias can be pointed at another key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KmsKeyArn {
    text: String,
    partition: Partition,
    /// Where the region starts in `text`, and its length.
    region_at: (usize, usize),
    account_id: AccountId,
}

/// Why a text is not a key's ARN: each names the wrong segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what is wrong")]
pub enum KmsKeyArnError {
    #[error(
        "This is not an ARN. A key’s ARN looks like arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab."
    )]
    NotAnArn,
    #[error(
        "The partition “{0}” is not one of AWS’s: the ARN starts with arn:aws: (or aws-us-gov, aws-cn, aws-eusc)."
    )]
    Partition(String),
    #[error("This is an ARN of the service “{0}”. Enter the ARN of a KMS key: the third segment is kms.")]
    Service(String),
    #[error("The region “{0}” is not valid: the fourth segment is the key’s region, such as eu-west-1.")]
    Region(String),
    #[error("The region “{region}” is not in the partition {partition}.")]
    RegionElsewhere { region: String, partition: &'static str },
    #[error("The account “{0}” is not valid: an AWS account ID has exactly 12 digits.")]
    Account(String),
    #[error(
        "This is an alias, which can be pointed at another key. Enter the key’s own ARN: its last segment starts with key/."
    )]
    Alias,
    #[error("This is the ARN of a “{0}”. Enter the ARN of a key: the last segment starts with key/.")]
    NotAKey(String),
    #[error(
        "The key ID “{0}” is not valid: it is 32 lower-case hexadecimal digits, either in groups as in 1234abcd-12ab-34cd-56ef-1234567890ab or after mrk-."
    )]
    KeyId(String),
}

impl KmsKeyArn {
    /// Parses a typed ARN; white space around it is dropped.
    ///
    /// # Errors
    /// The segment that is wrong, and what it should be.
    pub fn parse(typed: &str) -> Result<KmsKeyArn, KmsKeyArnError> {
        let text = typed.trim();
        if text.starts_with("alias/") {
            return Err(KmsKeyArnError::Alias);
        }
        let segments: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = segments[..] else {
            return Err(KmsKeyArnError::NotAnArn);
        };
        let region_at = ("arn:".len() + partition.len() + 1 + service.len() + 1, region.len());
        let partition =
            Partition::of_word(partition).ok_or_else(|| KmsKeyArnError::Partition(excerpt(partition)))?;
        if service != "kms" {
            return Err(KmsKeyArnError::Service(excerpt(service)));
        }
        check_region(region, partition)?;
        let account_id = account.parse().map_err(|_| KmsKeyArnError::Account(excerpt(account)))?;
        check_resource(resource)?;
        Ok(KmsKeyArn { text: text.to_owned(), partition, region_at, account_id })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The region that the key is in. S3 takes a key of the bucket's own region only
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>).
    pub fn region(&self) -> &str {
        let (start, length) = self.region_at;
        &self.text[start..start + length]
    }

    /// The account that the key is in.
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }
}

fn check_region(region: &str, partition: Partition) -> Result<(), KmsKeyArnError> {
    if !is_region(region) {
        return Err(KmsKeyArnError::Region(excerpt(region)));
    }
    if partition_of_region(region) != Some(partition) {
        return Err(KmsKeyArnError::RegionElsewhere {
            region: excerpt(region),
            partition: partition.as_str(),
        });
    }
    Ok(())
}

/// The shape of a region's name: words and a number, `us-gov-west-1`. Which regions there are, AWS changes.
fn is_region(text: &str) -> bool {
    const LONGEST: usize = 32;
    let words: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = words.split_last() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    text.len() <= LONGEST
        && words.len() >= 2
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Regions carry their partition in the name; those of the isolated partitions belong to none that is served
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>).
fn partition_of_region(region: &str) -> Option<Partition> {
    let is_isolated = region.split('-').nth(1).is_some_and(|word| word.starts_with("iso"));
    match region {
        _ if is_isolated => None,
        _ if region.starts_with("us-gov-") => Some(Partition::AwsUsGov),
        _ if region.starts_with("cn-") => Some(Partition::AwsCn),
        _ if region.starts_with("eusc-") => Some(Partition::AwsEusc),
        _ => Some(Partition::Aws),
    }
}

fn check_resource(resource: &str) -> Result<(), KmsKeyArnError> {
    match resource.split_once('/') {
        Some(("key", id)) if is_key_id(id) => Ok(()),
        Some(("key", id)) => Err(KmsKeyArnError::KeyId(excerpt(id))),
        Some(("alias", _)) => Err(KmsKeyArnError::Alias),
        Some((kind, _)) => Err(KmsKeyArnError::NotAKey(excerpt(kind))),
        None => Err(KmsKeyArnError::NotAKey(excerpt(resource))),
    }
}

/// A UUID, or what multi-region keys have instead
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>).
fn is_key_id(id: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if let Some(digits) = id.strip_prefix("mrk-") {
        return digits.len() == 32 && is_hex(digits);
    }
    let groups: Vec<&str> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.into_iter().all(is_hex)
}

impl fmt::Display for KmsKeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for KmsKeyArn {
    type Err = KmsKeyArnError;

    fn from_str(text: &str) -> Result<KmsKeyArn, KmsKeyArnError> {
        KmsKeyArn::parse(text)
    }
}

impl Serialize for KmsKeyArn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for KmsKeyArn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KmsKeyArn, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn the_parts_of_a_key_arn_are_found() {
        let text = format!("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/{ID}");
        let key = KmsKeyArn::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(key.as_str(), text);
        assert_eq!(key.partition(), Partition::AwsUsGov);
        assert_eq!(key.region(), "us-gov-west-1");
        assert_eq!(key.account_id().as_str(), "111122223333");
    }

    #[test]
    fn keys_of_every_partition_and_of_several_regions_are_keys() {
        for text in [
            "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
            "arn:aws:kms:ap-southeast-7:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-eusc:kms:eusc-de-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ] {
            assert_eq!(KmsKeyArn::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_message_names_the_wrong_segment() {
        use KmsKeyArnError::{
            Account, Alias, KeyId, NotAKey, NotAnArn, Partition, Region, RegionElsewhere, Service,
        };
        let elsewhere = |region: &str, partition| RegionElsewhere { region: region.to_owned(), partition };
        let cases = [
            ("", NotAnArn),
            (ID, NotAnArn),
            ("ARN:aws:kms:eu-west-1:111122223333:key/x", NotAnArn),
            ("alias/audit-logs", Alias),
            ("arn:amazon:kms:eu-west-1:111122223333:key/x", Partition("amazon".to_owned())),
            ("arn:aws:iam::111122223333:role/a", Service("iam".to_owned())),
            ("arn:aws:kms::111122223333:key/x", Region(String::new())),
            ("arn:aws:kms:eu-west:111122223333:key/x", Region("eu-west".to_owned())),
            ("arn:aws:kms:EU-WEST-1:111122223333:key/x", Region("EU-WEST-1".to_owned())),
            ("arn:aws:kms:eu-west-1*:111122223333:key/x", Region("eu-west-1*".to_owned())),
            ("arn:aws:kms:cn-north-1:111122223333:key/x", elsewhere("cn-north-1", "aws")),
            ("arn:aws-cn:kms:eu-west-1:111122223333:key/x", elsewhere("eu-west-1", "aws-cn")),
            ("arn:aws:kms:us-isob-east-1:111122223333:key/x", elsewhere("us-isob-east-1", "aws")),
            ("arn:aws:kms:eu-west-1:1111:key/x", Account("1111".to_owned())),
            ("arn:aws:kms:eu-west-1:111122223333:alias/audit-logs", Alias),
            ("arn:aws:kms:eu-west-1:111122223333:key", NotAKey("key".to_owned())),
            ("arn:aws:kms:eu-west-1:111122223333:grant/x", NotAKey("grant".to_owned())),
            ("arn:aws:kms:eu-west-1:111122223333:key/", KeyId(String::new())),
            ("arn:aws:kms:eu-west-1:111122223333:key/*", KeyId("*".to_owned())),
            ("arn:aws:kms:eu-west-1:111122223333:key/mrk-12", KeyId("mrk-12".to_owned())),
        ];
        for (typed, error) in cases {
            assert_eq!(KmsKeyArn::parse(typed), Err(error), "{typed}");
        }
        let upper = format!("arn:aws:kms:eu-west-1:111122223333:key/{}", ID.to_uppercase());
        assert_eq!(KmsKeyArn::parse(&upper), Err(KeyId(ID.to_uppercase())));
    }

    #[test]
    fn it_stands_in_json_as_its_text_and_is_parsed_from_it() {
        let json = format!("\"arn:aws:kms:eu-west-1:111122223333:key/{ID}\"");
        let key: KmsKeyArn = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), json);
        assert!(serde_json::from_str::<KmsKeyArn>("\"alias/a\"").is_err());
    }

    proptest! {
        #[test]
        fn valid_parts_make_a_key_arn(
            region in "(eu|us|ap|sa|il)-(north|south|east|west|central){1,2}-[1-9]",
            account in "[0-9]{12}",
            id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}",
        ) {
            let text = format!("arn:aws:kms:{region}:{account}:key/{id}");
            let key = KmsKeyArn::parse(&text).unwrap();
            prop_assert_eq!(key.as_str(), &text);
            prop_assert_eq!(key.region(), &region);
            prop_assert_eq!(key.account_id().as_str(), &account);
        }

        #[test]
        fn what_parses_is_stable_and_holds_nothing_that_a_policy_reads_otherwise(
            text in "(arn:aws:kms:)?(eu-west-1:111122223333:)?(key/)?.{0,60}",
        ) {
            if let Ok(key) = KmsKeyArn::parse(&text) {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/-".contains(&byte);
                prop_assert!(key.as_str().bytes().all(plain));
                prop_assert_eq!(KmsKeyArn::parse(key.as_str()), Ok(key));
            }
        }

        #[test]
        fn one_wrong_character_anywhere_in_the_id_is_refused(at in 0_usize..36, wrong in "[g-zA-Z*?$/ é]") {
            let mut id: Vec<char> = ID.chars().collect();
            id[at] = wrong.chars().next().unwrap();
            let id: String = id.into_iter().collect();
            // A space at the very end is dropped as white space around the ARN; the id is then too short.
            let found = KmsKeyArn::parse(&format!("arn:aws:kms:eu-west-1:111122223333:key/{id}"));
            prop_assert!(matches!(found, Err(KmsKeyArnError::KeyId(_))));
        }
    }
}
