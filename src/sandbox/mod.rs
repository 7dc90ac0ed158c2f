//! The S3 and STS sandbox.
