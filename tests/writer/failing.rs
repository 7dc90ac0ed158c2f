//! What AWS does on its bad days: each fault is booked as what it proves, and its file is there once when it has passed.

use std::time::Duration;

use trailpost::domain::failure::Cause;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget};

use crate::support::bucket::delivered_records;
use crate::support::http_user::enable;
use crate::support::product::Product;
use crate::support::{eventually, submission};

/// Longer than the longest wait for another try.
const AGAIN: Duration = Duration::from_secs(3600);

/// Those that never answer come last: AWS gets some of the wall's time for that.
const PROVED: [(FaultKind, FaultTarget, &[Cause]); 9] = [
    (FaultKind::InternalError, FaultTarget::S3, &[Cause::AwsUnavailable]),
    (FaultKind::SlowDown, FaultTarget::S3, &[Cause::Throttled]),
    // Whether the connection is reset or ends depends on what was still on its way.
    (FaultKind::Reset, FaultTarget::S3, &[Cause::Timeout, Cause::Unreachable]),
    (FaultKind::ResetAfterWrite, FaultTarget::S3, &[Cause::Timeout]),
    (FaultKind::TruncatedAnswer, FaultTarget::S3, &[Cause::Timeout]),
    (FaultKind::Denied, FaultTarget::S3, &[Cause::RoleDoesNotAllow]),
    (FaultKind::Denied, FaultTarget::Sts, &[Cause::AssumeRoleDenied]),
    (FaultKind::TimeoutBeforeWrite, FaultTarget::S3, &[Cause::Timeout]),
    (FaultKind::TimeoutAfterWrite, FaultTarget::S3, &[Cause::Timeout]),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_booked_as_what_it_proves_and_its_file_comes_once() {
    let product = Product::start().await;
    let acme = product.account("owner@acme.example").organization_id;
    enable(&product.user("owner@acme.example").await, &acme).await;
    // The record of enabling, and those of signing in, come before.
    product.advance(AGAIN);
    let mut delivered = delivered_records(&product.customer(), &acme, 1).await.len();
    for (kind, target, causes) in PROVED {
        product.sandbox().switch_on(Fault::new(kind, target.clone()));
        assert_eq!(product.ingest(&submission(&acme, kind.as_str())).await.status, 202);
        // Credentials run out meanwhile: the role has to be assumed again.
        product.advance(AGAIN);
        let cause = eventually("the failure is booked", async || {
            let found = product.store().integration(acme.parse().unwrap()).await.unwrap().unwrap();
            found.failure.map(|(failure, _)| failure.cause)
        })
        .await;
        assert!(causes.contains(&cause), "{kind} of {target}: {cause:?}");
        assert!(product.sandbox().switch_off(kind, &target));
        product.advance(AGAIN);
        delivered += 1;
        let records = delivered_records(&product.customer(), &acme, delivered).await;
        assert_eq!(records.len(), delivered, "{kind} of {target}: one more, once");
        assert_eq!(records[delivered - 1]["event"]["resource_id"], kind.as_str());
        eventually("the delivery is booked", async || {
            let found = product.store().integration(acme.parse().unwrap()).await.unwrap().unwrap();
            found.failure.is_none().then_some(())
        })
        .await;
    }
    product.stop().await;
}
