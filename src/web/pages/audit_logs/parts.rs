//! The parts of the page, each made of what the store knows.

use super::view::{
    AttemptView, CheckView, DeliveryRow, FailureView, GivenUp, LastCheck, LastDelivery, OldestPending,
    StageView, StatusCard, Trouble,
};
use crate::domain::access_check::{CheckState, Stage, StageState};
use crate::domain::clock::Timestamp;
use crate::domain::failure::{Cause, Failure, FixContext, Trying};
use crate::domain::integration::{Health, Settings, Situation};
use crate::domain::window::Window;
use crate::store::{self, AccessCheck, BatchState, DeliveryStatus, Integration, Landing, SwitchOff};
use crate::web::Web;
use crate::web::access::Member;
use crate::web::render::organization_href;
use crate::web::visitor::Visitor;
use crate::web::wording::{Moment, bytes, count, count_with_verb, thousands};

fn base_href(integration: &Integration) -> String {
    format!("{}/settings/audit-logs", organization_href(&integration.organization))
}

/// One access check.
pub(super) fn check(
    web: &Web,
    visitor: &Visitor,
    integration: &Integration,
    check: &AccessCheck,
) -> CheckView {
    let here = base_href(integration);
    let stages = check.checklist.lines().iter().map(|line| StageView {
        name: line.stage.label(),
        state: match line.state {
            StageState::Waiting if check.state.is_open() => "waiting",
            StageState::Waiting => "skipped",
            StageState::Running if check.state.is_open() => "running",
            StageState::Running => "skipped",
            StageState::Passed => "passed",
            StageState::Failed => "failed",
        },
        // What is only being tried is over with the check.
        detail: line.detail.clone().filter(|_| check.state.is_open() || line.state != StageState::Running),
    });
    CheckView {
        id: check.id.to_string(),
        heading: "Access check",
        csrf: visitor.form_token.clone(),
        state: match check.state {
            CheckState::Waiting | CheckState::Running => "running",
            CheckState::Passed => "passed",
            CheckState::Failed => "failed",
            CheckState::Cancelled => "cancelled",
            CheckState::Superseded => "superseded",
        },
        stages: stages.collect(),
        failure: check
            .failure
            .as_ref()
            .map(|failed| failure(web, integration, failed, &check.proposed, Trying::NoMore)),
        ended_because: check.ended_because.clone(),
        trying: check
            .checklist
            .trying()
            .filter(|_| check.state.is_open())
            .map(|failed| failure(web, integration, failed, &check.proposed, Trying::Again)),
        asked_by: check.asked_by.clone(),
        started: Moment::new(check.asked_at, web.clock.now()),
        live_url: format!("{here}/checks/{}", check.id),
        cancel_action: format!("{here}/checks/{}/cancel", check.id),
        refresh_href: here,
    }
}

/// One failure, with the fix filled in with the settings that failed.
fn failure(
    web: &Web,
    integration: &Integration,
    failed: &Failure,
    settings: &Settings,
    trying: Trying,
) -> FailureView {
    let context = FixContext {
        settings,
        external_id: &integration.organization.external_id,
        principal_arn: web.config.principals.of(settings.role_arn.partition()),
    };
    let fix = failed.fix(&context);
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let answer = failed.aws.as_ref();
    FailureView {
        title: failed.title().to_owned(),
        cause: failed.explanation().to_owned(),
        whose_turn: failed.turn().label(trying).to_owned(),
        aws_message: answer.and_then(|answer| said(&answer.message)),
        aws_code: answer.and_then(|answer| said(&answer.code)),
        request_id: answer.and_then(|answer| answer.request_id.clone()),
        fix_intro: fix.as_ref().map(|fix| fix.intro.clone()).unwrap_or_default(),
        checklist: fix.as_ref().map(|fix| fix.checklist.clone()).unwrap_or_default(),
        fix: fix.and_then(|fix| fix.block),
        doc_url: failed.documentation().map(str::to_owned),
    }
}

/// The banners over a running integration.
pub(super) fn troubles(web: &Web, integration: &Integration, status: &DeliveryStatus) -> Vec<Trouble> {
    [failing(web, integration, status), too_open(web, integration)].into_iter().flatten().collect()
}

fn failing(web: &Web, integration: &Integration, status: &DeliveryStatus) -> Option<Trouble> {
    let (failed, since) = integration.failure.as_ref()?;
    let settings = integration.settings.as_ref()?;
    let held = count_with_verb(status.pending_records, "record");
    Some(Trouble {
        word: "failing",
        is_danger: integration.health != Health::Retrying,
        failure: failure(web, integration, failed, settings, Trying::Again),
        since_label: "Since",
        since: Moment::new(*since, web.clock.now()),
        meanwhile: match integration.stop {
            None => format!("{held} held and will be delivered."),
            Some(_) => format!("{held} held."),
        },
        expires: status.held_since.map(|since| Moment::new(since + web.config.hold.span(), web.clock.now())),
    })
}

