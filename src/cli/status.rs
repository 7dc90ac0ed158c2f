//! `trailpost status`: the installation at a glance.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::answer::{Answer, table};
use super::operator::OperatorArguments;
use crate::store::Overview;

/// Prints how the installation stands.
pub(super) async fn run(operator: OperatorArguments) -> ExitCode {
    operator
        .run(async |desk| {
            let overview = desk.store.overview().await?;
            Ok(Answer::new(text_of(&overview), json_of(&overview)))
        })
        .await
}

fn json_of(overview: &Overview) -> Value {
    let situations = overview.situations.iter().map(|(situation, count)| (situation.as_str(), *count));
    json!({
        "schema_version": overview.schema_version,
        "organizations": overview.organizations,
        "closing": overview.closing,
        "integrations": situations.map(|(word, count)| (word.to_owned(), json!(count))).collect::<Value>(),
        "pending_records": overview.pending_records,
        "pending_bytes": overview.pending_bytes,
        "oldest_pending": overview.oldest_pending,
        "failing": overview.failing,
        "open_checks": overview.open_checks,
    })
}

fn text_of(overview: &Overview) -> String {
    let oldest = overview.oldest_pending.map_or_else(|| "none".to_owned(), |at| at.exact());
    let mut rows = vec![
        vec!["Schema version".to_owned(), overview.schema_version.to_string()],
        vec!["Organizations".to_owned(), overview.organizations.to_string()],
    ];
    for (situation, count) in &overview.situations {
        rows.push(vec![format!("  {}", situation.as_str()), count.to_string()]);
    }
    rows.extend([
        vec!["Closing".to_owned(), overview.closing.to_string()],
        vec!["Pending records".to_owned(), overview.pending_records.to_string()],
        vec!["Pending bytes".to_owned(), overview.pending_bytes.to_string()],
        vec!["Oldest pending".to_owned(), oldest],
        vec!["Failing".to_owned(), overview.failing.to_string()],
        vec!["Open access checks".to_owned(), overview.open_checks.to_string()],
    ]);
    table(&rows)
}
