//! The customer's own view of their bucket, through the AWS SDK as they would use it.

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};

/// The customer's S3 client.
pub struct Customer(Client);

impl Customer {
    pub fn new(endpoint: &str, region: &str, access_key_id: &str, secret_access_key: &str) -> Customer {
        let keys = Credentials::new(access_key_id, secret_access_key, None, None, "customer");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(keys)
            .force_path_style(true)
            .build();
        Customer(Client::from_conf(config))
    }

    /// Every key of the bucket, in order.
    pub async fn list(&self, bucket: &str) -> Vec<String> {
        let mut pages = self.0.list_objects_v2().bucket(bucket).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let objects = page.unwrap().contents.unwrap_or_default();
            keys.extend(objects.into_iter().filter_map(|object| object.key));
        }
        keys
    }

    /// An object's content.
    pub async fn read(&self, bucket: &str, key: &str) -> Vec<u8> {
        let object = self.0.get_object().bucket(bucket).key(key).send().await.unwrap();
        object.body.collect().await.unwrap().to_vec()
    }
}
