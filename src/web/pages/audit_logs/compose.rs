//! Composes the page for the situation that the integration is in.

use super::form::{FormInput, labelled, submit_label};
use super::preview::preview;
use super::view::{AuditLogsShow, Conflict, History, Retry, Situation as Shown, Stopping};
use super::{href, parts, setup};
use crate::domain::access_check::CheckState;
use crate::domain::integration::{Situation, TypedSettings};
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
    let has_form = matches!(shown, Shown::NotConfigured | Shown::Active | Shown::Inactive);
    let (settings_heading, settings) = settings_list(shown, integration);
    Ok(AuditLogsShow {
        shell: request.shell("Audit logs", Place::AuditLogs).await?,
        organization_name: member.organization.name.to_string(),
        plan_href: format!("{}/settings/plan", organization_href(&member.organization)),
        situation: shown,
        revision: integration.revision.get(),
        can_act: matches!(shown, Shown::Active | Shown::Inactive),
        switch_sentence: switch_sentence(integration),
        stopping: integration.stop.as_ref().map(|stop| stopping(web, stop)),
        conflict: conflict(web, integration, &input),
        failing: parts::failing(web, integration, &status),
        too_open: parts::too_open(web, integration),
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
        csrf: visitor.form_token.clone(),
        live_url: format!("{here}/deliveries{}", query(cursor)),
        newer_href: page.newer.map(link),
        older_href: page.older.map(link),
        retry: helps
            .then(|| Retry { action: format!("{here}/try-again"), revision: integration.revision.get() }),
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
    let checking = integration.check.as_ref().is_some_and(|check| check.state.is_open());
    if checking && integration.stop.is_none() {
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

/// The check under way, or the last one if it says why nothing changed.
fn visible_check<'a>(integration: &'a Integration, input: &FormInput) -> Option<&'a AccessCheck> {
    let check = integration.check.as_ref()?;
    let is_newest = integration.changed.as_ref().is_none_or(|(_, at)| *at < check.asked_at);
    let tells = is_newest && input.is_fresh() && check.state != CheckState::Cancelled;
    (check.state.is_open() || tells).then_some(check)
}

fn settings_list(shown: Shown, integration: &Integration) -> (&'static str, Vec<(&'static str, String)>) {
    let filled =
        |typed: TypedSettings| labelled(&typed).into_iter().filter(|(_, value)| !value.is_empty()).collect();
    match (shown, &integration.check, &integration.settings) {
        (Shown::Checking, Some(check), _) => {
            ("Settings being checked", filled(TypedSettings::from(&check.proposed)))
        }
        (Shown::Suspended | Shown::Stopping, _, Some(settings)) => {
            ("Settings", filled(TypedSettings::from(settings)))
        }
        _ => ("", Vec::new()),
    }
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

/// The comparison after a 409. Against nothing saved (somebody removed the integration) it stays empty.
fn conflict(web: &Web, integration: &Integration, input: &FormInput) -> Option<Conflict> {
    if !input.conflict {
        return None;
    }
    let (changed_by, changed_at) = match &integration.changed {
        Some((who, at)) => (who.clone(), *at),
        None => ("Somebody".to_owned(), web.clock.now()),
    };
    let saved = integration.settings.as_ref().map(TypedSettings::from).unwrap_or_default();
    let differences = labelled(&saved)
        .into_iter()
        .zip(labelled(&input.typed))
        .filter(|((_, theirs), (_, yours))| theirs != yours)
        .map(|((label, theirs), (_, yours))| (label, theirs, yours));
    Some(Conflict {
        changed_by,
        changed_at: Moment::new(changed_at, web.clock.now()),
        submit_label: submit_label(integration.settings.is_some()),
        differences: differences.collect(),
    })
}
