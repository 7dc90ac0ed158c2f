//! Looking for records: what can be asked, and what of a record answers it.
//!
//! A record is found by its actor's id or name, its action, its resource's type, id or name, its outcome, and who sent
//! it. Values are compared whole and without regard to case. Times are those at which we stored a record: `event.time`
//! is whatever its producer says, and only these are in the order of the sequences.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::clock::Timestamp;
use super::record::{Actor, Client, RecordLine};

/// As what Trailpost's own records, which no producer sent, are found and shown.
pub const OWN_PRODUCER: &str = "trailpost";
/// A record is found by so many of the values in its resource id at most.
const MOST_RESOURCE_VALUES: usize = 64;
const LONGEST_VALUE: usize = 2048;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilterField {
    /// Stored at or after.
    From,
    /// Stored before.
    To,
    /// The principal's id or name.
    Actor,
    /// What was done.
    Action,
    /// What it was done to.
    ResourceType,
    /// Which one, by id or by name.
    ResourceId,
    /// `success` or `failure`.
    Outcome,
    /// Who sent the record.
    Producer,
}

impl FilterField {
    /// Those that a record has values of.
    pub const OF_RECORDS: [FilterField; 6] = [
        FilterField::Actor,
        FilterField::Action,
        FilterField::ResourceType,
        FilterField::ResourceId,
        FilterField::Outcome,
        FilterField::Producer,
    ];

    /// Its name in addresses and records.
    pub fn as_str(self) -> &'static str {
        match self {
            FilterField::From => "from",
            FilterField::To => "to",
            FilterField::Actor => "actor",
            FilterField::Action => "action",
            FilterField::ResourceType => "resource_type",
            FilterField::ResourceId => "resource_id",
            FilterField::Outcome => "outcome",
            FilterField::Producer => "producer",
        }
    }
}

/// A field and a value of it, as a number. Two of them may share one, if rarely: who finds a record by its term looks
/// at the record too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(i64);

impl Term {
    /// What is stored keeps its number: another rule needs a migration that empties the index.
    fn of(field: FilterField, value: &str) -> Term {
        let digest = Sha256::new().chain_update(field.as_str()).chain_update([0]).chain_update(value);
        let digest: [u8; 32] = digest.finalize().into();
        Term(digest.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte)))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

fn folded(value: &str) -> String {
    value.trim().to_lowercase()
}

/// What somebody typed to look for. What is empty was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields of `FilterField`, by the same names")]
pub struct TypedFilter {
    pub from: String,
    pub to: String,
    pub actor: String,
    pub action: String,
    pub resource_type: String,
    pub resource_id: String,
    pub outcome: String,
    pub producer: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Which.
    pub field: FilterField,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl TypedFilter {
    /// What was typed into a field.
    pub fn value(&self, field: FilterField) -> &str {
        match field {
            FilterField::From => &self.from,
            FilterField::To => &self.to,
            FilterField::Actor => &self.actor,
            FilterField::Action => &self.action,
            FilterField::ResourceType => &self.resource_type,
            FilterField::ResourceId => &self.resource_id,
            FilterField::Outcome => &self.outcome,
            FilterField::Producer => &self.producer,
        }
    }

    /// Every field with what was typed, where anything was.
    pub fn filled(&self) -> Vec<(FilterField, &str)> {
        [FilterField::From, FilterField::To]
            .into_iter()
            .chain(FilterField::OF_RECORDS)
            .map(|field| (field, self.value(field).trim()))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// The filter that was meant.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn parse(&self) -> Result<ActivityFilter, Vec<FilterError>> {
        let mut errors = Vec::new();
        let mut filter = ActivityFilter::default();
        for (field, value) in self.filled() {
            match (field, parse_time(value)) {
                (FilterField::From, Ok(time)) => filter.from = Some(time),
                (FilterField::To, Ok(time)) => filter.to = Some(time),
                (FilterField::From | FilterField::To, Err(message)) => {
                    errors.push(FilterError { field, message });
                }
                _ => match parse_value(field, value) {
                    Ok(value) => filter.wanted.push((field, value)),
                    Err(message) => errors.push(FilterError { field, message: message.to_owned() }),
                },
            }
        }
        if filter.to.is_some_and(|to| filter.from.is_some_and(|from| to <= from)) {
            errors.push(FilterError {
                field: FilterField::To,
                message: "Choose a time after the one in From.".to_owned(),
            });
        }
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }
}

/// As a field for date and time sends it, in UTC; or any time in RFC 3339.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let whole = match text.len() {
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    whole.parse().map_err(|_| "Write a date and a time in UTC, such as 2026-11-23T09:30.".to_owned())
}

