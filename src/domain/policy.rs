//! The policy documents of AWS that Trailpost shows or sends. Least privilege: `s3:PutObject` under the prefix, the
//! use of a KMS key where one is set, and nothing else
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).

use serde_json::{Value, json};

use super::bucket::Destination;
use super::encryption::Encryption;
use super::id::OrganizationId;
use super::integration::Settings;
use super::kms_key_arn::KmsKeyArn;
use super::object_key::ACCESS_TEST;
use super::organization::ExternalId;
use super::role_arn::{Partition, RoleArn};

const VERSION: &str = "2012-10-17";
/// All that is done to a bucket.
pub const WRITE: &str = "s3:PutObject";
/// All that is done with a key.
pub const GENERATE_DATA_KEY: &str = "kms:GenerateDataKey";

/// Who may assume the role: our principal, with this external ID.
pub fn trust_policy(principal_arn: &str, external_id: &ExternalId) -> Value {
    json!({
        "Version": VERSION,
        "Statement": [{
            "Sid": "TrailpostAssumesThisRole",
            "Effect": "Allow",
            "Principal": { "AWS": principal_arn },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": external_id.as_str() } },
        }],
    })
}

/// What the role may do: write objects under the prefix, and have them encrypted with the key, if one is set.
pub fn permissions_policy(destination: &Destination, partition: Partition, key: Option<&KmsKeyArn>) -> Value {
    let mut statements = vec![json!({
        "Sid": "TrailpostWritesAuditLogs",
        "Effect": "Allow",
        "Action": WRITE,
        "Resource": object_arn(destination, partition, "*"),
    })];
    statements.extend(key.map(use_of_key));
    json!({ "Version": VERSION, "Statement": statements })
}

/// What a role's policy says to let it have objects encrypted with the key.
pub fn use_of_key(key: &KmsKeyArn) -> Value {
    let mut statement = json!({ "Sid": "TrailpostEncryptsThem" });
    add(&mut statement, data_keys_of(key.as_str(), Some(key.region())));
    statement
}

/// What a key's policy says to let the role have objects encrypted with it. There `*` is the key itself
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>).
pub fn key_policy_statement(role: &RoleArn, region: Option<&str>) -> Value {
    let mut statement = json!({ "Sid": "TrailpostEncryptsThem", "Principal": { "AWS": role.as_str() } });
    add(&mut statement, data_keys_of("*", region));
    statement
}

/// What a bucket's policy says to let a role of another account write.
pub fn bucket_statement(destination: &Destination, role: &RoleArn) -> Value {
    json!({
        "Sid": "TrailpostWritesAuditLogs",
        "Effect": "Allow",
        "Principal": { "AWS": role.as_str() },
        "Action": WRITE,
        "Resource": object_arn(destination, role.partition(), "*"),
    })
}

/// A bucket's policy that says that and nothing else.
pub fn bucket_policy(destination: &Destination, role: &RoleArn) -> Value {
    json!({ "Version": VERSION, "Statement": [bucket_statement(destination, role)] })
}

/// The objects that are written, as a policy names them.
pub fn objects(destination: &Destination, partition: Partition) -> String {
    object_arn(destination, partition, "*")
}

/// What one session of ours may do, whatever the role allows: the test object, the organization's own folder, and the
/// encryption of both.
pub fn session_policy(settings: &Settings, organization: OrganizationId) -> Value {
    let (destination, partition) = (settings.destination(), settings.role_arn.partition());
    let mut statements = vec![json!({
        "Effect": "Allow",
        "Action": WRITE,
        "Resource": [
            object_arn(&destination, partition, ACCESS_TEST),
            object_arn(&destination, partition, &format!("{organization}/*")),
        ],
    })];
    statements.extend(data_keys(&settings.encryption));
    json!({ "Version": VERSION, "Statement": statements })
}

fn data_keys(encryption: &Encryption) -> Option<Value> {
    match encryption {
        // Objects are then encrypted with no key of the customer's.
        Encryption::SseS3 => None,
        // It may be a key of the customer's, and only the bucket knows which.
        Encryption::BucketDefault => Some(data_keys_of("*", None)),
        Encryption::Kms(key) => Some(data_keys_of(key.as_str(), Some(key.region()))),
    }
}

/// S3 alone may ask for data keys on our behalf
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>). Its name
/// there ends in the domain of the partition.
fn data_keys_of(resource: &str, region: Option<&str>) -> Value {
    let via = region.map_or_else(|| "s3.*".to_owned(), |region| format!("s3.{region}.*"));
    json!({
        "Effect": "Allow",
        "Action": GENERATE_DATA_KEY,
        "Resource": resource,
        "Condition": { "StringLike": { "kms:ViaService": via } },
    })
}

