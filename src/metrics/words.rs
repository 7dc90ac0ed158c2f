//! The closed lists that label series. Nothing else does but a route's template: no organization, bucket or ARN, which
//! would be a series each.

use std::borrow::Cow;

use super::Word;
use super::list::words;
use crate::domain::failure::Cause;
use crate::domain::integration::{Health, Situation};

words! {
    /// What the store was asked for.
    StoreOperation labels "operation" {
        /// A producer's request, from its turn in the queue to its commit.
        Append = "append",
        /// A round of sealing, of all organizations that are due.
        Seal = "seal",
        /// Any other transaction that writes.
        Write = "write",
        /// A transaction that reads.
        Read = "read",
    }
}

words! {
    /// What AWS was asked for.
    AwsOperation labels "operation" {
        /// STS's AssumeRole.
        AssumeRole = "assume_role",
        /// S3's HeadBucket.
        HeadBucket = "head_bucket",
        /// S3's PutObject.
        PutObject = "put_object",
    }
}

words! {
    /// What AWS answered.
    AwsOutcome labels "outcome" {
        /// It was done.
        Ok = "ok",
        /// 412: the object was there.
        AlreadyThere = "already_there",
        /// It was refused.
        Refused = "refused",
        /// It asks us to slow down.
        Throttled = "throttled",
        /// An error of its own.
        Failed = "failed",
        /// Nothing, in time or at all.
        NoAnswer = "no_answer",
    }
}

words! {
    /// How a try of a delivery ended.
    AttemptOutcome labels "outcome" {
        /// The file was written.
        Written = "written",
        /// An earlier try had written it.
        AlreadyThere = "already_there",
        /// It failed.
        Failed = "failed",
    }
}

words! {
    /// How an access check ended.
    CheckOutcome labels "outcome" {
        /// All stages were proved.
        Passed = "passed",
        /// A stage failed.
        Failed = "failed",
        /// Something else had changed meanwhile.
        Superseded = "superseded",
    }
}

words! {
    /// What became of a producer's request.
    IngestOutcome labels "outcome" {
        /// 202: everything is on the disk.
        Accepted = "accepted",
        /// 401: no token that is in force.
        Unauthenticated = "unauthenticated",
        /// 422: a record is wrong.
        Invalid = "invalid",
        /// 409: an id that is taken by other content.
        Conflict = "conflict",
        /// 408, 413, 415: a body that is too slow, too large or of another type.
        Unreadable = "unreadable",
        /// 429: more at once than can be held.
        TooBusy = "too_busy",
        /// 5xx: our own failure.
        Failed = "failed",
    }
}

words! {
    /// What became of a producer's record in a request that was accepted.
    RecordOutcome labels "outcome" {
        /// It is new.
        Stored = "stored",
        /// It had been stored before.
        Duplicate = "duplicate",
    }
}

words! {
    /// Who is served.
    Surface labels "surface" {
        /// People, with pages.
        Console = "console",
        /// Programs.
        Api = "api",
        /// Whoever asked for a file, or for what is not there.
        Other = "other",
    }
}

words! {
    /// Whose clock ours is held against.
    Peer labels "peer" {
        /// AWS, by the Date of its answers.
        Aws = "aws",
        /// The database's server.
        Database = "database",
    }
}

words! {
    /// Within which time records of a failing organization expire.
    Within labels "within" {
        /// A day.
        Day = "1d",
        /// A week.
        Week = "7d",
    }
}

impl Word for Cause {
    const ALL: &'static [Cause] = &Cause::ALL;

    /// A test of the catalogue holds the list to this order.
    fn place(self) -> usize {
        self as usize
    }

    fn labels(self) -> Vec<(&'static str, Cow<'static, str>)> {
        vec![("cause", self.to_string().into()), ("turn", self.turn().as_str().into())]
    }
}

impl Word for Situation {
    const ALL: &'static [Situation] = &Situation::ALL;

    fn place(self) -> usize {
        self as usize
    }

    fn labels(self) -> Vec<(&'static str, Cow<'static, str>)> {
        vec![("situation", self.as_str().into())]
    }
}

impl Word for Health {
    const ALL: &'static [Health] = &Health::ALL;

    fn place(self) -> usize {
        self as usize
    }

    fn labels(self) -> Vec<(&'static str, Cow<'static, str>)> {
        vec![("health", self.as_str().into())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_in_their_places<W: Word>() {
        for (place, word) in W::ALL.iter().enumerate() {
            assert_eq!(word.place(), place, "{:?}", word.labels());
        }
    }

    #[test]
    fn every_word_is_where_its_series_is() {
        are_in_their_places::<Cause>();
        are_in_their_places::<Situation>();
        are_in_their_places::<Health>();
        are_in_their_places::<IngestOutcome>();
    }
}
