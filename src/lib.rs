//! Trailpost: Settings > Audit logs, whole and self-hostable.

pub mod domain;
#[cfg(feature = "demo")]
pub mod sandbox;
