//! The settings form: what it is filled with, and what is wrong with what was typed.

use super::FormQuery;
use super::setup::Choices;
use super::view::{NotInForce, SettingsForm};
use crate::domain::access_check::{CheckState, Purpose};
use crate::domain::encryption::EncryptionKind;
use crate::domain::integration::{FieldError, Revision, SettingsField, TypedSettings};
use crate::domain::object_key::{Compression, Format};
use crate::domain::window::WindowLength;
use crate::store::Integration;
use crate::web::pages::{Choice, FieldView, Select};

/// Why something was not done that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnedDown {
    /// The settings had changed since the page was made.
    Stale,
    /// A check of other settings, or for another purpose, was under way.
    OtherCheck,
}

/// Where what the form holds comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// What is in force, or the defaults.
    InForce,
    /// What a check was about that had no effect.
    Proposal,
    /// What somebody typed, who sent it and looks at the answer.
    Typed,
}

/// What the form is filled with.
#[derive(Clone, Debug)]
pub(super) struct FormInput {
    pub(super) typed: TypedSettings,
    holds: Holds,
    /// After a 422.
    pub(super) errors: Vec<FieldError>,
    /// After a 422: the form did not say which revision it was made from.
    without_revision: bool,
    /// After a 409.
    pub(super) turned_down: Option<TurnedDown>,
    /// What is chosen for the set-up.
    pub(super) setup: Choices,
    /// The set-up was asked for, to be seen at once.
    pub(super) shows_setup: bool,
}

impl FormInput {
    /// What a check without effect was about, so that nothing has to be typed again; else the settings in force, or the
    /// defaults.
    pub(super) fn as_stored(integration: &Integration, default_window: WindowLength) -> FormInput {
        let newest = integration.open_check().or(integration.check_without_effect());
        match newest.filter(|check| matches!(check.purpose, Purpose::Enable | Purpose::Update)) {
            Some(check) => FormInput::of(TypedSettings::from(&check.proposed), Holds::Proposal),
            None => FormInput::in_force(integration, default_window),
        }
    }

    /// The settings in force, or the defaults.
    pub(super) fn in_force(integration: &Integration, default_window: WindowLength) -> FormInput {
        let defaults = || TypedSettings {
            encryption: EncryptionKind::default().as_str().to_owned(),
            format: Format::default().to_string(),
            compression: Compression::default().to_string(),
            window_minutes: default_window.minutes().to_string(),
            ..TypedSettings::default()
        };
        let typed = integration.settings.as_ref().map_or_else(defaults, TypedSettings::from);
        FormInput::of(typed, Holds::InForce)
    }

    fn of(typed: TypedSettings, holds: Holds) -> FormInput {
        FormInput {
            typed,
            holds,
            errors: Vec::new(),
            without_revision: false,
            turned_down: None,
            setup: Choices::default(),
            shows_setup: false,
        }
    }

    /// What was sent can't be used; the tab of the set-up stays the one that was chosen.
    pub(super) fn invalid(typed: TypedSettings, errors: Vec<FieldError>, setup: Choices) -> FormInput {
        FormInput { errors, setup, ..FormInput::of(typed, Holds::Typed) }
    }

    /// The same, sent in a form that was made from this revision, or did not say from which.
    pub(super) fn of_revision(self, revision: Option<Revision>) -> FormInput {
        FormInput { without_revision: revision.is_none(), ..self }
    }

    /// What was typed beside what is there now.
    pub(super) fn conflicting(typed: TypedSettings, turned_down: TurnedDown) -> FormInput {
        FormInput { turned_down: Some(turned_down), ..FormInput::of(typed, Holds::Typed) }
    }

    /// A button without fields came too late; the form is what it would be anyway.
    pub(super) fn pressed_late(self, turned_down: TurnedDown) -> FormInput {
        FormInput { turned_down: Some(turned_down), ..self }
    }

    /// The form holds what somebody typed, who looks at the answer.
    pub(super) fn is_typed(&self) -> bool {
        self.holds == Holds::Typed
    }

