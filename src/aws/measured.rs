//! How long AWS takes, and how far its clock is from this machine's: every answer carries a Date.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::Aws;
use super::codes;
use crate::domain::clock::{Clock, Timestamp};
use crate::metrics::{AwsMetrics, AwsOperation, AwsOutcome};

/// A Date is cut off at the second.
const HALF_A_SECOND: f64 = 0.5;

impl Aws {
    /// Makes a request, and tells how long it took and what came of it. It is boxed: the SDK's requests are large, and
    /// would be part of every delivery's state several times over.
    pub(super) async fn timed<T, E: ProvideErrorMetadata>(
        &self,
        operation: AwsOperation,
        request: BoxFuture<'_, Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, SdkError<E, HttpResponse>> {
        let begun = Instant::now();
        let answer = request.await;
        self.metrics.answered(operation, outcome(&answer), begun.elapsed());
        answer
    }

    /// Tells whether AWS takes us for whom we are, as of now.
    pub fn tell_own_identity(&self) {
        self.metrics.set_own_identity(self.refused_since().is_none() && self.many_denied_since().is_none());
    }
}

fn outcome<T, E: ProvideErrorMetadata>(answer: &Result<T, SdkError<E, HttpResponse>>) -> AwsOutcome {
    let Err(error) = answer else { return AwsOutcome::Ok };
    let Some(raw) = error.raw_response() else { return AwsOutcome::NoAnswer };
    match raw.status().as_u16() {
        412 => AwsOutcome::AlreadyThere,
        status if codes::is_throttling(error.code().unwrap_or_default(), status) => AwsOutcome::Throttled,
        500.. => AwsOutcome::Failed,
        // It broke off.
        200..300 => AwsOutcome::NoAnswer,
        _ => AwsOutcome::Refused,
    }
}

/// Holds the Date of every answer against this machine's clock, which signatures follow.
#[derive(Clone, Debug)]
pub(super) struct CompareClocks {
    pub(super) clock: Clock,
    pub(super) metrics: AwsMetrics,
}

impl Intercept for CompareClocks {
    fn name(&self) -> &'static str {
        "CompareClocks"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(ahead) = date.and_then(|date| seconds_ahead(self.clock.wall(), date)) {
            self.metrics.set_clock_skew(ahead);
        }
        Ok(())
    }
}

/// By how much a clock that says `ours` is ahead of the one that wrote this Date. What is no date says nothing.
fn seconds_ahead(ours: Timestamp, date: &str) -> Option<f64> {
    let theirs = DateTime::from_str(date, Format::HttpDate).ok()?;
    Some(ours.as_millis() as f64 / 1000.0 - (theirs.as_secs_f64() + HALF_A_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_held_against_a_date_to_half_a_second() {
        let date = "Mon, 23 Nov 2026 09:31:53 GMT";
        let ours = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(seconds_ahead(ours("2026-11-23T09:31:53.500Z"), date), Some(0.0));
        assert_eq!(seconds_ahead(ours("2026-11-23T09:36:54.000Z"), date), Some(300.5));
        assert_eq!(seconds_ahead(ours("2026-11-23T09:31:43.000Z"), date), Some(-10.5));
        assert_eq!(seconds_ahead(ours("2026-11-23T09:31:43.000Z"), "today"), None);
    }
}
