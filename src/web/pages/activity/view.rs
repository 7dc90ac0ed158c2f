//! The template structs of Activity. What records say is other people's text: nothing of it is shown but through
//! `visible`.

use askama::Template;

use super::href_with;
use crate::domain::activity::{FilterError, FilterField, OWN_PRODUCER, RecordFacts, TypedFilter};
use crate::domain::clock::Timestamp;
use crate::domain::record::{PrincipalType, RecordLine};
use crate::domain::visible::{visible, visible_json};
use crate::store::{ActivityCursor, ActivityPage, ActivityRecord, NextPage};
use crate::web::pages::{Choice, FieldView, Select};
use crate::web::render::Shell;
use crate::web::wording::Moment;

/// What of a long value a list shows.
const LONGEST_SHOWN: usize = 120;

/// The records that are looked for.
#[derive(Template)]
#[template(path = "pages/activity/show.html")]
pub(super) struct ActivityShow {
    pub(super) shell: Shell,
    pub(super) organization_name: String,
    /// `/organizations/{id}/activity`.
    pub(super) base_href: String,
    /// The newest page of what is looked for.
    pub(super) filtered_href: String,
    pub(super) is_filtered: bool,
    /// After a 422: there is nothing but the form.
    pub(super) is_invalid: bool,
    pub(super) filter: FilterForm,
    /// What an export's form carries along.
    pub(super) exported: Vec<(&'static str, String)>,
    pub(super) csrf: String,
    pub(super) rows: Vec<RecordRow>,
    pub(super) pages: Pages,
    /// `132 pending records`, if there are any.
    pub(super) pending: Option<String>,
}

impl ActivityShow {
    /// Whether everything was looked at, and nothing was found.
    fn matches_nothing(&self) -> bool {
        let is_whole = !self.pages.is_cut_short() && self.pages.newer.is_none();
        self.is_filtered && !self.is_invalid && self.rows.is_empty() && is_whole
    }
}

/// One record.
#[derive(Template)]
#[template(path = "pages/activity/record.html")]
pub(super) struct RecordShow {
    pub(super) shell: Shell,
    pub(super) activity_href: String,
    pub(super) row: RecordRow,
    /// Label and value.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Where records like this one are.
    pub(super) links: Vec<(&'static str, String)>,
    /// Indented.
    pub(super) json: String,
}

/// What can be looked for, with what was typed.
pub(super) struct FilterForm {
    pub(super) from: FieldView,
    pub(super) to: FieldView,
    pub(super) actor: FieldView,
    pub(super) action: FieldView,
    pub(super) resource_type: FieldView,
    pub(super) resource_id: FieldView,
    pub(super) outcome: Select,
    pub(super) producer: FieldView,
}

impl FilterForm {
    pub(super) fn new(typed: &TypedFilter, errors: &[FilterError]) -> FilterForm {
        let error =
            |field| errors.iter().find(|error| error.field == field).map(|error| error.message.clone());
        let field = |field| FieldView { value: typed.value(field).to_owned(), error: error(field) };
        let chosen = typed.outcome.trim().to_lowercase();
        let choice = |(value, label): (&str, &str)| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            selected: chosen == value,
        };
        FilterForm {
            from: field(FilterField::From),
            to: field(FilterField::To),
            actor: field(FilterField::Actor),
            action: field(FilterField::Action),
            resource_type: field(FilterField::ResourceType),
            resource_id: field(FilterField::ResourceId),
            outcome: Select {
                options: [("", "Any"), ("success", "Success"), ("failure", "Failure")].map(choice).into(),
                error: error(FilterField::Outcome),
            },
            producer: field(FilterField::Producer),
        }
    }
}

/// A record in the list.
pub(super) struct RecordRow {
    pub(super) href: String,
    pub(super) sequence: String,
    pub(super) stored: Moment,
    /// When it happened, where that is not when it was stored.
    pub(super) happened: Option<Moment>,
    /// `Create index`.
    pub(super) event: String,
    pub(super) resource: String,
    pub(super) actor: String,
    pub(super) actor_kind: &'static str,
    /// `success failure unknown`.
    pub(super) outcome: &'static str,
    pub(super) error_code: Option<String>,
}

/// A time that a producer gives is another than ours from here on.
const SAME_TIME_MILLIS: u64 = 60_000;

impl RecordRow {
    pub(super) fn new(base_href: &str, record: &ActivityRecord, now: Timestamp) -> RecordRow {
        let unreadable = RecordRow {
            href: format!("{base_href}/records/{}", record.sequence),
            sequence: record.sequence.to_string(),
            stored: Moment::new(record.recorded_at, now),
            happened: None,
            event: "A record that can’t be read".to_owned(),
            resource: String::new(),
            actor: "Unknown".to_owned(),
            actor_kind: "",
            outcome: "unknown",
            error_code: None,
        };
        let Some(facts) = &record.facts else { return unreadable };
        let event = &facts.event;
        let apart = event.time.as_millis().abs_diff(record.recorded_at.as_millis());
        RecordRow {
            happened: (apart > SAME_TIME_MILLIS).then(|| Moment::new(event.time, now)),
            event: event_words(&event.action, &event.resource_type),
            resource: shortened(&event.resource_name),
            actor: shortened(&facts.actor.principal_name),
            actor_kind: actor_kind(facts.actor.principal_type),
            outcome: if event.outcome.result == "success" { "success" } else { "failure" },
            error_code: event.outcome.error_code.as_deref().map(visible),
            ..unreadable
        }
    }
}

fn actor_kind(kind: PrincipalType) -> &'static str {
    match kind {
        PrincipalType::User => "User",
        PrincipalType::ApiKey => "API key",
        PrincipalType::ServiceAccount => "Service account",
    }
}