    /// The page answers a press, so that its address can't be asked for again.
    pub(super) fn answers_a_press(&self) -> bool {
        self.is_typed() || self.turned_down.is_some()
    }

    /// For a look at what files will be like.
    pub(super) fn for_preview(typed: TypedSettings) -> FormInput {
        FormInput::of(typed, Holds::Typed)
    }

    /// **Show set-up** was pressed, this tab being chosen.
    pub(super) fn for_setup(typed: TypedSettings, errors: Vec<FieldError>, setup: Choices) -> FormInput {
        FormInput { shows_setup: errors.is_empty(), errors, setup, ..FormInput::of(typed, Holds::Typed) }
    }

    fn error(&self, field: SettingsField) -> Option<String> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.clone())
    }

    fn text(&self, field: SettingsField, value: &str) -> FieldView {
        FieldView { value: value.to_owned(), error: self.error(field) }
    }

    fn select(&self, field: SettingsField, chosen: &str, options: Vec<(String, String)>) -> Select {
        let options = options
            .into_iter()
            .map(|(value, label)| Choice { selected: value == chosen, value, label })
            .collect();
        Select { options, error: self.error(field) }
    }

    /// Nothing was pressed yet: the page may tell of the last check.
    pub(super) fn is_fresh(&self) -> bool {
        self.errors.is_empty() && !self.without_revision && self.turned_down.is_none()
    }

    /// What to say of a form that holds what a check without effect was about.
    fn not_in_force(&self, base_href: &str, integration: &Integration) -> Option<NotInForce> {
        let in_force = integration.settings.as_ref().filter(|_| self.holds == Holds::Proposal)?;
        let check = integration.check_without_effect()?;
        let in_force = labelled(&TypedSettings::from(in_force));
        let differing =
            in_force.into_iter().zip(labelled(&self.typed)).filter(|(theirs, ours)| theirs != ours);
        let differing: Vec<_> = differing.map(|(in_force, _)| in_force).collect();
        (!differing.is_empty()).then(|| NotInForce {
            because: match check.state {
                CheckState::Cancelled => "Their access check was cancelled",
                CheckState::Superseded => "Their access check was superseded",
                _ => "Their access check failed",
            },
            in_force: differing,
            href: format!("{base_href}?form={}#settings-form", FormQuery::IN_FORCE),
        })
    }

    /// The form, for an integration as it is now.
    pub(super) fn view(&self, base_href: &str, integration: &Integration) -> SettingsForm {
        let configured = integration.settings.is_some();
        let typed = &self.typed;
        let in_advanced =
            |error: &FieldError| !matches!(error.field, SettingsField::RoleArn | SettingsField::Bucket);
        let is_compared = self.is_typed() && self.turned_down.is_some();
        let not_in_force = self.not_in_force(base_href, integration);
        let differs_in_advanced =
            (is_compared || not_in_force.is_some()) && differs_in_advanced(typed, integration);
        SettingsForm {
            action: format!("{base_href}/{}", if configured { "update" } else { "enable" }),
            setup_action: format!("{base_href}/setup"),
            submit_label: submit_label(configured),
            note: if configured {
                "We check the access first. Until that passes, what is in force stays in force."
            } else {
                "We check the access first, by writing a test object named audit-log-access-test."
            },
            revision: integration.revision.get(),
            role_arn: self.text(SettingsField::RoleArn, &typed.role_arn),
            bucket: self.text(SettingsField::Bucket, &typed.bucket),
            prefix: self.text(SettingsField::Prefix, &typed.prefix),
            bucket_owner_account: self.text(SettingsField::BucketOwnerAccount, &typed.bucket_owner_account),
            encryption: self.select(SettingsField::Encryption, &typed.encryption, encryption_options()),
            kms_key_arn: self.text(SettingsField::KmsKeyArn, &typed.kms_key_arn),
            format: self.select(SettingsField::Format, &typed.format, format_options()),
            compression: self.select(SettingsField::Compression, &typed.compression, compression_options()),
            window: self.select(SettingsField::WindowMinutes, &typed.window_minutes, window_options()),
            advanced_open: self.shows_setup || self.errors.iter().any(in_advanced) || differs_in_advanced,
            is_typed: self.is_typed(),
            not_in_force,
            without_revision: self.without_revision,
            summary: self
                .errors
                .iter()
                .map(|error| (error.field.as_str(), label(error.field), error.message.clone()))
                .collect(),
        }
    }
}

