//! HTTP for programs.

pub(super) mod events;
pub(super) mod schemas;
