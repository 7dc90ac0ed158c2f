//! Trailpost: Settings > Audit logs, whole and self-hostable. This page is the map.
//!
//! # One way
//!
//! ```text
//! request → web (parse into domain values) → one store transaction: the change + its record
//!                                               ↓ the commit rings the doorbell
//! doorbell or tick → writer: seal → claim → encode → aws: put → result back into the store
//! ```
//!
//! | module | is | imports of ours |
//! |---|---|---|
//! | [`domain`] | types and rules, policies, the catalogue of failures; no I/O, no clock of its own | nothing |
//! | [`metrics`] | the list of everything that a monitoring system is told, and its handles | domain |
//! | [`store`] | the only code that speaks SQL | domain, metrics |
//! | [`aws`] | the only code that speaks to AWS | domain, metrics |
//! | [`writer`] | background work: checks, sealing, delivering | domain, metrics, store, aws |
//! | [`web`] | console pages, HTTP API, sessions | domain, metrics, store |
//! | `sandbox` | S3 and STS over real HTTP (feature `demo`) | domain |
//! | `demo` | seeds, a small AWS, activity (feature `demo`) | domain, store, sandbox |
//! | [`config`] | the operator's configuration, parsed | domain, store, web |
//! | [`telemetry`], [`shutdown`] | the log; the signals to stop at | config |
//! | [`app`], [`cli`], `main` | put it together: `serve`, `demo`, the operator's commands | all |
//!
//! `web` never talks to AWS: what needs AWS is a row that `web` writes and `writer` picks up, so that credentials
//! live in one kind of process and there is one code path. A test reads the imports and fails on any other arrow.
//!
//! # Following one change: *Enable audit logging*
//!
//! 1. `web::route` finds the row of the table; `web::access` checks session, membership, role and plan.
//! 2. `web::form` takes the form only with its token; `domain::integration` parses every field.
//! 3. `store::access_checks` writes the check as a row, under the revision that the page showed, and rings.
//! 4. `writer::checker` claims it and proves it stage by stage with `aws`, reporting each into the row; the page
//!    polls `…/checks/{id}` and shows the checklist as it fills.
//! 5. The transaction that ends the check reads role, plan, revision and toggle again. If nothing changed, it puts
//!    the settings into force, appends the record `create · audit-log-integration`, and opens a collection range
//!    whose first member is that very record.
//!
//! # Following one record
//!
//! 1. An action in the console appends its record in its own transaction (`store::transaction`); a producer's
//!    record comes in through `web::api::events`, `domain::submission` and `store::ingestion`. Either way it gets the
//!    organization's next sequence while the organization's row is held: commit order is sequence order.
//! 2. When its window has ended, `store::sealing` seals it into a batch: members, format and compression are fixed.
//! 3. `writer::deliverer` claims the organization (lease and fencing token), encodes the batch, books the attempt,
//!    PUTs the object under a key made of what was sealed, with `If-None-Match: *`, and books the result. A crash at
//!    any point leads to another try of the same key: 412 then says that the first one had landed.

pub mod app;
pub mod aws;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod domain;
pub mod metrics;
#[cfg(feature = "demo")]
pub mod sandbox;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod writer;
