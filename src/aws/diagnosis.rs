//! From the SDK's errors to the domain's failures: `codes` knows what AWS's answers mean, `connection` why there was
//! none.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::retry::ErrorKind;

use super::{codes, connection};
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
        SdkError::DispatchFailure(failure) if failure.is_io() => {
            without_answer(stage, connection::cause(error))
        }
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(ErrorKind::TransientError) => {
            // The connection ended in place of an answer.
            without_answer(stage, Cause::Timeout)
        }
        // None of these: the request was never signed, because we have no identity to sign with.
        SdkError::DispatchFailure(_) => {
            tracing::error!(error = %DisplayErrorContext(error), "Trailpost has no AWS identity to sign with");
            without_answer(stage, Cause::OwnIdentityRefused)
        }
        // The connection ended amid the answer.
        SdkError::ResponseError(context) if context.raw().status().is_success() => {
            without_answer(stage, Cause::Timeout)
        }
        SdkError::ServiceError(context) => answered(stage, answer(context.raw(), error)),
        SdkError::ResponseError(context) => answered(stage, answer(context.raw(), error)),
        other => {
            tracing::error!(error = %DisplayErrorContext(other), "a request to AWS could not be made");
            without_answer(stage, Cause::Unexpected)
        }
    }
}

fn answered(stage: Stage, answer: AwsAnswer) -> Failure {
    Failure { stage, cause: codes::cause(stage, &answer), aws: Some(answer) }
}

/// A failure that no error code stands for.
pub(super) fn unexpected(stage: Stage, message: &str) -> Failure {
    let answer = AwsAnswer { message: message.to_owned(), ..AwsAnswer::default() };
    Failure { stage, cause: Cause::Unexpected, aws: Some(answer) }
}

/// The same, with the region that was asked, for causes that it is to be told with.
pub(super) fn diagnose_in<E>(region: &str, stage: Stage, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let mut failure = diagnose(stage, error);
    if let Some(answer) = &mut failure.aws {
        answer.region = Some(region.to_owned());
    }
    failure
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
        region: None,
        // AWS writes seconds; a date, which the RFC allows too, is left to our own schedule.
        retry_after_seconds: raw.headers().get("retry-after").and_then(|value| value.trim().parse().ok()),
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
}
