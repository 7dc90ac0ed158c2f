//! Faults: ways in which AWS can fail a delivery, switched on and off while the sandbox runs.
//!
//! Two requests can be hit, those that a delivery makes: PutObject, and AssumeRole. Everything
//! else goes on working, so that a customer, or a test, can look into a bucket while nothing
//! gets into it. HEAD of a bucket is left alone too: Trailpost's can't be told from a
//! customer's, and it asks once for what it then remembers.
//!
//! A denial by policy is no fault: a role or bucket put again with other policies is one.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mint::Mint;
use crate::domain::bucket::BucketName;
use crate::domain::role_arn::RoleArn;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// 500 `InternalError`, of STS `InternalFailure`. Nothing is written.
    InternalError,
    /// 503 `SlowDown`, of STS 400 `Throttling`; with Retry-After. Nothing is written.
    SlowDown,
    /// The request is taken and never answered. Nothing is written.
    TimeoutBeforeWrite,
    /// The request is carried out and never answered.
    TimeoutAfterWrite,
    /// The connection is torn down, the request unanswered. Nothing is written.
    Reset,
    /// The request is carried out, and the connection torn down in place of an answer.
    ResetAfterWrite,
    /// The request is carried out, and the connection torn down amid the answer.
    TruncatedAnswer,
    /// 403 `RequestTimeTooSkewed`, of STS `SignatureDoesNotMatch`, as if the caller's clock were 20
    /// minutes slow. Nothing is written.
    TimeTooSkewed,
    /// 400 `ExpiredToken`, of STS 403, as if the caller's session had ended. Nothing is written.
    ExpiredToken,
    /// 403 `AccessDenied`, as if the caller had no policy that allows it. Nothing is written.
    Denied,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::InternalError,
        Self::SlowDown,
        Self::TimeoutBeforeWrite,
        Self::TimeoutAfterWrite,
        Self::Reset,
        Self::ResetAfterWrite,
        Self::TruncatedAnswer,
        Self::TimeTooSkewed,
        Self::ExpiredToken,
        Self::Denied,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InternalError => "internal_error",
            Self::SlowDown => "slow_down",
            Self::TimeoutBeforeWrite => "timeout_before_write",
            Self::TimeoutAfterWrite => "timeout_after_write",
            Self::Reset => "reset",
            Self::ResetAfterWrite => "reset_after_write",
            Self::TruncatedAnswer => "truncated_answer",
            Self::TimeTooSkewed => "time_too_skewed",
            Self::ExpiredToken => "expired_token",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| FaultError::Kind(text.into()))
    }
}

/// Whom it hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultTarget {
    /// Every AssumeRole and every PutObject: `everything`.
    Everything,
    /// Every AssumeRole: `sts`.
    Sts,
    /// Every PutObject: `s3`.
    S3,
    /// Every PutObject into this bucket: its name. One named `sts` or `everything` can't be
    /// written so.
    Bucket(BucketName),
    /// Every AssumeRole of this role: its ARN. What its sessions do then goes on.
    Role(RoleArn),
}

impl FaultTarget {
    fn covers(&self, request: &DeliveryRequest) -> bool {
        match (self, request) {
            (Self::Everything, _)
            | (Self::Sts, DeliveryRequest::AssumeRole { .. })
            | (Self::S3, DeliveryRequest::PutObject { .. }) => true,
            (Self::Bucket(name), DeliveryRequest::PutObject { bucket }) => name.as_str() == bucket,
            (Self::Role(arn), DeliveryRequest::AssumeRole { role }) => arn.as_str() == role,
            _ => false,
        }
    }
}

impl fmt::Display for FaultTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Everything => "everything",
            Self::Sts => "sts",
            Self::S3 => "s3",
            Self::Bucket(name) => name.as_str(),
            Self::Role(arn) => arn.as_str(),
        })
    }
}

impl FromStr for FaultTarget {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = || FaultError::Target(text.into());
        match text {
            "everything" => Ok(Self::Everything),
            "sts" => Ok(Self::Sts),
            "s3" => Ok(Self::S3),
            arn if arn.starts_with("arn:") => arn.parse().map(Self::Role).map_err(|_| wrong()),
            name => name.parse().map(Self::Bucket).map_err(|_| wrong()),
        }
    }
}