/// Errors of fields, with those of fields that came more than once: nobody can tell what else is wrong with these.
pub(super) fn with_repeated(errors: Vec<FieldError>, repeated: Vec<FieldError>) -> Vec<FieldError> {
    let others = errors.into_iter().filter(|error| repeated.iter().all(|other| other.field != error.field));
    let others: Vec<_> = others.collect();
    [repeated, others].concat()
}

/// Whether a field under Advanced holds something else than is saved.
fn differs_in_advanced(typed: &TypedSettings, integration: &Integration) -> bool {
    let saved = integration.settings.as_ref().map(TypedSettings::from).unwrap_or_default();
    let seen =
        TypedSettings { role_arn: saved.role_arn.clone(), bucket: saved.bucket.clone(), ..typed.clone() };
    seen != saved
}

pub(super) fn submit_label(configured: bool) -> &'static str {
    if configured { "Update settings" } else { "Enable audit logging" }
}

/// Whoever chooses another encryption than the page came with need not clear the key that the page came with too. A
/// key that they typed is kept, and refused beside the choice: it would not be used.
pub(super) fn without_the_key_left_over(typed: TypedSettings, shown: &TypedSettings) -> TypedSettings {
    let chose_another =
        shown.encryption == EncryptionKind::Kms.as_str() && typed.encryption != shown.encryption;
    if chose_another && typed.kms_key_arn.trim() == shown.kms_key_arn {
        return TypedSettings { kms_key_arn: String::new(), ..typed };
    }
    typed
}

fn encryption_options() -> Vec<(String, String)> {
    EncryptionKind::ALL.iter().map(|kind| (kind.as_str().to_owned(), kind.label().to_owned())).collect()
}

fn format_options() -> Vec<(String, String)> {
    Format::ALL.iter().map(|format| (format.to_string(), format.label().to_owned())).collect()
}

fn compression_options() -> Vec<(String, String)> {
    Compression::ALL.iter().map(|value| (value.to_string(), value.label().to_owned())).collect()
}

fn window_options() -> Vec<(String, String)> {
    WindowLength::ALL.iter().map(|length| (length.minutes().to_string(), length.to_string())).collect()
}

pub(super) fn label(field: SettingsField) -> &'static str {
    match field {
        SettingsField::RoleArn => "Role ARN",
        SettingsField::Bucket => "Amazon S3 bucket",
        SettingsField::Prefix => "Prefix",
        SettingsField::BucketOwnerAccount => "Bucket owner account",
        SettingsField::Encryption => "Encryption",
        SettingsField::KmsKeyArn => "KMS key ARN",
        SettingsField::Format => "Format",
        SettingsField::Compression => "Compression",
        SettingsField::WindowMinutes => "Delivery window",
    }
}

/// Typed settings as label and value, for a list of them or a comparison.
pub(super) fn labelled(typed: &TypedSettings) -> Vec<(&'static str, String)> {
    let shown = |field: SettingsField| match field {
        SettingsField::Encryption => chosen(typed.value(field), &encryption_options()),
        SettingsField::Format => chosen(typed.value(field), &format_options()),
        SettingsField::Compression => chosen(typed.value(field), &compression_options()),
        SettingsField::WindowMinutes => chosen(typed.value(field), &window_options()),
        _ => typed.value(field).to_owned(),
    };
    SettingsField::ALL.map(|field| (label(field), shown(field))).to_vec()
}

/// What a choice is called on the page.
fn chosen(value: &str, options: &[(String, String)]) -> String {
    let found = options.iter().find(|(known, _)| known == value);
    found.map_or(value, |(_, label)| label).to_owned()
}
