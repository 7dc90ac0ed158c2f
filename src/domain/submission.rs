//! Records as producers submit them: parsed strictly, because what is accepted here is delivered as it is.
//!
//! Unknown keys are refused at every level of the schema; `id`, `organization_name`, `event.time` and `client` may
//! be left out and are filled in. `resource_id` and `parameters` are the producer's own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::clock::Timestamp;
use super::id::{OrganizationId, RecordId};
use super::organization::OrganizationName;
use super::record::{Actor, Client, Event, Outcome, PrincipalType, Record};

/// The largest record, as JSON.
pub const MOST_BYTES: usize = 256 * 1024;
const MOST_LEVELS: usize = 32;
const LONGEST_STRING: usize = 2048;
/// What only Trailpost itself records.
const RESERVED_RESOURCES: [&str; 5] =
    ["audit-log-integration", "audit-log-records", "audit-log-export", "plan", "service-account"];
const RESERVED_ACTIONS: [&str; 2] = ["login", "logout"];

/// Which field of a submitted record is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct SubmissionError {
    /// The field's path, such as `event.action`; empty for the record itself.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A record that a producer submitted: valid, with what it left out still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedRecord {
    id: Option<RecordId>,
    organization_id: OrganizationId,
    organization_name: Option<OrganizationName>,
    client: Client,
    actor: Actor,
    time: Option<Timestamp>,
    /// Its time is set when the record is completed.
    event: Event,
    digest: [u8; 32],
}

impl SubmittedRecord {
    /// Parses one record.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn parse(value: Value) -> Result<SubmittedRecord, SubmissionError> {
        if levels(&value) > MOST_LEVELS {
            return Err(error("", "is nested more than 32 levels deep"));
        }
        if value.to_string().len() > MOST_BYTES {
            return Err(error("", "is larger than 256 KiB"));
        }
        let mut record = Fields::of(value, "")?;
        let id = record.optional_parsed("id")?;
        let organization_id = record.required_parsed("organization_id")?;
        let organization_name = record.optional_parsed("organization_name")?;
        let client = match record.take("client") {
            Some(client) => parse_client(client)?,
            None => Client::default(),
        };
        let actor = parse_actor(record.required("actor")?)?;
        let (event, time) = parse_event(record.required("event")?)?;
        record.finish()?;
        // Of what was understood, so that a repeat is known however its sender writes ids, times and key orders.
        let content = json!([organization_name, client, actor, time, event]);
        let digest = Sha256::digest(canonical(&content).to_string()).into();
        Ok(SubmittedRecord { id, organization_id, organization_name, client, actor, time, event, digest })
    }

    /// Whose record it is.
    pub fn organization_id(&self) -> OrganizationId {
        self.organization_id
    }

    /// Its id, if the producer gave one.
    pub fn id(&self) -> Option<RecordId> {
        self.id
    }

    /// SHA-256 of the content: the same id with another digest is another record.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Which field is one that only Trailpost itself may record: the event, or an actor of its name.
    pub fn reserved(&self) -> Option<&'static str> {
        let event = RESERVED_RESOURCES.contains(&self.event.resource_type.as_str())
            || RESERVED_ACTIONS.contains(&self.event.action.as_str());
        match (event, self.actor.is_trailpost()) {
            (true, _) => Some("event"),
            (false, true) => Some("actor"),
            (false, false) => None,
        }
    }

    /// The whole record, with what was left out filled in.
    pub fn complete(self, id: RecordId, organization_name: &OrganizationName, now: Timestamp) -> Record {
        Record {
            id: self.id.unwrap_or(id),
            organization_id: self.organization_id,
            organization_name: self.organization_name.as_ref().unwrap_or(organization_name).to_string(),
            client: self.client,
            actor: self.actor,
            event: Event { time: self.time.unwrap_or(now), ..self.event },
        }
    }
}

fn parse_client(value: Value) -> Result<Client, SubmissionError> {
    let mut client = Fields::of(value, "client")?;
    let user_agent = client.optional_string("userAgent")?.unwrap_or_default();
    client.finish()?;
    Ok(Client { user_agent })
}

