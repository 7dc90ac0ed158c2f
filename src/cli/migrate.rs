//! `trailpost migrate`: brings the database's schema up to date.

use std::process::ExitCode;

use serde_json::json;

use super::answer::Answer;
use super::operator::OperatorArguments;
use crate::store::Opening;

/// Opening migrates; what is left is to say what that came to.
pub(super) async fn run(operator: OperatorArguments) -> ExitCode {
    operator
        .run_opening(Opening::Migrate, async |desk| {
            let version = desk.store.schema_version().await?;
            Ok(Answer::new(
                format!("The schema is up to date, at version {version}."),
                json!({ "schema_version": version }),
            ))
        })
        .await
}