fn too_open(web: &Web, integration: &Integration) -> Option<Trouble> {
    let (since, settings) = (integration.too_open_since?, integration.settings.as_ref()?);
    let failed = Failure { stage: Stage::ExternalIdRequired, cause: Cause::RoleTooOpen, aws: None };
    integration.active.then(|| Trouble {
        word: "too-open",
        is_danger: false,
        failure: failure(web, integration, &failed, settings, Trying::Again),
        since_label: "Known since",
        since: Moment::new(since, web.clock.now()),
        meanwhile: "Deliveries go on.".to_owned(),
        expires: None,
    })
}

/// Which banners there are, in a word that only has to differ when they do.
pub(super) fn banners(integration: &Integration) -> String {
    let failing = integration.failure.as_ref().map(|(failed, _)| failed.cause);
    let too_open = integration.too_open_since.filter(|_| integration.active).map(|_| Cause::RoleTooOpen);
    let causes = failing.into_iter().chain(too_open);
    causes.map(|cause| format!("{cause:?}")).collect::<Vec<_>>().join("-")
}

/// The stop that was given up by itself, until something is delivered after all.
pub(super) fn given_up(web: &Web, integration: &Integration, status: &DeliveryStatus) -> Option<GivenUp> {
    let given_up = integration.given_up.as_ref()?;
    let delivered_at = status.last_delivery.as_ref().and_then(|delivered| delivered.finished_at);
    let is_over = delivered_at.is_some_and(|at| at > given_up.given_up_at);
    (integration.situation() == Situation::Active && !is_over).then(|| GivenUp {
        not_done: match given_up.switch_off {
            SwitchOff::Disable => "audit logs were not disabled",
            SwitchOff::Remove => "the integration was not removed",
        },
        asked_by: given_up.asked_by.clone(),
        at: Moment::new(given_up.given_up_at, web.clock.now()),
    })
}

/// The status card of a configured integration.
pub(super) fn status(web: &Web, integration: &Integration, status: &DeliveryStatus) -> Option<StatusCard> {
    let now = web.clock.now();
    let settings = integration.settings.as_ref()?;
    let window = Window::containing(now, settings.window);
    // Without collection nothing new comes; what is pending still goes when its window ends.
    let waits_for_window = integration.stop.is_none() && (integration.active || status.pending_records > 0);
    let last = status.last_delivery.as_ref().and_then(|delivered| {
        Some(LastDelivery {
            at: Moment::new(delivered.finished_at?, now),
            key: delivered.object_key.clone()?,
            records: count(delivered.records, "record"),
        })
    });
    let (health, health_label) = match integration.health {
        Health::Ok if integration.stop.is_some() => ("ok", "Delivering the last records"),
        Health::Ok if integration.active => ("ok", "Delivering"),
        Health::Ok => ("ok", "Nothing waiting"),
        Health::Retrying => ("retrying", "Retrying"),
        Health::ActionNeeded => ("action_needed", "Action needed"),
    };
    let (state, state_note) = match integration.situation() {
        Situation::Active => ("Active", "Records are collected"),
        Situation::Stopping => ("Stopping", "Records are collected until the last delivery"),
        Situation::Suspended => ("Suspended", "Nothing new is collected: the plan"),
        Situation::Inactive | Situation::NotConfigured | Situation::NeedsEnterprise => {
            ("Inactive", "Nothing new is collected")
        }
    };
    Some(StatusCard {
        state,
        state_note,
        health,
        health_label,
        last_delivery: last,
        delivered_first: integration.stop.as_ref().map(|stop| count(stop.remaining, "record")),
        next_window: waits_for_window.then(|| Moment::new(window.end(), now)),
        pending_records: count(status.pending_records, "record"),
        pending_bytes: bytes(status.pending_bytes),
        oldest: status.oldest_pending.map(|stored_at| OldestPending {
            at: Moment::new(stored_at, now),
            expires: Moment::new(expiry(web, settings, status, stored_at), now),
        }),
        external_id: integration.organization.external_id.to_string(),
        changed_by: integration.changed.as_ref().map(|(who, at)| (who.clone(), Moment::new(*at, now))),
        last_check: last_check(web, integration, settings),
        live_url: format!(
            "{}/status?revision={}&situation={}&health={}&banners={}",
            base_href(integration),
            integration.revision.get(),
            integration.situation().as_str(),
            integration.health.as_str(),
            banners(integration)
        ),
    })
}

/// The newest check of the settings in force, if it came to an end by itself; else when they were proved before.
fn last_check(web: &Web, integration: &Integration, in_force: &Settings) -> Option<LastCheck> {
    let ended = |check: &&AccessCheck| {
        matches!(check.state, CheckState::Passed | CheckState::Failed) && check.proposed == *in_force
    };
    let kept = integration.check.as_ref().filter(ended);
    let kept = kept.and_then(|check| Some((check, check.finished_at?)));
    let moment = |at| Moment::new(at, web.clock.now());
    match (kept, integration.access_proved_at) {
        (Some((check, at)), proved) if proved.is_none_or(|proved| proved <= at) => Some(LastCheck {
            at: moment(at),
            passed: check.state == CheckState::Passed,
            href: Some(format!("{}/checks/{}", base_href(integration), check.id)),
        }),
        (_, Some(proved)) => Some(LastCheck { at: moment(proved), passed: true, href: None }),
        (_, None) => None,
    }
}

