//! What a delivered file would be like under settings that are only typed: its key and content are made as real ones
//! are, of a record of something that never happened.

use serde_json::{Map, json};

use super::bucket::Prefix;
use super::clock::Timestamp;
use super::id::{BatchId, RecordId};
use super::object_key::{BatchName, Compression, Format, ObjectKey};
use super::organization::Organization;
use super::record::{Action, Actor, Client, Event, Outcome, PrincipalType, Record, ResourceType};
use super::sequence::Sequence;
use super::window::{Window, WindowLength};

/// The settings that a file is named and written by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLayout {
    /// The folder in the bucket; may be empty.
    pub prefix: Prefix,
    /// How the file holds its records.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// The length of its window.
    pub window: WindowLength,
}

/// A file of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Under which it would be written, if it were one of 132 records of the window that runs now.
    pub key: ObjectKey,
    /// The record over many lines, for reading.
    pub record: String,
    /// The file's text before compression.
    pub content: String,
}

impl SampleFile {
    /// The file of an organization.
    pub fn of(organization: &Organization, layout: &FileLayout, now: Timestamp) -> SampleFile {
        let window = Window::containing(now, layout.window);
        let record = sample_record(organization, window);
        let line = record.to_line();
        SampleFile {
            key: ObjectKey::of_batch(&layout.prefix, &name(organization, layout, window)),
            record: serde_json::to_string_pretty(&record).unwrap_or_else(|_| line.as_str().to_owned()),
            content: match layout.format {
                Format::Json => format!("[\n{}\n]\n", line.as_str()),
                Format::Ndjson => format!("{}\n", line.as_str()),
            },
        }
    }
}

fn name(organization: &Organization, layout: &FileLayout, window: Window) -> BatchName {
    BatchName {
        organization: organization.id,
        window,
        first: sequence(1),
        last: sequence(132),
        batch: id::<BatchId>("0199f3c2-7d1a-7000-8000-0000c0ffee42"),
        format: layout.format,
        compression: layout.compression,
    }
}

/// `create · index · docs-example`, in the window's first minute.
fn sample_record(organization: &Organization, window: Window) -> Record {
    let mut parameters = Map::new();
    parameters.insert("dimension".to_owned(), json!(1536));
    parameters.insert("metric".to_owned(), json!("cosine"));
    parameters.insert("source_ip".to_owned(), json!("203.0.113.7"));
    Record {
        id: id::<RecordId>("0199f3c2-7d1a-7000-8000-0123456789ab"),
        organization_id: organization.id,
        organization_name: organization.name.to_string(),
        client: Client { user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)".to_owned() },
        actor: Actor {
            principal_id: "0199f3c1-11f0-7000-8000-4d8a52b1c07e".to_owned(),
            principal_name: "dana@example.com".to_owned(),
            principal_type: PrincipalType::User,
            display_name: Some("Dana Example".to_owned()),
        },
        event: Event {
            time: Timestamp::from_millis(window.start().as_millis() + 19_697),
            action: Action::from_static("create"),
            resource_type: ResourceType::from_static("index"),
            resource_id: json!("docs-example"),
            resource_name: "docs-example".to_owned(),
            outcome: Outcome::Success,
            parameters,
        },
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("it is written above in the usual form")
}

fn sequence(number: i64) -> Sequence {
    Sequence::new(number).expect("it is at least 1")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::clock::{Clock, Entropy};
    use crate::domain::id::OrganizationId;
    use crate::domain::organization::{ExternalId, Plan};

    #[test]
    fn the_sample_is_named_and_written_as_the_layout_says() {
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let acme = Organization {
            id: OrganizationId::generate(&clock, &entropy),
            name: "Acme".parse().unwrap(),
            plan: Plan::Enterprise,
            external_id: ExternalId::generate(&entropy),
        };
        let mut layout = FileLayout {
            prefix: "team/logs".parse().unwrap(),
            format: Format::Json,
            compression: Compression::Gzip,
            window: WindowLength::new(5).unwrap(),
        };
        let now = "2026-11-23T09:34:56Z".parse().unwrap();
        let json = SampleFile::of(&acme, &layout, now);
        let name = "20261123T093000Z_000000000001-000000000132_c0ffee42";
        assert_eq!(json.key.as_str(), format!("team/logs/{}/2026/11/23/{name}.json.gz", acme.id));
        let records: Vec<Value> = serde_json::from_str(&json.content).unwrap();
        assert_eq!(records, [serde_json::from_str::<Value>(&json.record).unwrap()]);
        assert_eq!(records[0]["event"]["time"], "2026-11-23T09:30:19.697Z");

        layout = FileLayout {
            prefix: Prefix::default(),
            format: Format::Ndjson,
            compression: Compression::None,
            ..layout
        };
        let lines = SampleFile::of(&acme, &layout, now);
        assert_eq!(lines.key.as_str(), format!("{}/2026/11/23/{name}.ndjson", acme.id));
        assert_eq!(serde_json::from_str::<Value>(&lines.content).unwrap(), records[0]);
        assert_eq!(lines.content.lines().count(), 1);
    }

    #[test]
    fn the_sample_record_validates() {
        let schema = include_str!("../../static/schemas/audit-record.v1.json");
        let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
        let entropy = Entropy::seeded(1);
        let acme = Organization {
            id: OrganizationId::generate(&Clock::system(), &entropy),
            name: "Acme".parse().unwrap(),
            plan: Plan::Enterprise,
            external_id: ExternalId::generate(&entropy),
        };
        let window = Window::containing(Clock::system().now(), WindowLength::default());
        let record = serde_json::to_value(sample_record(&acme, window)).unwrap();
        let errors: Vec<String> = schema.iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
