//! The settings form: what it is filled with, and what is wrong with what was typed.

use super::setup::Choices;
use super::view::SettingsForm;
use crate::domain::access_check::{CheckState, Purpose};
use crate::domain::encryption::EncryptionKind;
use crate::domain::integration::{FieldError, SettingsField, TypedSettings};
use crate::domain::object_key::{Compression, Format};
use crate::domain::window::WindowLength;
use crate::store::Integration;
use crate::web::pages::{Choice, FieldView, Select};

/// What the form is filled with.
#[derive(Clone, Debug)]
pub(super) struct FormInput {
    /// As typed, or as stored.
    pub(super) typed: TypedSettings,
    /// After a 422.
    pub(super) errors: Vec<FieldError>,
    /// After a 409.
    pub(super) conflict: bool,
    /// A button was pressed that carries nothing of the form.
    pub(super) pressed_alone: bool,
    /// What is chosen for the set-up.
    pub(super) setup: Choices,
    /// The set-up was asked for, to be seen at once.
    pub(super) shows_setup: bool,
}

impl FormInput {
    /// The settings in force; what a check that did not pass was about, so that nothing has to be typed again; or
    /// the defaults.
    pub(super) fn as_stored(integration: &Integration, default_window: WindowLength) -> FormInput {
        let proposed = integration.check.as_ref().filter(|check| {
            let is_newest = integration.changed.as_ref().is_none_or(|(_, at)| *at < check.asked_at);
            is_newest
                && matches!(check.purpose, Purpose::Enable | Purpose::Update)
                && check.state != CheckState::Passed
        });
        let typed = match (proposed, &integration.settings) {
            (Some(check), _) => TypedSettings::from(&check.proposed),
            (None, Some(settings)) => TypedSettings::from(settings),
            (None, None) => TypedSettings {
                encryption: EncryptionKind::default().as_str().to_owned(),
                format: Format::default().to_string(),
                compression: Compression::default().to_string(),
                window_minutes: default_window.minutes().to_string(),
                ..TypedSettings::default()
            },
        };
        FormInput::of(typed)
    }

    fn of(typed: TypedSettings) -> FormInput {
        FormInput {
            typed,
            errors: Vec::new(),
            conflict: false,
            pressed_alone: false,
            setup: Choices::default(),
            shows_setup: false,
        }
    }

    /// What was sent can't be used; the tab of the set-up stays the one that was chosen.
    pub(super) fn invalid(typed: TypedSettings, errors: Vec<FieldError>, setup: Choices) -> FormInput {
        FormInput { errors, setup, ..FormInput::of(typed) }
    }

    pub(super) fn conflicting(typed: TypedSettings) -> FormInput {
        FormInput { conflict: true, ..FormInput::of(typed) }
    }

    /// A button without fields came too late; the form is what it would be anyway.
    pub(super) fn pressed_late(self) -> FormInput {
        FormInput { conflict: true, pressed_alone: true, ..self }
    }

    /// For a look at what files will be like.
    pub(super) fn for_preview(typed: TypedSettings) -> FormInput {
        FormInput::of(typed)
    }

    /// **Show set-up** was pressed, this tab being chosen.
    pub(super) fn for_setup(typed: TypedSettings, errors: Vec<FieldError>, setup: Choices) -> FormInput {
        FormInput { shows_setup: errors.is_empty(), errors, setup, ..FormInput::of(typed) }
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
        self.errors.is_empty() && !self.conflict
    }

    /// The form, for an integration as it is now.
    pub(super) fn view(&self, base_href: &str, integration: &Integration) -> SettingsForm {
        let configured = integration.settings.is_some();
        let typed = &self.typed;
        let in_advanced =
            |error: &FieldError| !matches!(error.field, SettingsField::RoleArn | SettingsField::Bucket);
        let differs_in_advanced =
            self.conflict && !self.pressed_alone && differs_in_advanced(typed, integration);
        SettingsForm {
            action: format!("{base_href}/{}", if configured { "update" } else { "enable" }),
            setup_action: format!("{base_href}/setup"),
            submit_label: submit_label(configured),
            note: if configured {
                "We check the access first. Until that passes, the settings above stay in force."
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
            summary: self
                .errors
                .iter()
                .map(|error| (error.field.as_str(), label(error.field), error.message.clone()))
                .collect(),
        }
    }
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
    [
        (SettingsField::RoleArn, &typed.role_arn),
        (SettingsField::Bucket, &typed.bucket),
        (SettingsField::Prefix, &typed.prefix),
        (SettingsField::BucketOwnerAccount, &typed.bucket_owner_account),
        (SettingsField::Encryption, &chosen(&typed.encryption, &encryption_options())),
        (SettingsField::KmsKeyArn, &typed.kms_key_arn),
        (SettingsField::Format, &chosen(&typed.format, &format_options())),
        (SettingsField::Compression, &chosen(&typed.compression, &compression_options())),
        (SettingsField::WindowMinutes, &chosen(&typed.window_minutes, &window_options())),
    ]
    .map(|(field, value)| (label(field), value.clone()))
    .to_vec()
}

/// What a choice is called on the page.
fn chosen(value: &str, options: &[(String, String)]) -> String {
    let found = options.iter().find(|(known, _)| known == value);
    found.map_or(value, |(_, label)| label).to_owned()
}
