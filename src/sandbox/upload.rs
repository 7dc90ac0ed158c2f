//! One body on its way in: written to a file and measured while it comes.
//!
//! The MD5 (the ETag) and every checksum that the client announced are computed over the
//! bytes received. What the client said is compared at the end; a difference is S3's
//! BadDigest and the body never becomes an object.

use std::collections::BTreeMap;
use std::io::{self, Write};

use aws_smithy_types::base64;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use tempfile::NamedTempFile;

/// Checksum names with the length of their Base64 text.
const CHECKSUMS: [(&str, usize); 5] =
    [("crc32", 8), ("crc32c", 8), ("crc64nvme", 12), ("sha1", 28), ("sha256", 44)];

/// What the client says the body is.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    /// `Content-MD5`, Base64.
    pub(super) md5: Option<String>,
    /// Checksums by lower-case name, Base64.
    pub(super) checksums: BTreeMap<String, String>,
}

/// How a claim failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadClaim {
    Md5Differs,
    /// The algorithm's name in upper case.
    ChecksumDiffers(String),
    /// The header or trailer that is not a checksum of its kind.
    NotAChecksum(String),
}

/// A body being received.
pub(super) struct Upload {
    file: NamedTempFile,
    size: u64,
    md5: Md5,
    checksums: ChecksumHasher,
}

/// A body received whole and measured.
pub(super) struct ReceivedBody {
    pub(super) file: NamedTempFile,
    pub(super) size: u64,
    pub(super) md5_hex: String,
    pub(super) checksums: BTreeMap<String, String>,
}

impl Upload {
    pub(super) fn new(file: NamedTempFile) -> Self {
        Self { file, size: 0, md5: Md5::new(), checksums: ChecksumHasher::default() }
    }

    /// Computes these checksums; with none, CRC64NVME, as S3 does.
    pub(super) fn expect<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut any = false;
        for name in names {
            any = true;
            match name {
                "crc32" => self.checksums.crc32 = Some(Crc32::new()),
                "crc32c" => self.checksums.crc32c = Some(Crc32c::new()),
                "sha1" => self.checksums.sha1 = Some(Sha1::new()),
                "sha256" => self.checksums.sha256 = Some(Sha256::new()),
                _ => self.checksums.crc64nvme = Some(Crc64Nvme::new()),
            }
        }
        if !any {
            self.checksums.crc64nvme = Some(Crc64Nvme::new());
        }
    }

    /// Takes the next bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.checksums.update(bytes);
        Ok(())
    }

    /// Ends the body and holds it against what the client said.
    pub(super) fn finish(self, claims: &Claims) -> Result<ReceivedBody, BadClaim> {
        let md5 = self.md5.finalize();
        if claims.md5.as_ref().is_some_and(|claim| *claim != base64::encode(md5)) {
            return Err(BadClaim::Md5Differs);
        }
        let computed = self.checksums.finalize();
        let checksums: BTreeMap<String, String> = [
            ("crc32", computed.checksum_crc32),
            ("crc32c", computed.checksum_crc32c),
            ("crc64nvme", computed.checksum_crc64nvme),
            ("sha1", computed.checksum_sha1),
            ("sha256", computed.checksum_sha256),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        for (name, claim) in &claims.checksums {
            if !CHECKSUMS.contains(&(name.as_str(), claim.len())) {
                return Err(BadClaim::NotAChecksum(format!("x-amz-checksum-{name}")));
            }
            if checksums.get(name) != Some(claim) {
                return Err(BadClaim::ChecksumDiffers(name.to_ascii_uppercase()));
            }
        }
        Ok(ReceivedBody { file: self.file, size: self.size, md5_hex: hex::encode(md5), checksums })
    }
}
