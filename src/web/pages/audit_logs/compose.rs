//! Composes the page for the situation that the integration is in.

use super::form::{FormInput, TurnedDown, labelled, submit_label};
use super::preview::preview;
use super::view::{AuditLogsShow, Conflict, History, Retry, Situation as Shown, Stopping};
use super::{href, parts, setup};
use crate::domain::access_check::{CheckState, Purpose};
use crate::domain::integration::{Settings, Situation, TypedSettings};
use crate::store::{AccessCheck, HistoryCursor, Integration, Stop, SwitchOff};
use crate::web::Web;
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::render::{Place, organization_href};
use crate::web::timeline;
use crate::web::wording::Moment;

/// The delivery history on the page.
const DELIVERIES_SHOWN: u32 = 20;

pub(super) async fn page(
    request: &MemberRequest,
    integration: &Integration,
    input: FormInput,
    cursor: HistoryCursor,
) -> Result<AuditLogsShow, WebError> {
    let MemberRequest { web, visitor, member, .. } = request;
    let base_href = href(member);
    let shown = shown(integration);
    let status = web.store.delivery_status(request.organization_id()).await?;
    let history = match integration.settings {
        Some(_) => Some(history(request, integration, cursor).await?),
        None => None,
    };
    // What was typed is never lost, also where the page would have no form of its own.
    let has_form = match shown {
        Shown::NotConfigured | Shown::Active | Shown::Inactive => true,
        Shown::Checking => input.is_typed(),
        Shown::NeedsEnterprise | Shown::Stopping | Shown::Suspended => false,
    };
    let (settings_heading, settings) = settings_list(shown, integration);
    Ok(AuditLogsShow {
        shell: request.shell("Audit logs", Place::AuditLogs).await?,
        organization_name: member.organization.name.to_string(),
        plan_href: format!("{}/settings/plan", organization_href(&member.organization)),
        situation: shown,
        revision: integration.revision.get(),
        can_act: matches!(shown, Shown::Active | Shown::Inactive),
        switch_sentence: switch_sentence(integration),
        reload_href: input.answers_a_press().then(|| base_href.clone()),
        stopping: integration.stop.as_ref().map(|stop| stopping(web, stop)),
        conflict: conflict(web, integration, &input),
        troubles: parts::troubles(web, integration, &status),
        given_up: parts::given_up(web, integration, &status),
        check: visible_check(integration, &input).map(|check| parts::check(web, visitor, integration, check)),
        status: (shown != Shown::Checking).then(|| parts::status(web, integration, &status)).flatten(),
        settings_heading,
        settings,
        setup: (shown != Shown::NeedsEnterprise).then(|| setup::guide(web, integration, &input)),
        shows_setup: input.shows_setup,
        form: has_form.then(|| input.view(&base_href, integration)),
        preview: has_form.then(|| preview(web, integration, &input)),
        history,
        timeline: match integration.settings {
            Some(_) => timeline::of(web, integration.organization.id).await?,
            None => None,
        },
        base_href,
    })
}

/// A page of the delivery history.
pub(super) async fn history(
    request: &MemberRequest,
    integration: &Integration,
    cursor: HistoryCursor,
) -> Result<History, WebError> {
    let MemberRequest { web, visitor, member, .. } = request;
    let page = web.store.delivery_history(request.organization_id(), cursor, DELIVERIES_SHOWN).await?;
    let here = href(member);
    let link = |cursor: HistoryCursor| format!("{here}{}#deliveries", query(cursor));
    // Trying again helps what has failed and waits for its next turn.
    let helps = member.organization.plan.includes_audit_logs() && integration.failure.is_some();
    Ok(History {
        deliveries: page.rows.iter().map(|row| parts::delivery(web, member, row)).collect(),
        live_url: format!("{here}/deliveries{}", query(cursor)),
        newer_href: page.newer.map(link),
        older_href: page.older.map(link),
        retry: helps.then(|| Retry {
            action: format!("{here}/try-again"),
            csrf: visitor.form_token.clone(),
            revision: integration.revision.get(),
        }),
    })
}

fn query(cursor: HistoryCursor) -> String {
    match cursor {
        HistoryCursor::Newest => String::new(),
        HistoryCursor::Before(sequence) => format!("?before={sequence}"),
        HistoryCursor::After(sequence) => format!("?after={sequence}"),
    }
}