fn parse_actor(value: Value) -> Result<Actor, SubmissionError> {
    let mut actor = Fields::of(value, "actor")?;
    let principal_id = actor.required_string("principal_id")?;
    let principal_name = actor.required_string("principal_name")?;
    let principal_type = match actor.required_string("principal_type")?.as_str() {
        "user" => PrincipalType::User,
        "api_key" => PrincipalType::ApiKey,
        "service_account" => PrincipalType::ServiceAccount,
        _ => {
            return Err(error("actor.principal_type", "must be user, api_key or service_account"));
        }
    };
    let display_name = actor.optional_string("display_name")?;
    if display_name.is_some() && principal_type != PrincipalType::User {
        return Err(error("actor.display_name", "is only for a user"));
    }
    actor.finish()?;
    Ok(Actor { principal_id, principal_name, principal_type, display_name })
}

fn parse_event(value: Value) -> Result<(Event, Option<Timestamp>), SubmissionError> {
    let mut event = Fields::of(value, "event")?;
    let time: Option<Timestamp> = event.optional_parsed("time")?;
    let parsed = Event {
        time: time.unwrap_or(Timestamp::from_millis(0)),
        action: event.required_parsed("action")?,
        resource_type: event.required_parsed("resource_type")?,
        resource_id: match event.required("resource_id")? {
            id @ (Value::String(_) | Value::Array(_) | Value::Object(_)) => id,
            _ => return Err(error("event.resource_id", "must be a string, an array or an object")),
        },
        resource_name: event.required_string("resource_name")?,
        outcome: parse_outcome(event.required("outcome")?)?,
        parameters: match event.take("parameters") {
            None => Map::new(),
            Some(Value::Object(parameters)) => parameters,
            Some(_) => return Err(error("event.parameters", "must be an object")),
        },
    };
    event.finish()?;
    Ok((parsed, time))
}

fn parse_outcome(value: Value) -> Result<Outcome, SubmissionError> {
    let mut outcome = Fields::of(value, "event.outcome")?;
    let parsed = match outcome.required_string("result")?.as_str() {
        "success" => Outcome::Success,
        "failure" => Outcome::Failure {
            reason: outcome.required_string("reason")?,
            error_code: outcome.required_parsed("error_code")?,
        },
        _ => return Err(error("event.outcome.result", "must be success or failure")),
    };
    outcome.finish()?;
    Ok(parsed)
}

/// An object whose keys are taken one by one; what is left over at the end was unknown.
struct Fields {
    path: &'static str,
    fields: Map<String, Value>,
}

impl Fields {
    fn of(value: Value, path: &'static str) -> Result<Fields, SubmissionError> {
        match value {
            Value::Object(fields) => Ok(Fields { path, fields }),
            _ => Err(error(path, "must be an object")),
        }
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key)
    }

    fn required(&mut self, key: &str) -> Result<Value, SubmissionError> {
        self.take(key).ok_or_else(|| error(&self.name(key), "is missing"))
    }

    fn optional_string(&mut self, key: &str) -> Result<Option<String>, SubmissionError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= LONGEST_STRING => Ok(Some(text)),
            Some(Value::String(_)) => Err(error(&self.name(key), "is longer than 2,048 bytes")),
            Some(_) => Err(error(&self.name(key), "must be a string")),
        }
    }

    fn required_string(&mut self, key: &str) -> Result<String, SubmissionError> {
        self.optional_string(key)?.ok_or_else(|| error(&self.name(key), "is missing"))
    }

    fn optional_parsed<T>(&mut self, key: &str) -> Result<Option<T>, SubmissionError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.optional_string(key)?
            .map(|text| text.parse().map_err(|why: T::Err| error(&self.name(key), &why.to_string())))
            .transpose()
    }

    fn required_parsed<T>(&mut self, key: &str) -> Result<T, SubmissionError>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        self.optional_parsed(key)?.ok_or_else(|| error(&self.name(key), "is missing"))
    }

    fn finish(self) -> Result<(), SubmissionError> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(key) => Err(error(&self.name(key), "is not a field of an audit record")),
        }
    }
}

