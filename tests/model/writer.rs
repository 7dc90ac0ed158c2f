//! Simulated writers. Each does what the product's own does, one piece of it at a time, and may stand still or forget
//! everything in between.

use sha2::{Digest, Sha256};
use trailpost::domain::access_check::Stage;
use trailpost::domain::failure::{Cause, Failure};
use trailpost::domain::id::AttemptId;
use trailpost::store::{AttemptResult, Claim};

use super::bucket::{Answer, Buckets, Place, Put};
use super::product::key_of;
use super::schedule::Fate;

/// What is wrong with the writers, for the tests of the checker itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// They send although the books said that nothing may be sent.
    SendWhatIsRefused,
    /// They report what never arrived as written.
    ReportWhatIsLost,
    /// They name a file after the try, not after the batch.
    NameAfterTheTry,
    /// They send another content than the batch's.
    SendAnother,
}

/// How far a writer is.
#[derive(Default)]
pub enum Writer {
    #[default]
    Idle,
    Claimed(Box<Claim>),
    Encoded(Box<Claim>, Body),
    /// The try is booked: it may be sent.
    Booked(Box<Claim>, Attempt, Put),
    /// S3 answered, or did not.
    Answered(Box<Claim>, Attempt, Place, AttemptResult),
}

/// Which try; none where the books refused it.
pub type Attempt = Option<AttemptId>;

pub struct Body {
    pub text: String,
    pub digest: [u8; 32],
}

impl Body {
    pub fn of(lines: &[String], flaw: Flaw) -> Body {
        let text = match flaw {
            Flaw::SendAnother => lines[1..].join("\n"),
            _ => lines.join("\n"),
        };
        let digest = Sha256::digest(&text).into();
        Body { text, digest }
    }
}

/// What the writer sends for its claim.
pub fn put_of(claim: &Claim, attempt: Attempt, body: Body, flaw: Flaw) -> Put {
    let mut key = key_of(claim).as_str().to_owned();
    if let (Flaw::NameAfterTheTry, Some(attempt)) = (flaw, attempt) {
        key.push_str(&attempt.to_string());
    }
    Put { place: Place { bucket: claim.settings.bucket.as_str().to_owned(), key }, body: body.text }
}

/// Sends it; gives what the writer learns.
pub fn send(buckets: &mut Buckets, put: Put, fate: Fate, flaw: Flaw) -> AttemptResult {
    let answer = match fate {
        Fate::Answered => Some(buckets.put(put)),
        Fate::AnswerLost => {
            buckets.put(put);
            None
        }
        Fate::Late => {
            buckets.delay(put);
            None
        }
        Fate::Lost => None,
    };
    match answer {
        Some(Answer::Written) => AttemptResult::Written { request_id: None },
        Some(Answer::AlreadyThere) => AttemptResult::AlreadyThere,
        None if flaw == Flaw::ReportWhatIsLost => AttemptResult::Written { request_id: None },
        None => AttemptResult::Failed { failure: failure(fate), let_in_at: None },
    }
}

/// Of what never arrived, a writer may know so.
fn failure(fate: Fate) -> Failure {
    let cause = if fate == Fate::Lost { Cause::WriteDenied } else { Cause::Timeout };
    Failure { stage: Stage::Write, cause, aws: None }
}
