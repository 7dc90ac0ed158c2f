//! Trailpost: Settings > Audit logs, whole and self-hostable.

pub mod aws;
pub mod domain;
pub mod store;
pub mod writer;