/// Which of its target's requests it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Each, until it is switched off.
    Always,
    /// The next so many; then it is off.
    Next(NonZeroU32),
    /// Each with this likelihood, drawn from the sandbox's seed, until it is switched off.
    Sometimes(Percent),
}

/// A likelihood in whole per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = FaultError;

    fn try_from(percent: u8) -> Result<Self, FaultError> {
        if percent <= 100 { Ok(Self(percent)) } else { Err(FaultError::Percent(percent)) }
    }
}

/// What was said of a fault, and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Not one of the kinds.
    #[error("“{0}” is no kind of fault; choose one of: {all}", all = FaultKind::ALL.map(FaultKind::as_str).join(", "))]
    Kind(String),
    /// Not one of the targets.
    #[error("“{0}” can't be a fault's target; write everything, sts, s3, a bucket's name or a role's ARN")]
    Target(String),
    /// More than everything.
    #[error("{0} per cent is more than 100")]
    Percent(u8),
}

/// Something that goes wrong while it is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// For whom.
    pub target: FaultTarget,
    /// How often.
    pub frequency: Frequency,
    /// What `slow_down` says in Retry-After.
    pub retry_after_seconds: u32,
}

impl Fault {
    /// One that stays until it is switched off. Its Retry-After is a second.
    #[must_use]
    pub fn new(kind: FaultKind, target: FaultTarget) -> Self {
        Self { kind, target, frequency: Frequency::Always, retry_after_seconds: 1 }
    }
}

/// A request that faults can hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeliveryRequest {
    PutObject { bucket: String },
    AssumeRole { role: String },
}

/// Set on a request that is to be refused by whoever decides about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeniedByFault;

/// The faults that are switched on, in that order.
#[derive(Debug)]
pub(super) struct Faults {
    mint: Arc<Mint>,
    on: Mutex<Vec<Fault>>,
    drawn: AtomicU64,
    hits: AtomicU64,
    held: AtomicUsize,
}

impl Faults {
    pub(super) fn new(mint: Arc<Mint>) -> Self {
        Self {
            mint,
            on: Mutex::default(),
            drawn: AtomicU64::default(),
            hits: AtomicU64::default(),
            held: AtomicUsize::default(),
        }
    }

    /// Replaces the one of the same kind and target.
    pub(super) fn switch_on(&self, fault: Fault) {
        let mut on = self.lock();
        match on.iter_mut().find(|other| other.kind == fault.kind && other.target == fault.target) {
            Some(same) => *same = fault,
            None => on.push(fault),
        }
    }

    pub(super) fn switch_off(&self, kind: FaultKind, target: &FaultTarget) -> bool {
        let mut on = self.lock();
        let before = on.len();
        on.retain(|fault| fault.kind != kind || fault.target != *target);
        on.len() < before
    }

    pub(super) fn switch_all_off(&self) {
        self.lock().clear();
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    pub(super) fn are_off(&self) -> bool {
        self.lock().is_empty()
    }

    /// How often one has hit so far.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// The fault that hits this request; of several, the one that was switched on first.
    pub(super) fn hitting(&self, request: &DeliveryRequest) -> Option<Fault> {
        let mut on = self.lock();
        let at =
            on.iter().position(|fault| fault.target.covers(request) && self.has_its_turn(fault.frequency))?;
        let hit = on[at].clone();
        if let Frequency::Next(left) = hit.frequency {
            match NonZeroU32::new(left.get() - 1) {
                Some(left) => on[at].frequency = Frequency::Next(left),
                None => drop(on.remove(at)),
            }
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(hit)
    }

    fn has_its_turn(&self, frequency: Frequency) -> bool {
        match frequency {
            Frequency::Always | Frequency::Next(_) => true,
            Frequency::Sometimes(Percent(percent)) => {
                let count = self.drawn.fetch_add(1, Ordering::Relaxed);
                let [first, second, ..] = self.mint.draw("fault", &count.to_be_bytes());
                u16::from_be_bytes([first, second]) % 100 < u16::from(percent)
            }
        }
    }

    /// Counts a request as held until the answer is dropped.
    pub(super) fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(&self.held)
    }

    /// How many requests are kept waiting for an answer that won't come.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is kept waiting.
pub(super) struct Held<'a>(&'a AtomicUsize);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
