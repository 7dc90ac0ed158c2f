//! What our own network can do to us, told apart as far as the connection's end tells.

use std::net::TcpListener as StdListener;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use trailpost::aws::{AssumedRole, Aws, AwsIdentity};
use trailpost::domain::clock::{Clock, Entropy};
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::integration::TypedSettings;
use trailpost::domain::organization::ExternalId;
use trailpost::domain::window::WindowLength;

use crate::support::{BUCKET, ROLE_ARN};

/// What comes of asking STS at an endpoint.
async fn ask(endpoint_url: String) -> Failure {
    let (clock, entropy) = (Clock::system(), Entropy::system());
    let identity = AwsIdentity::Stated {
        endpoint_url,
        region: "us-east-1".to_owned(),
        access_key_id: "AKIAEXAMPLE".to_owned(),
        secret_access_key: "secret".into(),
    };
    let aws = Aws::new(identity.into(), clock.clone()).await;
    let typed = TypedSettings {
        role_arn: ROLE_ARN.to_owned(),
        bucket: BUCKET.to_owned(),
        ..TypedSettings::default()
    };
    let settings = typed.parse(WindowLength::default()).unwrap();
    let organization = OrganizationId::generate(&clock, &entropy);
    let role = AssumedRole::new(organization, ExternalId::generate(&entropy), &settings);
    let failure = aws.assume(&role).await.unwrap_err();
    assert_eq!(aws.refused_since(), None, "nobody has refused our identity");
    failure
}

#[tokio::test]
async fn an_endpoint_that_takes_no_connection() {
    let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(ask(format!("http://{address}")).await.cause, Cause::ConnectionRefused);
}

#[tokio::test]
async fn an_endpoint_without_an_address() {
    let failure = ask("http://sts.trailpost.invalid".to_owned()).await;
    assert_eq!(failure.cause, Cause::NameNotResolved);
}

#[tokio::test]
async fn an_endpoint_that_does_not_speak_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint_url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    assert_eq!(ask(endpoint_url).await.cause, Cause::TlsFailed);
}
