//! The S3 operations, over object files.
//!
//! By the time one runs, `s3_access` has let its caller in. A header or parameter
//! that the sandbox would have to ignore (If-Match, ACLs, tagging, Object Lock, SSE-C,
//! versions, parts) is refused as S3 refuses what it doesn't have: NotImplemented. Bodies
//! stream in both directions, so no object is ever held in memory whole.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    Bucket, DeleteObjectInput, DeleteObjectOutput, GetBucketLocationInput, GetBucketLocationOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Owner, PutObjectInput, PutObjectOutput,
};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use super::account::{Accounts, Caller, LoadedBucket};
use super::listing::{Page, Query, page};
use super::object_files::{ObjectFiles, ObjectFilesError};
use super::s3_access::may;
use super::s3_output::{
    common_prefixes, contents, encoder, get_output, head_output, put_output, read_token, region_header,
    timestamp,
};
use super::s3_put::put;

const MAX_KEYS: i32 = 1000;

/// Serves S3 from files.
pub(super) struct FileS3 {
    pub(super) accounts: Arc<Accounts>,
    pub(super) files: Arc<ObjectFiles>,
}

#[async_trait::async_trait]
impl S3 for FileS3 {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let stored = put(&self.accounts, &self.files, request).await?;
        Ok(S3Response::new(put_output(&stored)))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &request.input;
        refuse_if(
            input.version_id.is_some() || input.part_number.is_some() || has_conditions(&request.headers),
        )?;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let opened = on_files(&self.files, move |files| files.open_body(&bucket, &key)).await?;
        let (stored, file) = opened.ok_or_else(|| self.no_such_key(&request.extensions, &input.bucket))?;
        let wanted = match &input.range {
            Some(range) => Some(range.check(stored.size).map_err(|_| invalid_range(stored.size))?),
            None => None,
        };
        Ok(S3Response::new(get_output(stored, file, wanted, input.checksum_mode.is_some())?))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = &request.input;
        refuse_if(
            input.version_id.is_some()
                || input.part_number.is_some()
                || input.range.is_some()
                || has_conditions(&request.headers),
        )?;
        let stored = self.files.get(&input.bucket, &input.key);
        let stored = stored.ok_or_else(|| self.no_such_key(&request.extensions, &input.bucket))?;
        Ok(S3Response::new(head_output(stored, input.checksum_mode.is_some())))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        refuse_if(request.input.version_id.is_some() || has_conditions(&request.headers))?;
        let (bucket, key) = (request.input.bucket, request.input.key);
        on_files(&self.files, move |files| files.delete(&bucket, &key)).await?;
        Ok(S3Response::with_status(DeleteObjectOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let bucket = self.bucket(&input.bucket)?;
        let token = input.continuation_token.as_deref().map(read_token).transpose()?;
        let after = token.as_deref().or(input.start_after.as_deref()).unwrap_or_default();
        let (max_keys, page) =
            self.page(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), after, input.max_keys)?;
        let name = encoder(input.encoding_type.as_ref());
        let output = ListObjectsV2Output {
            key_count: i32::try_from(page.entries()).ok(),
            is_truncated: Some(page.next_after.is_some()),
            next_continuation_token: page.next_after.as_deref().map(aws_smithy_types::base64::encode),
            continuation_token: input.continuation_token,
            common_prefixes: Some(common_prefixes(&page, name)),
            contents: Some(contents(page, name)),
            name: Some(input.bucket),
            prefix: Some(name(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| name(&delimiter)),
            start_after: input.start_after.map(|key| name(&key)),
            max_keys: Some(max_keys),
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        };
        Ok(S3Response::with_headers(output, region_header(&bucket)))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = request.input;
        let bucket = self.bucket(&input.bucket)?;
        let after = input.marker.as_deref().unwrap_or_default();
        let (max_keys, page) =
            self.page(&input.bucket, input.prefix.as_ref(), input.delimiter.as_ref(), after, input.max_keys)?;
        let name = encoder(input.encoding_type.as_ref());
        let output = ListObjectsOutput {
            is_truncated: Some(page.next_after.is_some()),
            // S3 gives NextMarker only with a delimiter; without one the last key is it.
            next_marker: page.next_after.as_deref().filter(|_| input.delimiter.is_some()).map(name),
            common_prefixes: Some(common_prefixes(&page, name)),
            contents: Some(contents(page, name)),
            name: Some(input.bucket),
            prefix: Some(name(&input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(|delimiter| name(&delimiter)),
            marker: Some(name(&input.marker.unwrap_or_default())),
            max_keys: Some(max_keys),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        };
        Ok(S3Response::with_headers(output, region_header(&bucket)))
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let caller = request.extensions.get::<Caller>().ok_or_else(|| s3_error!(AccessDenied))?;
        let account = &caller.principal.account;
        let prefix = request.input.prefix.unwrap_or_default();
        let region = request.input.bucket_region;
        let listed = self.accounts.buckets_of(account).into_iter().filter(|bucket| {
            bucket.name.starts_with(&prefix) && region.as_ref().is_none_or(|region| *region == bucket.region)
        });
        let buckets = listed.map(|bucket| Bucket {
            creation_date: Some(timestamp(bucket.created_ms)),
            bucket_region: Some(bucket.region),
            name: Some(bucket.name),
        });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            owner: Some(Owner { id: Some(account.clone()), display_name: None }),
            ..ListBucketsOutput::default()
        }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let bucket = self.bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(bucket.region),
            ..HeadBucketOutput::default()
        }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let bucket = self.bucket(&request.input.bucket)?;
        // The oldest region is written as an empty element.
        let constraint = if bucket.region == "us-east-1" { String::new() } else { bucket.region };
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: Some(constraint.into()) }))
    }
}

