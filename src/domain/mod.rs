//! Types and rules. No I/O, no clock of its own: what is valid here is valid everywhere, because every value is
//! parsed at the edge into a type that can't hold a wrong one.

pub mod access_check;
pub mod bucket;
pub mod caller;
pub mod clock;
pub mod credential;
pub mod days;
pub mod denial;
pub mod denied_attempt;
pub mod encryption;
pub mod event_catalog;
pub mod failure;
pub mod id;
pub mod integration;
pub mod invitation;
pub mod kms_key_arn;
pub mod membership;
pub mod object_key;
pub mod organization;
pub mod policy;
pub mod principal_arn;
pub mod principals;
pub mod record;
pub mod retry;
pub mod role_arn;
pub mod role_name;
pub mod s3_endpoint;
pub mod sample_file;
pub mod sequence;
pub mod setup;
pub mod strict_json;
pub mod submission;
pub mod throttle;
pub mod user;
pub mod window;
