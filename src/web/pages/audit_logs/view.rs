//! The template structs of Settings > Audit logs.

use askama::Template;

use crate::domain::failure::Block;
use crate::domain::setup::{Paste, Step};
use crate::web::flash::Flash;
use crate::web::pages::{Choice, FieldView, Select};
use crate::web::render::Shell;
use crate::web::timeline::TimelineView;
use crate::web::wording::Moment;

/// Settings > Audit logs, in any situation. A part that is `None` isn't shown.
#[derive(Template)]
#[template(path = "pages/audit_logs/show.html")]
pub(super) struct AuditLogsShow {
    pub(super) shell: Shell,
    pub(super) organization_name: String,
    /// `/organizations/{id}/settings/audit-logs`.
    pub(super) base_href: String,
    /// `/organizations/{id}/settings/plan`.
    pub(super) plan_href: String,
    pub(super) situation: Situation,
    /// The revision this page saw; every form carries it.
    pub(super) revision: i64,
    /// Whether **More actions** is there: active or inactive, and allowed.
    pub(super) can_act: bool,
    /// Under the switch: what on or off means now.
    pub(super) switch_sentence: String,
    /// What is delivered before it is switched off.
    pub(super) stopping: Option<Stopping>,
    /// After a 409.
    pub(super) conflict: Option<Conflict>,
    /// Where this page is to be had again, if its own address can't be asked for: it answers a press.
    pub(super) reload_href: Option<String>,
    /// Above the active page, when delivery fails, or the role lets anybody in.
    pub(super) troubles: Vec<Trouble>,
    /// Above the active page, after a stop that nobody gave up.
    pub(super) given_up: Option<GivenUp>,
    /// The check that runs, or one that ended and says why nothing changed.
    pub(super) check: Option<CheckView>,
    pub(super) status: Option<StatusCard>,
    /// Settings without a form (suspended: what is kept; checking: what is proposed).
    pub(super) settings_heading: &'static str,
    pub(super) settings: Vec<(&'static str, String)>,
    /// Not configured: the guide. Otherwise folded, to look it up.
    pub(super) setup: Option<SetupGuide>,
    /// It was asked for: it is open and has the focus.
    pub(super) shows_setup: bool,
    pub(super) form: Option<SettingsForm>,
    /// In the form.
    pub(super) preview: Option<Preview>,
    /// Once something is set up.
    pub(super) history: Option<History>,
    /// Shown once anything was delivered, or failed.
    pub(super) timeline: Option<TimelineView>,
}

impl AuditLogsShow {
    /// The same page with what the last action did.
    pub(super) fn with_flash(mut self, flash: Option<Flash>) -> AuditLogsShow {
        self.shell = self.shell.with_flash(flash);
        self
    }
}

/// What the page is about now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    NeedsEnterprise,
    NotConfigured,
    Checking,
    Active,
    Stopping,
    Inactive,
    Suspended,
}

/// The last delivery before it is switched off.
pub(super) struct Stopping {
    /// `audit logs are disabled` or `the integration is removed`.
    pub(super) then: &'static str,
    pub(super) asked_by: String,
    pub(super) asked_at: Moment,
}

/// Someone else was faster: they saved, or are having something else checked.
pub(super) struct Conflict {
    pub(super) by: String,
    pub(super) at: Moment,
    /// `to update the settings`: what the check under way is for.
    pub(super) other_check: Option<&'static str>,
    /// The form's button, to say what to press.
    pub(super) submit_label: &'static str,
    /// Something was typed; otherwise a button was pressed that carries nothing.
    pub(super) is_about_the_form: bool,
    /// Label, their value, the typed value; empty while nothing is saved.
    pub(super) differences: Vec<(&'static str, String, String)>,
}

impl Conflict {
    /// Over their values.
    pub(super) fn theirs_label(&self) -> &'static str {
        if self.other_check.is_some() { "Being checked" } else { "Saved now" }
    }
}

