//! From the SDK's errors to the domain's failures: the one place that knows AWS's error codes.
//! Codes of S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>,
//! of STS: <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::retry::ErrorKind;

use crate::domain::access_check::Stage;
use crate::domain::failure::{AwsAnswer, Cause, Failure};

/// What an error of the SDK proves.
pub(super) fn diagnose<E>(stage: Stage, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => without_answer(stage, Cause::Timeout),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => without_answer(stage, Cause::Timeout),
        SdkError::DispatchFailure(failure) if failure.is_io() => without_answer(stage, Cause::Unreachable),
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(ErrorKind::TransientError) => {
            // The connection ended in place of an answer.
            without_answer(stage, Cause::Timeout)
        }
        // None of these: the request was never signed, because we have no identity to sign with.
        SdkError::DispatchFailure(_) => {
            tracing::error!(error = %DisplayErrorContext(error), "Trailpost has no AWS identity to sign with");
            without_answer(stage, Cause::OwnIdentityRefused)
        }
        SdkError::ServiceError(context) => {
            let answer = answer(context.raw(), error);
            Failure { stage, cause: cause(stage, &answer), aws: Some(answer) }
        }
        // The connection ended amid the answer.
        SdkError::ResponseError(context) if context.raw().status().is_success() => {
            without_answer(stage, Cause::Timeout)
        }
        SdkError::ResponseError(context) => {
            let answer = answer(context.raw(), error);
            Failure { stage, cause: cause(stage, &answer), aws: Some(answer) }
        }
        other => {
            tracing::error!(error = %DisplayErrorContext(other), "a request to AWS could not be made");
            without_answer(stage, Cause::Unexpected)
        }
    }
}

/// A failure that no error code stands for.
pub(super) fn unexpected(stage: Stage, message: &str) -> Failure {
    let answer = AwsAnswer {
        code: String::new(),
        message: message.to_owned(),
        request_id: None,
        status: 0,
        retry_after_seconds: None,
    };
    Failure { stage, cause: Cause::Unexpected, aws: Some(answer) }
}

fn without_answer(stage: Stage, cause: Cause) -> Failure {
    Failure { stage, cause, aws: None }
}

fn answer<E: ProvideErrorMetadata>(raw: &HttpResponse, error: &SdkError<E, HttpResponse>) -> AwsAnswer {
    let metadata = error.meta();
    let request_id = ["x-amz-request-id", "x-amzn-requestid"].iter().find_map(|name| raw.headers().get(name));
    AwsAnswer {
        code: metadata.code().unwrap_or_default().to_owned(),
        message: metadata.message().unwrap_or_default().to_owned(),
        // S3 sends it as a header, STS inside its XML.
        request_id: request_id.or_else(|| metadata.extra("aws_request_id")).map(str::to_owned),
        status: raw.status().as_u16(),
        // AWS writes seconds; a date, which the RFC allows too, is left to our own schedule.
        retry_after_seconds: raw.headers().get("retry-after").and_then(|value| value.trim().parse().ok()),
    }
}

fn cause(stage: Stage, answer: &AwsAnswer) -> Cause {
    match (stage, answer.code.as_str(), answer.status) {
        (Stage::AssumeRole | Stage::ExternalIdRequired, "AccessDenied", _) => Cause::AssumeRoleDenied,
        (
            Stage::AssumeRole | Stage::ExternalIdRequired,
            "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "MissingAuthenticationToken"
            | "IncompleteSignature",
            _,
        ) => Cause::OwnIdentityRefused,
        (_, "NoSuchBucket", _) | (Stage::Bucket, _, 404) => Cause::BucketMissing,
        // A session's key that AWS no longer knows is renewed like one that ran out.
        (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId", _) => Cause::CredentialsExpired,
        (_, "SlowDown" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded", _) | (_, _, 429) => {
            Cause::Throttled
        }
        (_, "RequestTimeout", _) => Cause::Timeout,
        (_, _, 500..=599) => Cause::AwsUnavailable,
        (Stage::Write, "AccessDenied", _) => Cause::WriteDenied,
        _ => Cause::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn an_answer_that_breaks_off_leaves_open_what_was_written() {
        let cut_off = || std::io::Error::other("connection closed before message completed");
        let before: SdkError<PutObjectError, HttpResponse> = SdkError::dispatch_failure(
            ConnectorError::other(cut_off().into(), Some(ErrorKind::TransientError)),
        );
        let answered = HttpResponse::new(200.try_into().unwrap(), SdkBody::empty());
        let amid: SdkError<PutObjectError, HttpResponse> = SdkError::response_error(cut_off(), answered);
        for error in [before, amid] {
            assert_eq!(diagnose(Stage::Write, &error).cause, Cause::Timeout, "{error:?}");
        }
        let unsigned: SdkError<PutObjectError, HttpResponse> =
            SdkError::dispatch_failure(ConnectorError::other("no credentials".into(), None));
        assert_eq!(diagnose(Stage::Write, &unsigned).cause, Cause::OwnIdentityRefused);
    }

    #[test]
    fn the_same_code_means_another_thing_at_another_stage() {
        let denied = |stage, code: &str, status| {
            cause(
                stage,
                &AwsAnswer {
                    code: code.to_owned(),
                    message: String::new(),
                    request_id: None,
                    status,
                    retry_after_seconds: None,
                },
            )
        };
        assert_eq!(denied(Stage::AssumeRole, "AccessDenied", 403), Cause::AssumeRoleDenied);
        assert_eq!(denied(Stage::Write, "AccessDenied", 403), Cause::WriteDenied);
        assert_eq!(denied(Stage::AssumeRole, "ExpiredToken", 403), Cause::OwnIdentityRefused);
        assert_eq!(denied(Stage::Write, "ExpiredToken", 400), Cause::CredentialsExpired);
        assert_eq!(denied(Stage::Bucket, "NotFound", 404), Cause::BucketMissing);
        assert_eq!(denied(Stage::Write, "SlowDown", 503), Cause::Throttled);
        assert_eq!(denied(Stage::Write, "InternalError", 500), Cause::AwsUnavailable);
        assert_eq!(
            denied(Stage::Write, "RequestTimeTooSkewed", 403),
            Cause::Unexpected,
            "not the owner's fault"
        );
        assert_eq!(denied(Stage::Write, "TeaPot", 418), Cause::Unexpected);
    }
}