fn error(field: &str, message: &str) -> SubmissionError {
    SubmissionError { field: field.to_owned(), message: message.to_owned() }
}

/// The same value with its keys in order: a repeat is a repeat, however its sender's JSON library orders keys.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> =
                fields.iter().map(|(key, value)| (key.clone(), canonical(value))).collect();
            sorted.into_iter().collect()
        }
        other => other.clone(),
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORGANIZATION: &str = "0199f3c2-7d1a-7000-8000-0123456789ab";

    fn submission() -> Value {
        json!({
            "id": "0199f3c2-7d1a-7000-8000-00000000000a",
            "organization_id": ORGANIZATION,
            "client": { "userAgent": "curl/8" },
            "actor": {
                "principal_id": "u1",
                "principal_name": "owner@acme.example",
                "principal_type": "user",
                "display_name": "Olivia",
            },
            "event": {
                "time": "2026-11-23T10:31:53.697+01:00",
                "action": "create",
                "resource_type": "index",
                "resource_id": ["docs", "example"],
                "resource_name": "docs-example",
                "outcome": { "result": "failure", "reason": "No", "error_code": "PERMISSION_DENIED" },
                "parameters": { "b": 1, "a": { "nested": [true, null] } },
            },
        })
    }

    fn complete(value: Value) -> String {
        let record = SubmittedRecord::parse(value).unwrap();
        let id = "0199f3c2-7d1a-7000-8000-00000000000b".parse().unwrap();
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        record.complete(id, &"Acme".parse().unwrap(), now).to_line().as_str().to_owned()
    }

    #[test]
    fn a_record_is_completed_in_the_documented_order_on_one_line() {
        let expected = concat!(
            r#"{"id":"0199f3c2-7d1a-7000-8000-00000000000a","organization_id":"0199f3c2-7d1a-7000-8000-0123456789ab","#,
            r#""organization_name":"Acme","client":{"userAgent":"curl/8"},"actor":{"principal_id":"u1","#,
            r#""principal_name":"owner@acme.example","principal_type":"user","display_name":"Olivia"},"#,
            r#""event":{"time":"2026-11-23T09:31:53.697Z","action":"create","resource_type":"index","#,
            r#""resource_id":["docs","example"],"resource_name":"docs-example","#,
            r#""outcome":{"result":"failure","reason":"No","error_code":"PERMISSION_DENIED"},"#,
            r#""parameters":{"b":1,"a":{"nested":[true,null]}}}}"#,
        );
        assert_eq!(complete(submission()), expected);
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        let mut value = submission();
        let fields = value.as_object_mut().unwrap();
        fields.remove("id");
        fields.remove("client");
        fields["event"].as_object_mut().unwrap().remove("time");
        let line: Value = serde_json::from_str(&complete(value)).unwrap();
        assert_eq!(line["id"], "0199f3c2-7d1a-7000-8000-00000000000b");
        assert_eq!(line["event"]["time"], "2026-11-23T12:00:00.000Z");
        assert_eq!(line["client"]["userAgent"], "");
    }

    #[test]
    fn the_wrong_field_is_named() {
        let cases: [(&str, Value, &str); 9] = [
            ("/extra", json!(1), "extra"),
            ("/organization_id", json!("acme"), "organization_id"),
            ("/actor/extra", json!(1), "actor.extra"),
            ("/actor/principal_type", json!("robot"), "actor.principal_type"),
            ("/event/action", json!("Create!"), "event.action"),
            ("/event/resource_id", json!(7), "event.resource_id"),
            ("/event/time", json!("noon"), "event.time"),
            ("/event/outcome/error_code", json!("oops"), "event.outcome.error_code"),
            ("/event/resource_name", json!("x".repeat(2049)), "event.resource_name"),
        ];
        for (pointer, wrong, field) in cases {
            let mut value = submission();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            value.pointer_mut(parent).unwrap()[key] = wrong;
            assert_eq!(SubmittedRecord::parse(value).unwrap_err().field, field);
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let mut deep = json!(1);
        for _ in 0..32 {
            deep = json!([deep]);
        }
        let mut value = submission();
        value["event"]["parameters"]["deep"] = deep;
        assert!(SubmittedRecord::parse(value).unwrap_err().message.contains("32 levels"));
        let mut value = submission();
        value["event"]["parameters"]["large"] = json!("x".repeat(MOST_BYTES));
        assert!(SubmittedRecord::parse(value).unwrap_err().message.contains("256 KiB"));
    }

    #[test]
    fn a_repeat_is_known_by_its_content_and_not_by_the_order_of_its_keys() {
        let parse = |text: &str| SubmittedRecord::parse(serde_json::from_str(text).unwrap()).unwrap();
        let text = submission().to_string();
        let swapped =
            text.replace(r#""b":1,"a":{"nested":[true,null]}"#, r#""a":{"nested":[true,null]},"b":1"#);
        assert_ne!(swapped, text);
        assert_eq!(parse(&swapped).digest(), parse(&text).digest());
        let shouted = text.replace("000a\"", "000A\"").replace("10:31:53.697+01:00", "09:31:53.697Z");
        assert_eq!(
            parse(&shouted).digest(),
            parse(&text).digest(),
            "the same id and instant, written otherwise"
        );
        assert_ne!(parse(&text.replace("docs-example", "docs")).digest(), parse(&text).digest());
    }

    #[test]
    fn reserved_events_are_known() {
        assert_eq!(SubmittedRecord::parse(submission()).unwrap().reserved(), None);
        for (key, word) in [
            ("resource_type", "audit-log-integration"),
            ("resource_type", "audit-log-records"),
            ("resource_type", "audit-log-export"),
            ("resource_type", "plan"),
            ("resource_type", "service-account"),
            ("action", "login"),
            ("action", "logout"),
        ] {
            let mut value = submission();
            value["event"][key] = json!(word);
            assert_eq!(SubmittedRecord::parse(value).unwrap().reserved(), Some("event"), "{key}: {word}");
        }
    }

    #[test]
    fn nobody_records_in_the_name_of_trailpost() {
        let reserved = |id: &str, kind: &str| {
            let mut value = submission();
            value["actor"] =
                json!({ "principal_id": id, "principal_name": "trailpost", "principal_type": kind });
            SubmittedRecord::parse(value).unwrap().reserved()
        };
        assert_eq!(reserved("trailpost", "service_account"), Some("actor"));
        assert_eq!(reserved("0199f3c2", "service_account"), None, "a service account may be called that");
        assert_eq!(reserved("trailpost", "api_key"), None, "nothing of ours");
    }

    const POINTERS: &[&str] = &[
        "",
        "/id",
        "/organization_id",
        "/client",
        "/client/userAgent",
        "/actor",
        "/actor/principal_type",
        "/actor/display_name",
        "/event",
        "/event/time",
        "/event/action",
        "/event/resource_id",
        "/event/outcome",
        "/event/outcome/result",
        "/event/outcome/error_code",
        "/event/parameters",
    ];

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{0,12}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_panics(pointer in prop::sample::select(POINTERS), wrong in any_json()) {
            let mut value = submission();
            *value.pointer_mut(pointer).unwrap() = wrong;
            if SubmittedRecord::parse(value.clone()).is_ok() {
                let back: Value = serde_json::from_str(&complete(value)).unwrap();
                prop_assert_eq!(&back["event"]["resource_type"], &json!("index"));
            }
        }

        #[test]
        fn any_string_survives_delivery_on_one_line(name in ".{0,200}", parameter in ".{0,200}") {
            let mut value = submission();
            value["event"]["resource_name"] = json!(name);
            value["event"]["parameters"]["text"] = json!(parameter);
            let line = complete(value);
            prop_assert!(!line.contains(['\n', '\r']));
            let back: Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&back["event"]["resource_name"], &json!(name));
            prop_assert_eq!(&back["event"]["parameters"]["text"], &json!(parameter));
        }
    }
}
