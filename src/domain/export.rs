//! Records taken out of Activity, as a file: one JSON record a line as it is delivered, or a table for people.

use serde_json::{Map, Value, json};

use super::activity::{ActivityFilter, OWN_PRODUCER, RecordFacts};
use super::clock::Timestamp;
use super::id::BatchId;
use super::record::RecordLine;
use super::sequence::Sequence;

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One record a line, exactly as it is delivered.
    Ndjson,
    /// A table (RFC 4180) with a header.
    Csv,
}

/// Which records are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportScope {
    /// Those that a filter admits.
    Filter(ActivityFilter),
    /// Those that are still to be delivered.
    Pending,
    /// Those of one file.
    Delivery(BatchId),
}

/// An export as it is recorded.
#[derive(Clone, Debug)]
pub struct NewExport {
    /// What the file is called.
    pub file_name: String,
    /// Which records, and how they are written.
    pub parameters: Map<String, Value>,
}

/// A record on its way into a file.
#[derive(Clone, Copy, Debug)]
pub struct ExportedRecord<'a> {
    /// Its place in the organization.
    pub sequence: Sequence,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// Who sent it; none for what Trailpost itself recorded.
    pub producer: Option<&'a str>,
    /// Its JSON as it is delivered.
    pub line: &'a RecordLine,
    /// What it says, if it can be read.
    pub facts: Option<&'a RecordFacts>,
}

const COLUMNS: [&str; 18] = [
    "sequence",
    "recorded_at",
    "producer",
    "id",
    "time",
    "principal_type",
    "principal_id",
    "principal_name",
    "display_name",
    "action",
    "resource_type",
    "resource_id",
    "resource_name",
    "result",
    "reason",
    "error_code",
    "user_agent",
    "parameters",
];

impl ExportFormat {
    /// The word in forms and records, which is also the file's ending.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportFormat::Ndjson => "ndjson",
            ExportFormat::Csv => "csv",
        }
    }

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            ExportFormat::Ndjson => "application/x-ndjson",
            ExportFormat::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What stands before the first record.
    pub fn head(self) -> String {
        match self {
            ExportFormat::Ndjson => String::new(),
            ExportFormat::Csv => format!("{}\r\n", COLUMNS.join(",")),
        }
    }

    /// Writes a record behind what is there.
    pub fn write(self, file: &mut String, record: ExportedRecord<'_>) {
        match self {
            ExportFormat::Ndjson => {
                file.push_str(record.line.as_str());
                file.push('\n');
            }
            ExportFormat::Csv => {
                let cells: Vec<String> = cells(record).iter().map(|cell| quoted(cell)).collect();
                file.push_str(&cells.join(","));
                file.push_str("\r\n");
            }
        }
    }
}

impl std::str::FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<ExportFormat, String> {
        [ExportFormat::Ndjson, ExportFormat::Csv]
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| format!("“{text}” is not a format: use ndjson or csv"))
    }
}

impl NewExport {
    /// An export that begins now.
    pub fn new(scope: &ExportScope, format: ExportFormat, now: Timestamp) -> NewExport {
        let what = match scope {
            ExportScope::Filter(_) => "activity",
            ExportScope::Pending => "pending-records",
            ExportScope::Delivery(_) => "delivery-records",
        };
        let mut parameters = Map::new();
        parameters.insert("format".to_owned(), json!(format.as_str()));
        match scope {
            ExportScope::Filter(filter) => {
                parameters.insert("filter".to_owned(), Value::Object(filter.parameters()));
            }
            ExportScope::Pending => {
                parameters.insert("pending".to_owned(), json!(true));
            }
            ExportScope::Delivery(batch) => {
                parameters.insert("delivery".to_owned(), json!(batch.to_string()));
            }
        }
        NewExport { file_name: format!("{what}-{}.{}", now.compact(), format.as_str()), parameters }
    }

    /// The same export with the last sequence that it may hold: what is stored later is not in it.
    #[must_use]
    pub fn up_to(mut self, last: i64) -> NewExport {
        self.parameters.insert("last_sequence".to_owned(), json!(last));
        self
    }
}

fn cells(record: ExportedRecord<'_>) -> [String; 18] {
    let producer = record.producer.unwrap_or(OWN_PRODUCER).to_owned();
    let stored = [record.sequence.to_string(), record.recorded_at.to_string(), producer];
    let said: [String; 15] = match record.facts {
        Some(facts) => said(facts),
        // Nobody is to miss what can't be read.
        None => {
            let mut said: [String; 15] = Default::default();
            record.line.as_str().clone_into(&mut said[14]);
            said
        }
    };
    let mut cells = stored.into_iter().chain(said);
    std::array::from_fn(|_| cells.next().unwrap_or_default())
}

