//! Trailpost: Settings > Audit logs, whole and self-hostable.

pub mod app;
pub mod aws;
pub mod cli;
#[cfg(feature = "demo")]
pub mod demo;
pub mod domain;
#[cfg(feature = "demo")]
pub mod sandbox;
pub mod store;
pub mod web;
pub mod writer;
