//! A process that only works in the background.

use std::num::NonZeroUsize;

use tempfile::tempdir;
use tokio::net::TcpListener;
use trailpost::app::{App, AppConfig, DataFolder, MetricsConfig, WriterConfig};
use trailpost::aws::AwsIdentity;
use trailpost::domain::clock::{Clock, Entropy};

use super::WRITER;
use crate::support::http_user::HttpUser;

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_whether_it_lives_and_is_ready_and_nothing_else() {
    let (folder, clock, entropy) = (tempdir().unwrap(), Clock::system(), Entropy::system());
    let store = DataFolder::open(folder.path()).unwrap().open_store(&clock, &entropy).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let aws = AwsIdentity::Stated {
        endpoint_url: origin.clone(),
        region: "us-east-1".to_owned(),
        access_key_id: "AKIAEXAMPLE".to_owned(),
        secret_access_key: "secret".into(),
    };
    let config = AppConfig {
        web: None,
        writer: Some(WriterConfig { aws: aws.into(), settings: WRITER }),
        most_connections: NonZeroUsize::new(10).unwrap(),
        metrics: MetricsConfig::default(),
    };
    let app = App::start(store.clone(), clock, entropy, config, listener).await;
    let anybody = HttpUser::anonymous(&origin);
    assert_eq!(anybody.get("/livez").await.status, 200);
    assert_eq!(anybody.get("/readyz").await.status, 200);
    for page in ["/", "/sign-in", "/v1/events", "/schemas/audit-record.v1.json", "/metrics"] {
        assert_eq!(anybody.get(page).await.status, 404, "{page}");
    }
    store.close().await;
    let not_ready = anybody.get("/readyz").await;
    assert_eq!(not_ready.status, 503);
    assert!(not_ready.body.contains("the store does not answer"), "{}", not_ready.body);
    app.stop().await;
}
