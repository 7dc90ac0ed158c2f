//! What a PUT or PATCH of the integration wants done: its settings, its switch, or nothing.

use std::str::FromStr;

use super::integration::representation;
use super::object::{Object, Sent};
use super::problem::Problem;
use crate::domain::access_check::Purpose;
use crate::domain::encryption::EncryptionKind;
use crate::domain::integration::{Settings, TypedSettings};
use crate::store::{Integration, SwitchOff};
use crate::web::WebConfig;

/// The fields that are settings.
const SETTINGS: [&str; 9] = [
    "role_arn",
    "bucket",
    "prefix",
    "bucket_owner_account",
    "encryption",
    "kms_key_arn",
    "format",
    "compression",
    "window_minutes",
];
/// The fields that nobody sets. What was read may be sent back as it was.
const READ_ONLY: [&str; 5] = ["suspended", "health", "check_id", "external_id", "revision"];

/// What becomes of pending records when the switch is turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    Discard,
    DeliverFirst,
}

impl Pending {
    pub(super) const MISSING: &'static str =
        "is missing: say what becomes of records that are not delivered yet, discard or deliver_first";
}

impl FromStr for Pending {
    type Err = String;

    fn from_str(text: &str) -> Result<Pending, String> {
        match text {
            "discard" => Ok(Pending::Discard),
            "deliver_first" => Ok(Pending::DeliverFirst),
            other => Err(format!("“{other}” is neither discard nor deliver_first")),
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It is so already.
    Nothing,
    /// An access check, of the settings in force if none are proposed.
    Check { purpose: Purpose, proposed: Option<Box<Settings>> },
    /// The switch is turned off, or the integration removed.
    SwitchOff(SwitchOff, Pending),
    /// The switch stays on after all.
    StopWaiting,
}

/// A body that was read, before the rules.
pub(super) struct Proposal<'a> {
    stored: &'a Integration,
    /// The settings that it would have, if it says anything of them.
    proposed: Option<Settings>,
    active: Option<bool>,
    pending: Option<Pending>,
}

impl Proposal<'_> {
    /// PUT: what is left out takes its default.
    pub(super) fn replacing(
        stored: &Integration,
        object: Object,
        config: &WebConfig,
    ) -> Result<Wanted, Problem> {
        Proposal::read(stored, object, config, TypedSettings::default(), true)
    }

    /// PATCH: what is left out stays (RFC 7396).
    pub(super) fn merging(
        stored: &Integration,
        object: Object,
        config: &WebConfig,
    ) -> Result<Wanted, Problem> {
        let base = stored.settings.as_ref().map_or_else(TypedSettings::default, TypedSettings::from);
        let changes_settings = object.has_any(&SETTINGS);
        Proposal::read(stored, object, config, base, changes_settings)
    }

    fn read(
        stored: &Integration,
        mut object: Object,
        config: &WebConfig,
        base: TypedSettings,
        says_settings: bool,
    ) -> Result<Wanted, Problem> {
        refuse_other_values(stored, &mut object);
        let typed = typed(&mut object, base);
        let active = object.boolean("active");
        let pending = object.optional("pending");
        let mut proposed = None;
        if says_settings {
            match typed.parse_served(config.default_window, &config.principals) {
                Ok(settings) => proposed = Some(settings),
                Err(errors) => {
                    for error in errors {
                        object.refuse(error.field.as_str(), error.message);
                    }
                }
            }
        }
        object.finish()?;
        Proposal { stored, proposed, active, pending }.wanted()
    }

    fn wanted(self) -> Result<Wanted, Problem> {
        let is_active = self.stored.active;
        if self.pending.is_some() && (self.active != Some(false) || !is_active) {
            return Err(Problem::field("pending", "only goes with turning the switch off: active: false"));
        }
        match (self.active, &self.stored.settings) {
            (Some(false), None) => {
                Err(Problem::field("active", "there is nothing to switch off yet: leave it out"))
            }
            (_, None) if self.proposed.is_some() => Ok(self.check(Purpose::Enable)),
            (Some(true), None) => Err(Problem::field("role_arn", "is missing: nothing is set up yet")),
            (None, None) => Ok(Wanted::Nothing),
            (Some(false), Some(_)) if is_active => self.switching_off(),
            (Some(true), Some(_)) if self.stored.stop.is_some() => self.staying_on(),
            (Some(true), Some(_)) if !is_active => Ok(self.check(Purpose::Activate)),
            _ if self.proposed.is_some() => Ok(self.check(Purpose::Update)),
            _ => Ok(Wanted::Nothing),
        }
    }

    fn check(self, purpose: Purpose) -> Wanted {
        Wanted::Check { purpose, proposed: self.proposed.map(Box::new) }
    }

    fn switching_off(self) -> Result<Wanted, Problem> {
        if self.changes_settings() {
            return Err(Problem::field(
                "active",
                "change the settings in one request, and turn the switch off in another",
            ));
        }
        let pending = self.pending.ok_or_else(|| Problem::field("pending", Pending::MISSING))?;
        Ok(Wanted::SwitchOff(SwitchOff::Disable, pending))
    }

    fn staying_on(self) -> Result<Wanted, Problem> {
        if self.changes_settings() {
            return Err(Problem::field(
                "active",
                "it is being switched off: keep it on in one request, and change the settings in another",
            ));
        }
        Ok(Wanted::StopWaiting)
    }

    fn changes_settings(&self) -> bool {
        self.proposed.is_some() && self.proposed != self.stored.settings
    }
}

fn refuse_other_values(stored: &Integration, object: &mut Object) {
    let current = representation(stored);
    for field in READ_ONLY {
        if object.raw(field).is_some_and(|sent| sent != current[field]) {
            object.refuse(field, "is read-only, and has another value now: leave it out");
        }
    }
}

/// The settings as they were sent, over what they were.
fn typed(object: &mut Object, base: TypedSettings) -> TypedSettings {
    let keeps_key = !object.has_any(&["encryption"]) || object.has_any(&["kms_key_arn"]);
    let mut text = |name: &str, before: String| match object.string(name) {
        Sent::No => before,
        Sent::Null => String::new(),
        Sent::Value(sent) => sent,
    };
    let encryption = text("encryption", base.encryption);
    // A key goes with KMS alone: whoever chooses another encryption need not take the key away too.
    let is_kms = encryption == EncryptionKind::Kms.as_str();
    let key_before = if keeps_key || is_kms { base.kms_key_arn } else { String::new() };
    TypedSettings {
        role_arn: text("role_arn", base.role_arn),
        bucket: text("bucket", base.bucket),
        prefix: text("prefix", base.prefix),
        bucket_owner_account: text("bucket_owner_account", base.bucket_owner_account),
        kms_key_arn: text("kms_key_arn", key_before),
        format: text("format", base.format),
        compression: text("compression", base.compression),
        encryption,
        window_minutes: match object.integer("window_minutes") {
            Sent::No => base.window_minutes,
            Sent::Null => String::new(),
            Sent::Value(minutes) => minutes.to_string(),
        },
    }
}