impl FileS3 {
    fn bucket(&self, name: &str) -> S3Result<LoadedBucket> {
        self.accounts.bucket(name).ok_or_else(|| s3_error!(NoSuchBucket))
    }

    /// A missing object is only admitted to who may list the bucket; others get AccessDenied.
    fn no_such_key(&self, extensions: &http::Extensions, bucket: &str) -> S3Error {
        let (Some(caller), Ok(bucket)) = (extensions.get::<Caller>(), self.bucket(bucket)) else {
            return s3_error!(NoSuchBucket);
        };
        let resource = format!("arn:{}:s3:::{}", caller.partition, bucket.name);
        match may(&self.accounts, caller, &bucket, "s3:ListBucket", &resource, &[]) {
            Ok(()) => s3_error!(NoSuchKey),
            Err(denied) => denied,
        }
    }

    fn page(
        &self,
        bucket: &str,
        prefix: Option<&String>,
        delimiter: Option<&String>,
        after: &str,
        max_keys: Option<i32>,
    ) -> S3Result<(i32, Page)> {
        let max_keys = max_keys.unwrap_or(MAX_KEYS);
        let at_most = usize::try_from(max_keys.min(MAX_KEYS));
        let max_entries = at_most.map_err(|_| {
            s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647")
        })?;
        let query = Query {
            prefix: prefix.map(String::as_str).unwrap_or_default(),
            delimiter: delimiter.map(String::as_str),
            after,
            max_entries,
        };
        Ok((max_keys.min(MAX_KEYS), page(self.files.list(bucket), &query)))
    }
}

fn has_conditions(headers: &HeaderMap) -> bool {
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// Refuses a request that asks for what the sandbox would have to ignore.
pub(super) fn refuse_if(unsupported: bool) -> S3Result<()> {
    if unsupported { Err(s3_error!(NotImplemented)) } else { Ok(()) }
}

fn invalid_range(size: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange);
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{size}")) {
        error.set_headers(HeaderMap::from_iter([(http::header::CONTENT_RANGE, value)]));
    }
    error
}

/// Runs file work off the async threads, with S3's words for what can go wrong.
pub(super) async fn on_files<T: Send + 'static>(
    files: &Arc<ObjectFiles>,
    work: impl FnOnce(&ObjectFiles) -> Result<T, ObjectFilesError> + Send + 'static,
) -> S3Result<T> {
    let files = Arc::clone(files);
    let done = tokio::task::spawn_blocking(move || work(&files)).await;
    done.map_err(S3Error::internal_error)?.map_err(|error| match error {
        ObjectFilesError::Exists => s3_error!(PreconditionFailed),
        error => S3Error::internal_error(error),
    })
}
