//! Answers of AWS's that the small AWS has no state for, each over HTTP in the wording that is documented or recorded.

use axum::Router;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use tokio::net::TcpListener;
use trailpost::aws::{AssumedRole, Aws, AwsConfig, AwsIdentity, BucketRegion, Object, Written};
use trailpost::domain::access_check::Stage;
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::integration::{Settings, TypedSettings};
use trailpost::domain::object_key::ObjectKey;
use trailpost::domain::organization::ExternalId;
use trailpost::domain::s3_endpoint::S3Endpoint;
use trailpost::domain::window::WindowLength;

use crate::support::{BUCKET, ROLE_ARN};

/// Status, code and words.
type Said = (u16, &'static str, &'static str);

/// What an AWS says to each kind of call; it does what it says nothing of.
#[derive(Clone, Copy, Default)]
struct Answers {
    to_assume_role: Option<Said>,
    to_head_bucket: Option<u16>,
    to_puts_with_a_condition: Option<Said>,
    to_other_puts: Option<Said>,
}

const ASSUMED: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
    <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
    <SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
    </AssumeRoleResult></AssumeRoleResponse>";

impl Answers {
    fn answer(self, method: &Method, headers: &HeaderMap) -> Response {
        match *method {
            Method::POST => self.to_assume_role.map_or_else(|| ASSUMED.into_response(), of_sts),
            Method::HEAD => {
                let status = StatusCode::from_u16(self.to_head_bucket.unwrap_or(200)).unwrap();
                (status, [("x-amz-bucket-region", "us-east-1")]).into_response()
            }
            _ if headers.contains_key("if-none-match") => {
                self.to_puts_with_a_condition.map_or_else(done, of_s3)
            }
            _ => self.to_other_puts.map_or_else(done, of_s3),
        }
    }

