//! Two partitions of AWS, served by one process: each role is assumed by the principal of its own.

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use trailpost::demo::world;
use trailpost::domain::clock::Clock;
use trailpost::domain::organization::ExternalId;
use trailpost::domain::policy;
use trailpost::domain::role_arn::Partition;
use trailpost::sandbox::{Bucket, IamRole, IamUser, Sandbox, SandboxConfig};

use super::installation::Installation;
use super::roles::{accept, origin};
use crate::support::http_user::enable_with;

const PRINCIPAL: &str = "arn:aws-us-gov:iam::888877776666:user/trailpost";
const ROLE: &str = "arn:aws-us-gov:iam::111122223333:role/audit-logs";
const BUCKET: &str = "acme-gov-audit-logs";
const REGION: &str = "us-gov-west-1";
const PROFILE: &str = "[profile trailpost-aws-us-gov]
region = us-gov-west-1
aws_access_key_id = AKIATRAILPOSTINGOV00
aws_secret_access_key = the-secret-of-that-key
";

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_another_partition_is_assumed_by_the_principal_of_that_one() {
    let installation = Installation::new();
    let created = installation.create_organization();
    let organization = created["organization_id"].as_str().unwrap();
    let external_id = created["external_id"].as_str().unwrap().parse().unwrap();
    let stop = CancellationToken::new();
    let sandbox = start_sandbox(&installation, &external_id, stop.clone()).await;
    let profiles = installation.folder().join("aws-config");
    std::fs::write(&profiles, PROFILE).unwrap();
    // Those of the environment are for the home partition alone: with them the role would not be assumed.
    let installation = installation.with_environment(&[
        ("AWS_ENDPOINT_URL", &sandbox.endpoint_url()),
        ("AWS_CONFIG_FILE", profiles.to_str().unwrap()),
        ("AWS_REGION", world::REGION),
        ("AWS_ACCESS_KEY_ID", world::OUR_ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", world::OUR_SECRET_ACCESS_KEY),
        ("TRAILPOST__AWS__PRINCIPAL_ARN", world::OUR_PRINCIPAL),
        ("TRAILPOST__AWS__FURTHER_PRINCIPAL_ARNS", PRINCIPAL),
    ]);
    let (mut process, ready) = installation.serve();
    let owner = accept(&origin(&ready), created["invitation_url"].as_str().unwrap()).await;
    let page = format!("/organizations/{organization}/settings/audit-logs");
    for (role, words) in [
        ("arn:aws-cn:iam::111122223333:role/a", "This Trailpost serves: aws, aws-us-gov"),
        ("arn:aws-us-gov:iam::888877776666:role/a", "in Trailpost’s own AWS account"),
        ("arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/y", "service-linked role"),
    ] {
        let fields = [("revision", "0"), ("role_arn", role), ("bucket", BUCKET), ("prefix", "/")];
        let answer = owner.post_form(&page, &format!("{page}/enable"), &fields).await;
        assert_eq!(answer.status, 422, "{role}");
        let beside = answer.body.split("id=\"role_arn-error\"").nth(1).unwrap().split("</p>").next().unwrap();
        assert!(beside.contains(words), "{role}: {beside}");
        assert!(answer.body.contains("id=\"prefix-error\""), "every wrong field is named at once");
    }

    enable_with(&owner, organization, &[("role_arn", ROLE), ("bucket", BUCKET)]).await;
    let shown = owner.get(&page).await.body;
    assert!(shown.contains(PRINCIPAL) && !shown.contains(world::OUR_PRINCIPAL), "{shown}");
    assert_eq!(sandbox.list_objects(BUCKET).len(), 1, "the test object was written");
    process.terminate();
    assert_eq!(process.end().code, Some(0));
    stop.cancel();
    sandbox.stop().await;
}

async fn start_sandbox(
    installation: &Installation,
    external_id: &ExternalId,
    stop: CancellationToken,
) -> Sandbox {
    let clock = Clock::system();
    let destination = trailpost::domain::bucket::Destination::parse(BUCKET, "").unwrap();
    let assume = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }],
    });
    let principal = IamUser {
        arn: PRINCIPAL.to_owned(),
        access_key_id: "AKIATRAILPOSTINGOV00".to_owned(),
        secret_access_key: "the-secret-of-that-key".to_owned(),
        policies: vec![assume.to_string()],
    };
    let role = IamRole {
        arn: ROLE.to_owned(),
        trust_policy: policy::trust_policy(PRINCIPAL, external_id).to_string(),
        permission_policies: vec![
            policy::permissions_policy(&destination, Partition::AwsUsGov, None).to_string(),
        ],
        permissions_boundary: None,
        max_session_seconds: 3600,
    };
    let config = SandboxConfig {
        folder: installation.folder().join("sandbox"),
        users: [world::users(), vec![principal]].concat(),
        roles: vec![role],
        keys: Vec::new(),
        buckets: vec![Bucket::new(BUCKET, REGION, "111122223333")],
        members: Vec::new(),
        now: Arc::new(move || clock.now().as_millis()),
        seed: [7; 32],
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    Sandbox::start(config, listener, stop).await.unwrap()
}