fn parse_value(field: FilterField, value: &str) -> Result<String, &'static str> {
    let value = folded(value);
    if value.len() > LONGEST_VALUE {
        return Err("Write at most 2,048 bytes: no record holds more.");
    }
    if field == FilterField::Outcome && !["success", "failure"].contains(&value.as_str()) {
        return Err("Choose success or failure.");
    }
    Ok(value)
}

/// Which records are looked for. The default admits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    wanted: Vec<(FilterField, String)>,
}

impl ActivityFilter {
    /// Stored at or after this.
    pub fn from(&self) -> Option<Timestamp> {
        self.from
    }

    /// Stored before this.
    pub fn to(&self) -> Option<Timestamp> {
        self.to
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == ActivityFilter::default()
    }

    /// The terms that a record must have, all of them.
    pub fn terms(&self) -> Vec<Term> {
        self.wanted.iter().map(|(field, value)| Term::of(*field, value)).collect()
    }

    /// Whether a record has all that is asked of it; when it was stored is not looked at here.
    pub fn admits(&self, facts: &RecordFacts, producer: Option<&str>) -> bool {
        self.wanted.iter().all(|(field, value)| facts.values(*field, producer).contains(value))
    }

    /// What is asked, for a record of ours.
    pub fn parameters(&self) -> Map<String, Value> {
        let times = [(FilterField::From, self.from), (FilterField::To, self.to)];
        let times = times.into_iter().filter_map(|(field, time)| Some((field, json!(time?))));
        let values = self.wanted.iter().map(|(field, value)| (*field, json!(value)));
        times.chain(values).map(|(field, value)| (field.as_str().to_owned(), value)).collect()
    }
}

/// What of a stored record is looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordFacts {
    /// Its id.
    pub id: String,
    /// What the actor acted with.
    pub client: Client,
    /// Who acted.
    pub actor: Actor,
    /// What happened.
    pub event: EventFacts,
}

/// What happened.
#[derive(Clone, Debug, Deserialize)]
pub struct EventFacts {
    /// When, as given by who caused it.
    pub time: Timestamp,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub resource_type: String,
    /// Which one: a string, an array or an object.
    pub resource_id: Value,
    /// How that is called.
    pub resource_name: String,
    /// How it went.
    pub outcome: OutcomeFacts,
    /// What else is known, as JSON.
    pub parameters: Box<RawValue>,
}

/// How it went.
#[derive(Clone, Debug, Deserialize)]
pub struct OutcomeFacts {
    /// `success` or `failure`.
    pub result: String,
    /// Why it was not done, in words.
    pub reason: Option<String>,
    /// Why it was not done, as a code.
    pub error_code: Option<String>,
}

impl RecordFacts {
    /// Reads a record.
    ///
    /// # Errors
    /// The line is not one: nothing of ours ever stores such a line.
    pub fn of(line: &RecordLine) -> Result<RecordFacts, serde_json::Error> {
        serde_json::from_str(line.as_str())
    }

    /// Everything that the record can be found by.
    pub fn terms(&self, producer: Option<&str>) -> BTreeSet<Term> {
        FilterField::OF_RECORDS
            .into_iter()
            .flat_map(|field| self.values(field, producer).into_iter().map(move |value| (field, value)))
            .map(|(field, value)| Term::of(field, &value))
            .collect()
    }

    fn values(&self, field: FilterField, producer: Option<&str>) -> Vec<String> {
        let event = &self.event;
        match field {
            FilterField::From | FilterField::To => Vec::new(),
            FilterField::Actor => {
                vec![folded(&self.actor.principal_id), folded(&self.actor.principal_name)]
            }
            FilterField::Action => vec![folded(&event.action)],
            FilterField::ResourceType => vec![folded(&event.resource_type)],
            FilterField::ResourceId => self.resource_values(),
            FilterField::Outcome => vec![folded(&event.outcome.result)],
            FilterField::Producer => vec![folded(producer.unwrap_or(OWN_PRODUCER))],
        }
    }