/// What is wrong with a running integration and the customer can mend.
pub(super) struct Trouble {
    /// `failing` or `too-open`, for the ids of its parts.
    pub(super) word: &'static str,
    /// Somebody has to act before anything is delivered.
    pub(super) is_danger: bool,
    pub(super) failure: FailureView,
    /// `Since` or `Known since`.
    pub(super) since_label: &'static str,
    pub(super) since: Moment,
    /// `132 records are held.`
    pub(super) meanwhile: String,
    /// When the first records that are held expire.
    pub(super) expires: Option<Moment>,
}

/// A stop was given up by itself.
pub(super) struct GivenUp {
    /// `audit logs were not disabled`.
    pub(super) not_done: &'static str,
    pub(super) asked_by: String,
    pub(super) at: Moment,
}

/// What files will be like under the settings in the form.
pub(super) struct Preview {
    /// Where the same fields are posted for a fresh one.
    pub(super) url: String,
    pub(super) sample: Option<SampleView>,
    /// The labels of the fields that are in the way.
    pub(super) wrong: Vec<&'static str>,
}

/// A file that was never written.
pub(super) struct SampleView {
    pub(super) key: String,
    /// JSON, indented.
    pub(super) record: String,
    pub(super) content: String,
    pub(super) content_title: &'static str,
}

/// A fragment: `POST …/audit-logs/preview`.
#[derive(Template)]
#[template(path = "partials/preview.html")]
pub(super) struct PreviewFragment {
    pub(super) preview: Preview,
}

/// What to make in AWS.
pub(super) struct SetupGuide {
    pub(super) external_id: String,
    /// None while the operator has not stated it.
    pub(super) principal_arn: Option<String>,
    /// What a role can be of; none where there is nothing to choose.
    pub(super) partitions: Vec<Choice>,
    pub(super) ways: Option<SetupWays>,
    /// JSON, indented: all that can be shown without the principal.
    pub(super) permissions_policy: Option<String>,
}

/// The set-up, written four ways.
pub(super) struct SetupWays {
    /// One of them is chosen.
    pub(super) choices: Vec<WayChoice>,
    /// What it is filled in with; none while an example stands there.
    pub(super) filled_in: Option<FilledIn>,
    pub(super) steps: Vec<Step>,
    pub(super) aws_cli: String,
    pub(super) cloudformation: String,
    pub(super) terraform: String,
}

/// The values that were used, and the files filled in with them.
pub(super) struct FilledIn {
    pub(super) role_name: String,
    /// `s3://bucket/prefix/`.
    pub(super) target: String,
    /// It is what the form holds, while something else is in force.
    pub(super) is_not_in_force: bool,
    pub(super) kms_key_arn: Option<String>,
    /// The bucket's account, where it is not the role's.
    pub(super) bucket_owner: Option<String>,
    pub(super) trust_policy_href: String,
    pub(super) permissions_policy_href: String,
    pub(super) aws_cli_href: String,
    pub(super) cloudformation_href: String,
    pub(super) terraform_href: String,
}

/// A tab.
pub(super) struct WayChoice {
    /// The value in the form; `way-{word}` is its id.
    pub(super) word: &'static str,
    pub(super) label: &'static str,
    pub(super) chosen: bool,
}

/// The form. Its fields are the settings by name, `revision` and `csrf_token`.
#[derive(Clone)]
pub(super) struct SettingsForm {
    /// `…/enable` or `…/update`.
    pub(super) action: String,
    /// Where **Show set-up** posts the same fields.
    pub(super) setup_action: String,
    /// **Enable audit logging** or **Update settings**.
    pub(super) submit_label: &'static str,
    /// Beside the button: what pressing will do.
    pub(super) note: &'static str,
    pub(super) revision: i64,
    pub(super) role_arn: FieldView,
    pub(super) bucket: FieldView,
    pub(super) prefix: FieldView,
    pub(super) bucket_owner_account: FieldView,
    pub(super) encryption: Select,
    pub(super) kms_key_arn: FieldView,
    pub(super) format: Select,
    pub(super) compression: Select,
    pub(super) window: Select,
    /// It holds what somebody typed, who looks at the answer: it must not be replaced.
    pub(super) is_typed: bool,
    /// It holds what a check without effect was about.
    pub(super) not_in_force: Option<NotInForce>,
    /// After a 422: it did not say which revision it was made from.
    pub(super) without_revision: bool,
    /// Open when a field in it has an error, or another value than is saved that has to be seen.
    pub(super) advanced_open: bool,
    /// Field id (its name), label, message: after a 422.
    pub(super) summary: Vec<(&'static str, &'static str, String)>,
}

