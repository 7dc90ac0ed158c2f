//! Trailpost from outside: the running product over HTTP, in a real browser and as a command, and the rules that
//! its source keeps. One binary, so that the dependencies are linked once.
//!
//! `tests/run` runs it, after installing the browser that it needs.

#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure report")]

mod access;
mod activity;
mod api;
mod architecture;
mod audit_logs;
mod browser;
mod cli;
mod console;
mod encryption;
mod links;
mod metrics;
mod model;
mod people;
mod qa;
mod setup;
mod store;
mod support;
mod torture;
mod writer;
