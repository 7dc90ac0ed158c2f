//! HTTP for programs.

mod body;
pub(super) mod events;
pub(super) mod schemas;