fn add(statement: &mut Value, more: Value) {
    if let (Value::Object(statement), Value::Object(more)) = (statement, more) {
        statement.extend(more);
    }
}

fn object_arn(destination: &Destination, partition: Partition, rest: &str) -> String {
    format!("arn:{}:s3:::{}/{}", partition.as_str(), destination.bucket(), destination.prefix().join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};
    use crate::domain::integration::TypedSettings;
    use crate::domain::window::WindowLength;

    const KEY: &str = "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn settings(encryption: Encryption) -> Settings {
        let typed = TypedSettings {
            role_arn: "arn:aws-cn:iam::111122223333:role/trailpost-audit-logs".to_owned(),
            bucket: format!("{}/team", "b".repeat(63)),
            ..TypedSettings::default()
        };
        Settings { encryption, ..typed.parse(WindowLength::default()).unwrap() }
    }

    #[test]
    fn permissions_allow_one_action_under_the_prefix_and_the_key_if_one_is_set() {
        let destination = Destination::parse("acme-logs/team", "").unwrap();
        let allowed = |key: Option<KmsKeyArn>| {
            let policy = permissions_policy(&destination, Partition::AwsCn, key.as_ref());
            let statements = policy["Statement"].as_array().unwrap().clone();
            statements
                .iter()
                .map(|each| (each["Action"].clone(), each["Resource"].clone()))
                .collect::<Vec<_>>()
        };
        let write = (json!("s3:PutObject"), json!("arn:aws-cn:s3:::acme-logs/team/*"));
        assert_eq!(allowed(None), std::slice::from_ref(&write));
        assert_eq!(allowed(Some(KEY.parse().unwrap())), [write, (json!("kms:GenerateDataKey"), json!(KEY))]);
        let with_key = permissions_policy(&destination, Partition::AwsCn, Some(&KEY.parse().unwrap()));
        let condition = &with_key["Statement"][1]["Condition"]["StringLike"];
        assert_eq!(condition["kms:ViaService"], "s3.cn-north-1.*", "by S3 alone, and of its region");
    }

    #[test]
    fn a_session_may_write_its_own_folder_and_use_the_key_that_is_set_through_s3_alone() {
        let organization = OrganizationId::generate(&Clock::system(), &Entropy::seeded(1));
        let key = Encryption::Kms(KEY.parse().unwrap());
        for (encryption, data_keys) in [
            (Encryption::SseS3, None),
            (Encryption::BucketDefault, Some(("*", "s3.*"))),
            (key, Some((KEY, "s3.cn-north-1.*"))),
        ] {
            let settings = settings(encryption);
            let session = session_policy(&settings, organization);
            let folder = object_arn(&settings.destination(), Partition::AwsCn, &format!("{organization}/*"));
            let test = object_arn(&settings.destination(), Partition::AwsCn, "audit-log-access-test");
            assert_eq!(session["Statement"][0]["Resource"], json!([test, folder]));
            assert_eq!(session["Statement"].as_array().unwrap().len(), 1 + usize::from(data_keys.is_some()));
            if let Some((resource, via)) = data_keys {
                let statement = &session["Statement"][1];
                assert_eq!(statement["Action"], "kms:GenerateDataKey");
                assert_eq!(statement["Resource"], resource);
                assert_eq!(statement["Condition"]["StringLike"]["kms:ViaService"], via);
            }
            assert!(session.to_string().len() < 2048, "STS takes at most 2,048 characters");
        }
    }

    #[test]
    fn a_key_is_used_through_s3_alone_whoever_allows_it() {
        let key: KmsKeyArn = KEY.parse().unwrap();
        let role = settings(Encryption::SseS3).role_arn;
        let (by_role, by_key) = (use_of_key(&key), key_policy_statement(&role, Some(key.region())));
        for same in ["Sid", "Effect", "Action", "Condition"] {
            assert_eq!(by_role[same], by_key[same]);
        }
        assert_eq!(by_key["Principal"]["AWS"], role.as_str());
        let condition = &key_policy_statement(&role, None)["Condition"]["StringLike"];
        assert_eq!(condition["kms:ViaService"], "s3.*", "of whatever region, but by S3 alone");
    }

    #[test]
    fn trust_requires_the_external_id() {
        let external_id = ExternalId::generate(&Entropy::seeded(1));
        let trust = trust_policy("arn:aws:iam::999988887777:user/trailpost", &external_id);
        let statement = &trust["Statement"][0];
        assert_eq!(statement["Condition"]["StringEquals"]["sts:ExternalId"], external_id.as_str());
    }
}
