//! The policy documents of AWS that Trailpost shows or sends. Least privilege: `s3:PutObject` under the prefix, the use
//! of the key where one is set, and nothing else
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).

use serde_json::{Value, json};

use super::bucket::Destination;
use super::id::OrganizationId;
use super::kms_key_arn::KmsKeyArn;
use super::object_key::ACCESS_TEST;
use super::organization::ExternalId;
use super::role_arn::Partition;

const VERSION: &str = "2012-10-17";

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

/// What the role may do: write objects under the prefix, and have them encrypted with the key if there is one.
pub fn permissions_policy(
    destination: &Destination,
    partition: Partition,
    kms_key: Option<&KmsKeyArn>,
) -> Value {
    let write = json!({
        "Sid": "TrailpostWritesAuditLogs",
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": object_arn(destination, partition, "*"),
    });
    let statements: Vec<Value> = [write].into_iter().chain(kms_key.map(use_of_key)).collect();
    json!({ "Version": VERSION, "Statement": statements })
}

/// S3 asks for the data key on our behalf, and nobody else may. Its name ends in another domain in some partitions
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>).
fn use_of_key(key: &KmsKeyArn) -> Value {
    json!({
        "Sid": "TrailpostEncryptsWithThisKey",
        "Effect": "Allow",
        "Action": "kms:GenerateDataKey",
        "Resource": key.as_str(),
        "Condition": { "StringLike": { "kms:ViaService": format!("s3.{}.*", key.region()) } },
    })
}

/// What one session of ours may do, whatever the role allows: the test object and the organization's own folder.
pub fn session_policy(
    destination: &Destination,
    organization: OrganizationId,
    partition: Partition,
) -> Value {
    json!({
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "s3:PutObject",
                "Resource": [
                    object_arn(destination, partition, ACCESS_TEST),
                    object_arn(destination, partition, &format!("{organization}/*")),
                ],
            },
            // A bucket may encrypt by default with a key of the customer's. S3 alone may ask for it on our behalf
            // (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
            {
                "Effect": "Allow",
                "Action": "kms:GenerateDataKey",
                "Resource": "*",
                "Condition": { "StringLike": { "kms:ViaService": "s3.*" } },
            },
        ],
    })
}

fn object_arn(destination: &Destination, partition: Partition, rest: &str) -> String {
    format!("arn:{}:s3:::{}/{}", partition.as_str(), destination.bucket(), destination.prefix().join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::{Clock, Entropy};

    #[test]
    fn policies_allow_one_action_under_the_prefix_and_nothing_else() {
        let destination = Destination::parse("acme-logs/team", "").unwrap();
        let permissions = permissions_policy(&destination, Partition::AwsCn, None);
        let statements = permissions["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0]["Action"], "s3:PutObject");
        assert_eq!(statements[0]["Resource"], "arn:aws-cn:s3:::acme-logs/team/*");

        let text = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        let key = KmsKeyArn::parse(text).unwrap();
        let permissions = permissions_policy(&destination, Partition::AwsCn, Some(&key));
        assert_eq!(permissions["Statement"][1]["Action"], "kms:GenerateDataKey");
        assert_eq!(permissions["Statement"][1]["Resource"], text);
        let condition = &permissions["Statement"][1]["Condition"]["StringLike"];
        assert_eq!(condition["kms:ViaService"], "s3.cn-north-1.*");

        let organization = OrganizationId::generate(&Clock::system(), &Entropy::seeded(1));
        let session = session_policy(&destination, organization, Partition::Aws);
        assert_eq!(
            session["Statement"][0]["Resource"],
            json!([
                "arn:aws:s3:::acme-logs/team/audit-log-access-test",
                format!("arn:aws:s3:::acme-logs/team/{organization}/*"),
            ])
        );
        assert!(session.to_string().len() < 2048, "STS takes at most 2,048 characters");
    }

    #[test]
    fn trust_requires_the_external_id() {
        let external_id = ExternalId::generate(&Entropy::seeded(1));
        let trust = trust_policy("arn:aws:iam::999988887777:user/trailpost", &external_id);
        let statement = &trust["Statement"][0];
        assert_eq!(statement["Condition"]["StringEquals"]["sts:ExternalId"], external_id.as_str());
    }
}