    /// The name, and every value in the id, wherever it holds several: `[emails]`, `{user, role}`.
    fn resource_values(&self) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::String(text) => folded(text),
            other => folded(&other.to_string()),
        };
        let ids: Vec<String> = match &self.event.resource_id {
            Value::Array(items) => items.iter().take(MOST_RESOURCE_VALUES).map(text).collect(),
            Value::Object(fields) => fields.values().take(MOST_RESOURCE_VALUES).map(text).collect(),
            one => vec![text(one)],
        };
        [folded(&self.event.resource_name)].into_iter().chain(ids).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(resource_id: Value) -> RecordFacts {
        let line = json!({
            "id": "r1",
            "client": { "userAgent": "curl/8" },
            "actor": { "principal_id": "U1", "principal_name": "Owner@acme.example", "principal_type": "user" },
            "event": {
                "time": "2026-11-23T09:31:53.697Z",
                "action": "create",
                "resource_type": "user",
                "resource_id": resource_id,
                "resource_name": "New people",
                "outcome": { "result": "success" },
                "parameters": {},
            },
        });
        RecordFacts::of(&RecordLine::from_stored(line.to_string())).unwrap()
    }

    fn filter(field: &str, value: &str) -> ActivityFilter {
        let typed: TypedFilter = serde_json::from_value(json!({ field: value })).unwrap();
        typed.parse().unwrap()
    }

    #[test]
    fn a_record_is_found_by_each_of_its_values_and_by_no_other() {
        let facts = facts(json!(["a@acme.example", "b@acme.example"]));
        let cases = [
            ("actor", "u1", true),
            ("actor", " owner@ACME.example ", true),
            ("actor", "owner", false),
            ("action", "create", true),
            ("action", "user", false),
            ("resource_type", "user", true),
            ("resource_id", "b@acme.example", true),
            ("resource_id", "new people", true),
            ("resource_id", "c@acme.example", false),
            ("outcome", "success", true),
            ("outcome", "failure", false),
            ("producer", "Billing", true),
            ("producer", "trailpost", false),
        ];
        for (field, value, expected) in cases {
            let filter = filter(field, value);
            assert_eq!(filter.admits(&facts, Some("billing")), expected, "{field} {value}");
            let terms = facts.terms(Some("billing"));
            assert_eq!(filter.terms().iter().all(|term| terms.contains(term)), expected, "{field} {value}");
        }
        assert!(filter("producer", "Trailpost").admits(&facts, None), "what we recorded ourselves");
    }

    #[test]
    fn a_resource_may_be_an_object_and_a_long_list_is_cut() {
        let whose = facts(json!({ "user": "a@acme.example", "role": "owner" }));
        assert!(filter("resource_id", "owner").admits(&whose, None));
        let many: Vec<String> = (0..1000).map(|number| format!("n{number}")).collect();
        assert!(facts(json!(many)).terms(None).len() <= MOST_RESOURCE_VALUES + 7);
    }

    #[test]
    fn terms_keep_their_numbers() {
        assert_eq!(Term::of(FilterField::Action, "create").get(), TERM_OF_CREATE);
        assert_ne!(Term::of(FilterField::ResourceType, "create"), Term::of(FilterField::Action, "create"));
    }

    /// The first 8 bytes of SHA-256 of `action`, NUL, `create`.
    const TERM_OF_CREATE: i64 = -6_784_722_664_398_145_955;

    #[test]
    fn times_are_in_utc_and_in_order() {
        let typed = |from: &str, to: &str| TypedFilter {
            from: from.to_owned(),
            to: to.to_owned(),
            ..TypedFilter::default()
        };
        let filter = typed("2026-11-23T09:30", "2026-11-23T10:30:00+01:00").parse();
        assert_eq!(filter.unwrap_err()[0].field, FilterField::To, "the same instant");
        let filter = typed("2026-11-23T09:30", "2026-11-23T09:30:01").parse().unwrap();
        assert_eq!(filter.from().unwrap().to_string(), "2026-11-23T09:30:00.000Z");
        assert_eq!(filter.to().unwrap().to_string(), "2026-11-23T09:30:01.000Z");
        let errors = typed("yesterday", "2026-11-23").parse().unwrap_err();
        assert_eq!(errors.len(), 2);
        let wrong = TypedFilter { outcome: "maybe".to_owned(), ..TypedFilter::default() };
        assert_eq!(wrong.parse().unwrap_err()[0].field, FilterField::Outcome);
        assert!(TypedFilter { actor: "  ".to_owned(), ..TypedFilter::default() }.parse().unwrap().is_empty());
    }
}
