//! Request ids, host ids and session secrets, all drawn from the seed the caller gives.
//!
//! With an unpredictable seed nobody can guess a session's secret; with a fixed one a seeded
//! demo hands out the same ids each time. Nothing here reads the clock or the system's
//! randomness.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_types::base64;
use sha2::{Digest, Sha256};

/// Letters and digits as access key ids use them.
const KEY_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Draws ids and secrets.
#[derive(Debug)]
pub(super) struct Mint {
    seed: [u8; 32],
    drawn: AtomicU64,
}

/// The ids that go out with one answer.
#[derive(Debug, Clone)]
pub(super) struct RequestIds {
    /// S3: sixteen characters, as in `x-amz-request-id`.
    pub(super) s3: String,
    /// S3's second id, `x-amz-id-2`.
    pub(super) host: String,
    /// STS: a UUID, as in `x-amzn-RequestId`.
    pub(super) sts: String,
}

impl Mint {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }

    pub(super) fn request_ids(&self) -> RequestIds {
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        let bytes = self.draw("request", &count.to_be_bytes());
        let hex = hex::encode(bytes);
        RequestIds {
            s3: letters(&bytes[..16]),
            host: base64::encode([self.draw("host", &count.to_be_bytes()), bytes].concat()),
            sts: format!(
                "{}-{}-4{}-a{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[13..16],
                &hex[17..20],
                &hex[20..32]
            ),
        }
    }

    /// Thirty-two bytes that depend on the seed, the purpose and the input, and on nothing else.
    pub(super) fn draw(&self, purpose: &str, input: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update((purpose.len() as u64).to_be_bytes());
        hash.update(purpose.as_bytes());
        hash.update(input);
        hash.finalize().into()
    }
}

/// One letter or digit a byte.
pub(super) fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(KEY_ALPHABET[usize::from(byte % 32)])).collect()
}

/// IAM's unique id of a user or role (`AIDA…`, `AROA…`), always the same for the same ARN.
pub(super) fn unique_id(prefix: &str, arn: &str) -> String {
    format!("{prefix}{}", letters(&Sha256::digest(arn)[..17]))
}