/// That what the form holds is not in force, and what is.
#[derive(Clone)]
pub(super) struct NotInForce {
    /// `Their access check failed`
    pub(super) because: &'static str,
    /// Label and value of what differs.
    pub(super) in_force: Vec<(&'static str, String)>,
    /// The page with the form filled with what is in force.
    pub(super) href: String,
}

/// One access check.
#[derive(Clone)]
pub(super) struct CheckView {
    /// The check's id, for the ids of its parts.
    pub(super) id: String,
    pub(super) heading: &'static str,
    pub(super) csrf: String,
    /// `running passed failed cancelled superseded`.
    pub(super) state: &'static str,
    pub(super) stages: Vec<StageView>,
    pub(super) failure: Option<FailureView>,
    /// Why it was cancelled or superseded.
    pub(super) ended_because: Option<String>,
    /// What failed so far, while it is tried again.
    pub(super) trying: Option<FailureView>,
    pub(super) asked_by: String,
    pub(super) started: Moment,
    pub(super) live_url: String,
    pub(super) cancel_action: String,
    pub(super) refresh_href: String,
}

impl CheckView {
    /// What a screen reader hears when the check moves on.
    pub(super) fn announcement(&self) -> String {
        let passed = self.stages.iter().filter(|stage| stage.state == "passed").count();
        let current = self.stages.iter().find(|stage| matches!(stage.state, "running" | "failed"));
        let tail = current.map_or(String::new(), |stage| {
            format!(" {}: {}.", stage.name, if stage.state == "failed" { "failed" } else { "checking" })
        });
        format!("Access check: {passed} of {} stages passed.{tail}", self.stages.len())
    }
}

/// One access check, after it was on the page.
#[derive(Template)]
#[template(path = "pages/audit_logs/check.html")]
pub(super) struct AuditLogsCheck {
    pub(super) shell: Shell,
    pub(super) back_href: String,
    pub(super) check: CheckView,
    /// What it proved, or did not, as label and value.
    pub(super) settings: Vec<(&'static str, String)>,
}

/// A fragment: `GET …/audit-logs/checks/{check_id}`, as live parts ask for it.
#[derive(Template)]
#[template(path = "partials/check.html")]
pub(super) struct CheckFragment {
    pub(super) check: CheckView,
}

/// One stage of a check. `state` is `waiting running passed failed skipped`.
#[derive(Clone)]
pub(super) struct StageView {
    pub(super) name: &'static str,
    pub(super) state: &'static str,
    pub(super) detail: Option<String>,
}

/// What went wrong at AWS, and the way out.
#[derive(Clone)]
pub(super) struct FailureView {
    pub(super) title: String,
    pub(super) cause: String,
    /// A short sentence: `Your turn, in AWS.`
    pub(super) whose_turn: String,
    pub(super) aws_message: Option<String>,
    pub(super) aws_code: Option<String>,
    pub(super) request_id: Option<String>,
    /// What to do, before the list and the block.
    pub(super) fix_intro: String,
    /// What to compare, the likeliest first.
    pub(super) checklist: Vec<String>,
    /// What to paste or run.
    pub(super) fix: Option<Block>,
    pub(super) doc_url: Option<String>,
}

/// How delivery goes.
#[derive(Clone)]
pub(super) struct StatusCard {
    /// `Active`, `Inactive`, `Suspended`, `Stopping`.
    pub(super) state: &'static str,
    pub(super) state_note: &'static str,
    /// `ok retrying action_needed`.
    pub(super) health: &'static str,
    /// `Delivering`, `Retrying`, `Action needed`.
    pub(super) health_label: &'static str,
    pub(super) last_delivery: Option<LastDelivery>,
    /// While it is being stopped: `3 records`.
    pub(super) delivered_first: Option<String>,
    /// None while nothing is collected and nothing waits.
    pub(super) next_window: Option<Moment>,
    /// `132 records`.
    pub(super) pending_records: String,
    /// `48.2 KiB`.
    pub(super) pending_bytes: String,
    /// While something is pending.
    pub(super) oldest: Option<OldestPending>,
    pub(super) external_id: String,
    pub(super) changed_by: Option<(String, Moment)>,
    pub(super) last_check: Option<LastCheck>,
    pub(super) live_url: String,
}

/// When the access to the settings in force was looked at last.
#[derive(Clone)]
pub(super) struct LastCheck {
    pub(super) at: Moment,
    pub(super) passed: bool,
    /// The whole check, if it is the newest one. A daily one that passed is not kept.
    pub(super) href: Option<String>,
}

/// The oldest record that waits.
#[derive(Clone)]
pub(super) struct OldestPending {
    pub(super) at: Moment,
    pub(super) expires: Moment,
}

/// The newest file in the bucket.
#[derive(Clone)]
pub(super) struct LastDelivery {
    pub(super) at: Moment,
    pub(super) key: String,
    /// `132 records`.
    pub(super) records: String,
}

/// A fragment: `GET …/audit-logs/status`.
#[derive(Template)]
#[template(path = "partials/status.html")]
pub(super) struct StatusFragment {
    pub(super) status: StatusCard,
}

/// A fragment: `GET …/audit-logs/deliveries`.
#[derive(Template)]
#[template(path = "partials/deliveries.html")]
pub(super) struct DeliveriesFragment {
    pub(super) history: History,
}

/// A page of the delivery history.
pub(super) struct History {
    /// Newest first.
    pub(super) deliveries: Vec<DeliveryRow>,
    pub(super) live_url: String,
    pub(super) newer_href: Option<String>,
    pub(super) older_href: Option<String>,
    /// Beside the delivery that failed, where trying again helps.
    pub(super) retry: Option<Retry>,
}

/// What **Try again** posts.
pub(super) struct Retry {
    pub(super) action: String,
    pub(super) csrf: String,
    pub(super) revision: i64,
}

/// One window's file.
#[derive(Clone)]
pub(super) struct DeliveryRow {
    /// Unique on the page: the batch's id.
    pub(super) id: String,
    pub(super) window: Moment,
    /// `09:30–10:00 UTC`.
    pub(super) window_label: String,
    /// Once it is delivered.
    pub(super) key: Option<String>,
    /// What stands in the key's place before.
    pub(super) without_key: &'static str,
    /// `records 4 to 9`: tells files of one window apart.
    pub(super) sequences: String,
    /// The number alone: `132`.
    pub(super) records: String,
    pub(super) bytes: String,
    /// `delivered waiting failed discarded`.
    pub(super) result: &'static str,
    pub(super) result_label: String,
    /// `3 attempts`.
    pub(super) attempts_label: String,
    /// How many older ones are not shown, if any.
    pub(super) earlier_attempts: Option<String>,
    pub(super) attempts: Vec<AttemptView>,
    /// Its records, as a download.
    pub(super) records_href: String,
}

/// One try of a delivery.
#[derive(Clone)]
pub(super) struct AttemptView {
    pub(super) at: Moment,
    pub(super) result_label: String,
    pub(super) code: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) message: Option<String>,
    /// What is to be said of a file that is not the delivered one, and where it is.
    pub(super) stray: Option<(&'static str, String)>,
}

/// The page behind the switch, or behind **Remove integration**; its `[data-dialog-content]` is the dialog.
#[derive(Template)]
#[template(path = "pages/audit_logs/switch_off.html")]
pub(super) struct AuditLogsSwitchOff {
    pub(super) shell: Shell,
    pub(super) words: SwitchOffWords,
    /// `…/audit-logs/disable` or `…/audit-logs/remove`.
    pub(super) action: String,
    pub(super) cancel_href: String,
    pub(super) revision: i64,
    /// `132 records are waiting`, or none.
    pub(super) pending: Option<String>,
    /// Whether they can be delivered first: they are, while records are collected.
    pub(super) may_deliver_first: bool,
}

/// What is asked, and the buttons' labels.
pub(super) struct SwitchOffWords {
    pub(super) title: &'static str,
    pub(super) consequences: &'static str,
    pub(super) confirm: &'static str,
    pub(super) deliver_first: &'static str,
}
