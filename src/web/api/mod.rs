//! HTTP for programs: producers send records in (`events`), API keys and service accounts work with what is their
//! organization's (the other resources). `openapi` describes all of it.

pub(super) mod api_keys;
pub(super) mod authentication;
mod body;
pub(super) mod checks;
pub(super) mod deliveries;
pub(super) mod events;
mod failure;
pub(super) mod integration;
pub(super) mod invitations;
mod listing;
pub(super) mod members;
mod object;
pub(super) mod openapi;
pub(super) mod problem;
pub(super) mod project_members;
pub(super) mod projects;
mod proposal;
pub(super) mod records;
mod revision;
pub(super) mod schemas;
pub(super) mod service_accounts;