/// Action and resource type as people say them.
fn event_words(action: &str, resource_type: &str) -> String {
    let spaced = |word: &str| word.replace(['-', '_'], " ");
    let resource = spaced(resource_type).replace("api key", "API key");
    match (action, resource_type) {
        ("login", "user") => "Sign in".to_owned(),
        ("logout", "user") => "Sign out".to_owned(),
        _ => {
            let action = spaced(action);
            let (first, rest) = action.split_at(action.chars().next().map_or(0, char::len_utf8));
            visible(&format!("{}{rest} {resource}", first.to_uppercase()))
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", visible(&text[..end])),
        None => visible(text),
    }
}

/// Where the other pages are, and why this one is empty, if it is.
#[derive(Default)]
pub(super) struct Pages {
    pub(super) newer: Option<PageLink>,
    pub(super) older: Option<PageLink>,
    /// Whether it begins with the newest record.
    pub(super) is_newest: bool,
}

/// A way to go on.
pub(super) struct PageLink {
    pub(super) href: String,
    /// Where the search came to an end before all was looked at.
    pub(super) searched_to: Option<Moment>,
}

impl Pages {
    /// Whether the search ended before all was looked at.
    pub(super) fn is_cut_short(&self) -> bool {
        let cut = |link: &Option<PageLink>| link.as_ref().is_some_and(|link| link.searched_to.is_some());
        cut(&self.newer) || cut(&self.older)
    }

    pub(super) fn new(
        base_href: &str,
        typed: &TypedFilter,
        cursor: ActivityCursor,
        found: &ActivityPage,
        now: Timestamp,
    ) -> Pages {
        let link = |name: &'static str, next: NextPage| PageLink {
            href: href_with(base_href, typed, Some((name, next.from))),
            searched_to: next.searched_to.map(|at| Moment::new(at, now)),
        };
        Pages {
            newer: found.newer.map(|next| link("after", next)),
            older: found.older.map(|next| link("before", next)),
            is_newest: cursor == ActivityCursor::Newest || found.newer.is_none(),
        }
    }
}

/// What a record says, with its labels.
pub(super) fn facts(record: &ActivityRecord) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Sequence", record.sequence.to_string()),
        ("Stored", record.recorded_at.to_string()),
        ("Producer", producer(record)),
    ];
    if let Some(said) = &record.facts {
        facts.extend(said_facts(said));
    }
    facts
}

fn producer(record: &ActivityRecord) -> String {
    record.producer.as_deref().map_or_else(|| "Trailpost itself".to_owned(), visible)
}

fn said_facts(said: &RecordFacts) -> Vec<(&'static str, String)> {
    let (actor, event) = (&said.actor, &said.event);
    let resource_id = match &event.resource_id {
        serde_json::Value::String(id) => visible(id),
        several => visible(&several.to_string()),
    };
    let mut facts = vec![
        ("Happened", event.time.to_string()),
        ("Record ID", visible(&said.id)),
        ("Actor", visible(&actor.principal_name)),
        ("Actor ID", visible(&actor.principal_id)),
        ("Resource type", visible(&event.resource_type)),
        ("Resource name", visible(&event.resource_name)),
        ("Resource ID", resource_id),
    ];
    facts.extend(event.outcome.error_code.iter().map(|code| ("Error code", visible(code))));
    facts.extend(event.outcome.reason.iter().map(|reason| ("Reason", visible(reason))));
    if !said.client.user_agent.is_empty() {
        facts.push(("User agent", visible(&said.client.user_agent)));
    }
    facts
}

/// Where more of the same actor, resource and producer is.
pub(super) fn links(base_href: &str, record: &ActivityRecord) -> Vec<(&'static str, String)> {
    let Some(said) = &record.facts else { return Vec::new() };
    let to = |filter: TypedFilter| href_with(base_href, &filter, None);
    let actor = TypedFilter { actor: said.actor.principal_id.clone(), ..TypedFilter::default() };
    let resource = TypedFilter {
        resource_type: said.event.resource_type.clone(),
        resource_id: said.event.resource_name.clone(),
        ..TypedFilter::default()
    };
    let producer = TypedFilter {
        producer: record.producer.clone().unwrap_or_else(|| OWN_PRODUCER.to_owned()),
        ..TypedFilter::default()
    };
    vec![("Same actor", to(actor)), ("Same resource", to(resource)), ("Same producer", to(producer))]
}

/// The record's JSON, indented; what can't be read, as it is.
pub(super) fn pretty(line: &RecordLine) -> String {
    let indented = serde_json::from_str::<serde_json::Value>(line.as_str());
    match indented.and_then(|value| serde_json::to_string_pretty(&value)) {
        Ok(json) => visible_json(&json),
        Err(_) => visible(line.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_as_people_say_them() {
        assert_eq!(event_words("create", "api-key"), "Create API key");
        assert_eq!(event_words("create", "private-endpoints"), "Create private endpoints");
        assert_eq!(event_words("login", "user"), "Sign in");
        assert_eq!(event_words("scale_up", "pod"), "Scale up pod");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "é".repeat(LONGEST_SHOWN + 1);
        assert_eq!(shortened(&long), format!("{}…", "é".repeat(LONGEST_SHOWN)));
        assert_eq!(shortened("a\u{202e}b"), "a\\u202eb");
    }

    #[test]
    fn json_is_shown_harmless_and_means_the_same() {
        let line = RecordLine::from_stored("{\"name\":\"a\u{202e}b\"}".to_owned());
        assert_eq!(pretty(&line), "{\n  \"name\": \"a\\u202eb\"\n}");
        assert_eq!(pretty(&RecordLine::from_stored("no\u{7} json".to_owned())), "no\\u0007 json");
    }
}