fn shown(integration: &Integration) -> Shown {
    if integration.open_check().is_some() && integration.stop.is_none() {
        return Shown::Checking;
    }
    match integration.situation() {
        Situation::NeedsEnterprise => Shown::NeedsEnterprise,
        Situation::NotConfigured => Shown::NotConfigured,
        Situation::Active => Shown::Active,
        Situation::Stopping => Shown::Stopping,
        Situation::Inactive => Shown::Inactive,
        Situation::Suspended => Shown::Suspended,
    }
}

fn stopping(web: &Web, stop: &Stop) -> Stopping {
    Stopping {
        then: match stop.switch_off {
            SwitchOff::Disable => "audit logs are disabled",
            SwitchOff::Remove => "the integration is removed",
        },
        asked_by: stop.asked_by.clone(),
        asked_at: Moment::new(stop.asked_at, web.clock.now()),
    }
}

/// The check under way, or one that ended and says why nothing changed.
fn visible_check<'a>(integration: &'a Integration, input: &FormInput) -> Option<&'a AccessCheck> {
    let ended = || integration.check_without_effect().filter(|_| input.is_fresh());
    integration.open_check().or_else(|| ended().filter(|check| check.state != CheckState::Cancelled))
}

fn settings_list(shown: Shown, integration: &Integration) -> (&'static str, Vec<(&'static str, String)>) {
    match (shown, integration.open_check(), &integration.settings) {
        (Shown::Checking, Some(check), _) => ("Settings being checked", filled_in(&check.proposed)),
        (Shown::Suspended | Shown::Stopping, _, Some(settings)) => ("Settings", filled_in(settings)),
        _ => ("", Vec::new()),
    }
}

/// The settings that are not left empty, as label and value.
pub(super) fn filled_in(settings: &Settings) -> Vec<(&'static str, String)> {
    labelled(&TypedSettings::from(settings)).into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn switch_sentence(integration: &Integration) -> String {
    let Some(settings) = &integration.settings else { return String::new() };
    let place = settings.prefix.join("");
    let target = format!("s3://{}/{place}", settings.bucket);
    if integration.active {
        let every = match settings.window.minutes() {
            1 => "minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        format!("Records are collected and written to {target} every {every}.")
    } else {
        format!("Nothing is collected. Switched on, records go to {target} after an access check.")
    }
}

/// What a 409 says.
fn conflict(web: &Web, integration: &Integration, input: &FormInput) -> Option<Conflict> {
    let other_check =
        integration.check.as_ref().filter(|_| input.turned_down == Some(TurnedDown::OtherCheck));
    let theirs = match other_check {
        Some(check) => Some(&check.proposed),
        // Against nothing saved (somebody removed the integration) there is nothing to compare.
        None => integration.settings.as_ref(),
    };
    let (by, at) = match (other_check, &integration.changed) {
        (Some(check), _) => (check.asked_by.clone(), check.asked_at),
        (None, Some((who, at))) => (who.clone(), *at),
        (None, None) => ("Somebody".to_owned(), web.clock.now()),
    };
    input.turned_down?;
    Some(Conflict {
        by,
        at: Moment::new(at, web.clock.now()),
        other_check: other_check.map(|check| what_for(check.purpose)),
        submit_label: submit_label(integration.settings.is_some()),
        is_about_the_form: input.is_typed(),
        differences: theirs.map(|theirs| differences(theirs, input)).unwrap_or_default(),
    })
}

/// Label, theirs, yours.
fn differences(theirs: &Settings, input: &FormInput) -> Vec<(&'static str, String, String)> {
    if !input.is_typed() {
        return Vec::new();
    }
    let both = labelled(&TypedSettings::from(theirs)).into_iter().zip(labelled(&input.typed));
    both.filter(|(theirs, yours)| theirs != yours)
        .map(|((label, theirs), (_, yours))| (label, theirs, yours))
        .collect()
}

fn what_for(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Enable => "to enable audit logging",
        Purpose::Update => "to update the settings",
        Purpose::Activate => "to switch audit logs on",
        Purpose::Test => "for the settings in force",
    }
}