    /// An AWS that answers so.
    async fn aws(self, s3: S3Endpoint) -> Aws {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(move |method: Method, headers: HeaderMap| async move {
            self.answer(&method, &headers)
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let identity = AwsIdentity::Stated {
            endpoint_url,
            region: "us-east-1".to_owned(),
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "secret".into(),
        };
        // A name in front of an address names nothing.
        let s3 = S3Endpoint { path_style: true, ..s3 };
        Aws::new(AwsConfig { s3, ..identity.into() }, Clock::system()).await
    }
}

fn of_sts((status, code, words): Said) -> Response {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{words}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn of_s3((status, code, words): Said) -> Response {
    let body =
        format!("<Error><Code>{code}</Code><Message>{words}</Message><RequestId>1</RequestId></Error>");
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn done() -> Response {
    StatusCode::OK.into_response()
}

fn asked() -> (AssumedRole, Settings) {
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let typed = TypedSettings {
        role_arn: ROLE_ARN.to_owned(),
        bucket: BUCKET.to_owned(),
        ..TypedSettings::default()
    };
    let settings = typed.parse(WindowLength::default()).unwrap();
    let organization = OrganizationId::generate(&clock, &entropy);
    (AssumedRole::new(organization, ExternalId::generate(&entropy), &settings), settings)
}

async fn put_test(answers: Answers, s3: S3Endpoint) -> Result<Written, Failure> {
    let (role, settings) = asked();
    let key = ObjectKey::access_test(&settings.prefix);
    let object = Object { key, content_type: "text/plain", body: "test".into() };
    answers.aws(s3).await.put_test(&role, &settings, &object).await
}

#[tokio::test]
async fn errors_of_assume_role_are_told_apart() {
    for (said, cause) in [
        (
            (
                403,
                "RegionDisabledException",
                "STS is not activated in this region for account:111122223333. Your account administrator can activate \
                 STS in this region using the IAM Console.",
            ),
            Cause::StsNotActivated,
        ),
        (
            (
                400,
                "PackedPolicyTooLarge",
                "Packed policy consumes 112% of allotted space, please use smaller policy.",
            ),
            Cause::SessionPolicyRefused,
        ),
        (
            (400, "MalformedPolicyDocument", "The policy is not in the valid JSON format."),
            Cause::SessionPolicyRefused,
        ),
        ((400, "ValidationError", "Request ARN is invalid"), Cause::RoleArnRefused),
        ((403, "AccessDenied", "Roles may not be assumed by root accounts."), Cause::OwnPolicyRefuses),
        ((418, "TeaPot", "I am one"), Cause::Unexpected),
    ] {
        let answers = Answers { to_assume_role: Some(said), ..Answers::default() };
        let aws = answers.aws(S3Endpoint::default()).await;
        let failure = aws.assume(&asked().0).await.unwrap_err();
        assert_eq!((failure.stage, failure.cause), (Stage::AssumeRole, cause), "{said:?}");
        assert_eq!(aws.refused_since(), None, "{said:?}");
        let answer = failure.aws.unwrap();
        assert_eq!((answer.message.as_str(), answer.region.as_deref()), (said.2, Some("us-east-1")));
    }
}

#[tokio::test]
async fn errors_of_a_write_are_told_apart() {
    for (said, stage, cause) in [
        (
            (
                409,
                "ConditionalRequestConflict",
                "The conditional request cannot succeed due to a conflicting operation against this resource.",
            ),
            Stage::Write,
            Cause::Conflict,
        ),
        (
            (
                409,
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource. Please try again.",
            ),
            Stage::Write,
            Cause::Conflict,
        ),
        (
            (403, "AllAccessDisabled", "All access to this object has been disabled"),
            Stage::Write,
            Cause::AccountBlocked,
        ),
        (
            (
                403,
                "AccountProblem",
                "There is a problem with your AWS account that prevents the operation from completing successfully.",
            ),
            Stage::Write,
            Cause::AccountBlocked,
        ),
        (
            (
                400,
                "KMS.InvalidKeyUsageException",
                "The KeyUsage value of the KMS key is incompatible with the API operation.",
            ),
            Stage::Write,
            Cause::KeyUnsuitable,
        ),
        (
            (400, "KMS.NotFoundException", "Key 'arn:aws:kms:us-east-1:111122223333:key/x' does not exist"),
            Stage::Write,
            Cause::KeyNotFound,
        ),
        (
            (403, "AccessDenied", "User: x is not authorized to perform: kms:GenerateDataKey on resource: y"),
            Stage::Write,
            Cause::KeyDenied,
        ),
        ((404, "NoSuchBucket", "The specified bucket does not exist"), Stage::Bucket, Cause::BucketMissing),
    ] {
        let answers = Answers { to_puts_with_a_condition: Some(said), ..Answers::default() };
        let failure = put_test(answers, S3Endpoint::default()).await.unwrap_err();
        assert_eq!((failure.stage, failure.cause), (stage, cause), "{said:?}");
    }
}

#[tokio::test]
async fn an_earlier_test_object_passes_when_only_overwriting_it_is_refused() {
    let there =
        Some((412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"));
    let denied = Some((403, "AccessDenied", "Access Denied"));
    let answers = Answers { to_puts_with_a_condition: there, to_other_puts: denied, ..Answers::default() };
    assert_eq!(put_test(answers, S3Endpoint::default()).await, Ok(Written::Before));

    // Nobody asked on a condition: this is no answer that says that it is there.
    let answers = Answers { to_puts_with_a_condition: there, to_other_puts: there, ..Answers::default() };
    let failure = put_test(answers, S3Endpoint::default()).await.unwrap_err();
    assert_eq!((failure.stage, failure.cause), (Stage::Write, Cause::Unexpected));
    let unconditional = S3Endpoint { conditional_writes: false, ..S3Endpoint::default() };
    assert!(put_test(answers, unconditional).await.is_err());
}

#[tokio::test]
async fn a_bucket_is_asked_for_also_where_the_operator_set_its_region() {
    let (role, settings) = asked();
    let stated = S3Endpoint { region: Some("eu-west-1".to_owned()), ..S3Endpoint::default() };
    for status in [200, 403] {
        let answers = Answers { to_head_bucket: Some(status), ..Answers::default() };
        let found = answers.aws(stated.clone()).await.bucket_region(&role, &settings.bucket).await;
        assert_eq!(found, Ok(BucketRegion::Stated("eu-west-1".to_owned())), "{status}");
    }
    let missing = Answers { to_head_bucket: Some(404), ..Answers::default() };
    let failure = missing.aws(stated).await.bucket_region(&role, &settings.bucket).await.unwrap_err();
    assert_eq!((failure.stage, failure.cause), (Stage::Bucket, Cause::BucketMissing));
}