/// Records are held from the sealing of their batch on, which follows the end of their window.
fn expiry(web: &Web, settings: &Settings, status: &DeliveryStatus, stored_at: Timestamp) -> Timestamp {
    let sealed_at = || Window::containing(stored_at, settings.window).end();
    status.held_since.unwrap_or_else(sealed_at) + web.config.hold.span()
}

/// One row of the delivery history.
pub(super) fn delivery(web: &Web, member: &Member, row: &store::DeliveryRow) -> DeliveryRow {
    let now = web.clock.now();
    let failed = row.attempts.last().is_some_and(|attempt| attempt.failure.is_some());
    let (result, result_label) = match row.state {
        BatchState::Delivered => ("delivered", delivered(row)),
        BatchState::Sealed if failed => ("failed", "Will be tried again"),
        BatchState::Sealed => ("waiting", "Waiting"),
        BatchState::Discarded => ("discarded", discarded(row.landing())),
        BatchState::Expired => ("discarded", expired(row.landing())),
    };
    let (start, end) = (row.window.start(), row.window.end());
    DeliveryRow {
        id: row.id.to_string(),
        window: Moment::new(start, now),
        window_label: format!("{}–{} UTC", start.hour_and_minute(), end.hour_and_minute()),
        key: row.object_key.clone(),
        without_key: without_key(row),
        sequences: format!("records {} to {}", row.first, row.last),
        records: thousands(row.records),
        bytes: bytes(row.bytes),
        result,
        result_label: result_label.to_owned(),
        attempts_label: count(row.attempt_count, "attempt"),
        earlier_attempts: row
            .attempt_count
            .checked_sub(row.attempts.len() as u64)
            .filter(|left_out| *left_out > 0)
            .map(thousands),
        attempts: row.attempts.iter().map(|tried| attempt(web, row, tried)).collect(),
        records_href: format!("{}/activity/deliveries/{}", organization_href(&member.organization), row.id),
    }
}

/// What was under way when it was discarded can't be called back.
fn discarded(landing: Landing) -> &'static str {
    match landing {
        Landing::No => "Discarded",
        Landing::Maybe => "Discarded, may still appear",
        Landing::Yes => "Discarded after it was written",
    }
}

/// What was under way when its time ran out can't be called back either.
fn expired(landing: Landing) -> &'static str {
    match landing {
        Landing::No => "Expired",
        Landing::Maybe => "Expired, may still appear",
        Landing::Yes => "Expired after it was written",
    }
}

fn delivered(row: &store::DeliveryRow) -> &'static str {
    match row.strays() {
        Landing::Yes => "Delivered, in two places",
        Landing::Maybe => "Delivered, may still appear elsewhere",
        Landing::No => "Delivered",
    }
}

/// What is not delivered has no key: the prefix in force when a try starts is part of it.
fn without_key(row: &store::DeliveryRow) -> &'static str {
    match (row.state, row.landing()) {
        (BatchState::Sealed, _) => "Named when it is delivered",
        (_, Landing::No) => "Not delivered",
        (_, Landing::Maybe) => "Not known to be delivered",
        (_, Landing::Yes) => "Written by an attempt that was under way",
    }
}

fn attempt(web: &Web, row: &store::DeliveryRow, tried: &store::DeliveryAttempt) -> AttemptView {
    let answer = tried.failure.as_ref().and_then(|failure| failure.aws.as_ref());
    let result_label = match (&tried.failure, tried.finished_at) {
        (Some(failure), _) => failure.title().to_owned(),
        (None, None) if row.state == BatchState::Sealed => "No answer yet".to_owned(),
        (None, None) => "Never answered".to_owned(),
        (None, Some(_)) if tried.already_there => "An earlier attempt had landed".to_owned(),
        (None, Some(_)) => "Delivered".to_owned(),
    };
    AttemptView {
        at: Moment::new(tried.started_at, web.clock.now()),
        result_label,
        code: answer.map(|answer| answer.code.clone()).filter(|code| !code.is_empty()),
        request_id: tried.request_id.clone(),
        message: answer.map(|answer| answer.message.clone()).filter(|message| !message.is_empty()),
        stray: stray(row.stray(tried)).map(|sentence| (sentence, place_of(tried))),
    }
}

/// The settings were updated while the try was under way.
fn stray(landing: Landing) -> Option<&'static str> {
    match landing {
        Landing::No => None,
        Landing::Maybe => Some("The settings were updated meanwhile. Its file may still appear as"),
        Landing::Yes => Some("The settings were updated meanwhile. Its file is also at"),
    }
}

fn place_of(tried: &store::DeliveryAttempt) -> String {
    format!("s3://{}/{}", tried.bucket, tried.object_key)
}