fn said(facts: &RecordFacts) -> [String; 15] {
    let (actor, event) = (&facts.actor, &facts.event);
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        facts.id.clone(),
        event.time.to_string(),
        actor.principal_type.as_str().to_owned(),
        actor.principal_id.clone(),
        actor.principal_name.clone(),
        optional(&actor.display_name),
        event.action.clone(),
        event.resource_type.clone(),
        match &event.resource_id {
            Value::String(id) => id.clone(),
            several => several.to_string(),
        },
        event.resource_name.clone(),
        event.outcome.result.clone(),
        optional(&event.outcome.reason),
        optional(&event.outcome.error_code),
        facts.client.user_agent.clone(),
        event.parameters.get().to_owned(),
    ]
}

/// A cell as RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe before it
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if is_formula { "'" } else { "" };
    if cell.contains(['"', ',', '\r', '\n', ';', '\t']) || is_formula {
        format!("\"{guard}{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(line: &Value) -> String {
        let line = RecordLine::from_stored(line.to_string());
        let facts = RecordFacts::of(&line).ok();
        let mut file = ExportFormat::Csv.head();
        let record = ExportedRecord {
            sequence: Sequence::new(7).unwrap(),
            recorded_at: Timestamp::from_millis(1_790_000_000_000),
            producer: Some("=cmd()"),
            line: &line,
            facts: facts.as_ref(),
        };
        ExportFormat::Csv.write(&mut file, record);
        file
    }

    #[test]
    fn a_row_has_a_cell_for_each_column_and_no_formula() {
        let file = csv(&json!({
            "id": "r1",
            "client": { "userAgent": "curl/8, \"quoted\"" },
            "actor": { "principal_id": "+1", "principal_name": "@SUM(A1)", "principal_type": "api_key" },
            "event": {
                "time": "2026-11-23T09:31:53.697Z",
                "action": "create",
                "resource_type": "index",
                "resource_id": ["a", "b"],
                "resource_name": "-2+3",
                "outcome": { "result": "failure", "reason": "\tNo\nway", "error_code": "ABORTED" },
                "parameters": { "note": "x;y" },
            },
        }));
        let expected = concat!(
            "7,2026-09-21T14:13:20.000Z,\"'=cmd()\",r1,2026-11-23T09:31:53.697Z,api_key,\"'+1\",\"'@SUM(A1)\",,",
            "create,index,\"[\"\"a\"\",\"\"b\"\"]\",\"'-2+3\",failure,\"'\tNo\nway\",ABORTED,",
            "\"curl/8, \"\"quoted\"\"\",\"{\"\"note\"\":\"\"x;y\"\"}\"\r\n"
        );
        let (head, row) = file.split_once("\r\n").unwrap();
        assert_eq!(head.split(',').count(), COLUMNS.len());
        assert_eq!(row, expected);
    }

    #[test]
    fn what_can_not_be_read_is_there_all_the_same() {
        let file = csv(&json!({ "id": 1 }));
        let row = file.lines().nth(1).unwrap();
        assert_eq!(row.matches(',').count(), COLUMNS.len() - 1, "{row}");
        assert!(row.ends_with(r#","{""id"":1}""#), "{row}");
    }

    #[test]
    fn lines_are_written_as_they_are_delivered() {
        let line = RecordLine::from_stored(r#"{"id":"1"}"#.to_owned());
        let mut file = ExportFormat::Ndjson.head();
        let (sequence, recorded_at) = (Sequence::new(1).unwrap(), Timestamp::from_millis(0));
        let record = ExportedRecord { sequence, recorded_at, producer: None, line: &line, facts: None };
        ExportFormat::Ndjson.write(&mut file, record);
        assert_eq!(file, "{\"id\":\"1\"}\n");
    }

    #[test]
    fn an_export_is_recorded_with_what_was_asked_for() {
        let filter = serde_json::from_value::<crate::domain::activity::TypedFilter>(
            json!({ "action": "Create", "from": "2026-11-23T09:30" }),
        )
        .unwrap();
        let scope = ExportScope::Filter(filter.parse().unwrap());
        let export = NewExport::new(&scope, ExportFormat::Csv, Timestamp::from_millis(1_790_000_000_000));
        assert_eq!(export.file_name, "activity-20260921T141320Z.csv");
        assert_eq!(
            Value::Object(export.up_to(41).parameters),
            json!({
                "format": "csv",
                "filter": { "from": "2026-11-23T09:30:00.000Z", "action": "create" },
                "last_sequence": 41,
            })
        );
    }
}
