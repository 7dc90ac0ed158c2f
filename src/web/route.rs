//! Every route, with who may use it: the one place to look. A test walks this table with every role and plan.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use http::Method;

use super::access::{Gate, enforce};
use super::traffic::Reached;
use super::{Web, api, health, metrics, pages};
use crate::domain::denied_attempt::{Named, Resource};
use crate::domain::membership::Ability;

pub use super::access::{Access, Need};

/// How a route's errors look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// A page.
    Page,
    /// A problem document (RFC 9457).
    Problem,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method; a GET also answers HEAD.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// How its errors look.
    pub face: Face,
    handler: MethodRouter<Web>,
}

/// Every route.
pub fn table() -> Vec<Route> {
    use Ability::{
        DeleteOrganization, DeleteProject, ManageApiKeys, ManageAuditLogs, ManageMembers, ManageProjects,
        ManageServiceAccounts, RenameOrganization, SeeOrganization, SeePlan,
    };
    use Access::{AuditLogsWrite, Member, Producer, Public, SignedIn};
    use Face::{Page, Problem};
    let read = |path, access, face, handler| Route { method: Method::GET, path, access, face, handler };
    let write = |path, access, face, handler| Route { method: Method::POST, path, access, face, handler };
    let shows = |path, ability, resource: Resource, handler| {
        read(path, Member(ability, resource.read()), Page, handler)
    };
    let does = |path, ability, deed, handler| write(path, Member(ability, deed), Page, handler);
    let sets_up = |path, action, handler| write(path, AuditLogsWrite(INTEGRATION.to(action)), Page, handler);
    vec![
        read("/", SignedIn, Page, get(pages::session::home)),
        read("/sign-in", Public, Page, get(pages::session::new)),
        write("/sign-in", Public, Page, post(pages::session::create)),
        write("/sign-out", SignedIn, Page, post(pages::session::delete)),
        // Whoever has the link may use it; who that has to be, the page says.
        read(INVITATION_LINK, Public, Page, get(pages::invitation::show)),
        write(INVITATION_LINK, Public, Page, post(pages::invitation::accept)),
        read(PASSWORD_RESET, Public, Page, get(pages::password_reset::edit)),
        write(PASSWORD_RESET, Public, Page, post(pages::password_reset::update)),
        write("/theme", Public, Page, post(pages::theme::update)),
        read("/account", SignedIn, Page, get(pages::account::show)),
        write("/account/name", SignedIn, Page, post(pages::account::rename)),
        write("/account/password", SignedIn, Page, post(pages::account::change_password)),
        write("/account/sessions/end", SignedIn, Page, post(pages::account::end_sessions)),
        shows(
            "/organizations/{organization_id}",
            SeeOrganization,
            ORGANIZATION,
            get(pages::organization::show),
        ),
        shows(ACTIVITY, ManageAuditLogs, RECORDS, get(pages::activity::show)),
        shows(under_activity!("/records/{sequence}"), ManageAuditLogs, RECORDS, get(pages::activity::record)),
        does(
            under_activity!("/exports"),
            ManageAuditLogs,
            EXPORT.to("create"),
            post(pages::activity::export::create),
        ),
        // Downloads are recorded: a link that a page was made to load, or that is looked at ahead, must not do that.
        does(
            under_activity!("/pending"),
            ManageAuditLogs,
            EXPORT.to("create"),
            post(pages::activity::export::pending),
        ),
        does(
            under_activity!("/deliveries/{batch_id}"),
            ManageAuditLogs,
            EXPORT.to("create"),
            post(pages::activity::export::delivery),
        ),
        shows(GENERAL, SeeOrganization, ORGANIZATION, get(pages::organization::edit)),
        does(GENERAL, RenameOrganization, ORGANIZATION.to("update"), post(pages::organization::update)),
        shows(
            DELETE_ORGANIZATION,
            DeleteOrganization,
            ORGANIZATION,
            get(pages::organization::confirm_delete),
        ),
        does(
            DELETE_ORGANIZATION,
            DeleteOrganization,
            ORGANIZATION.to("delete"),
            post(pages::organization::delete),
        ),
        shows(LEAVE, SeeOrganization, ORGANIZATION, get(pages::members::confirm_leave)),
        does(LEAVE, SeeOrganization, USER.in_organization().to("delete"), post(pages::members::leave)),
        shows(under_members!(""), ManageMembers, USER.in_organization(), get(pages::members::index)),
        does(
            under_members!("/invite"),
            ManageMembers,
            INVITATION.in_organization().to("create"),
            post(pages::members::invite),
        ),
        does(
            under_members!("/invitations/{invitation_id}/revoke"),
            ManageMembers,
            INVITATION.to("delete"),
            post(pages::members::revoke),
        ),
        shows(under_members!("/{user_id}/role"), ManageMembers, USER, get(pages::members::edit_role)),
        does(
            under_members!("/{user_id}/role"),
            ManageMembers,
            USER.to("update"),
            post(pages::members::change_role),
        ),
        shows(under_members!("/{user_id}/remove"), ManageMembers, USER, get(pages::members::confirm_remove)),
        does(
            under_members!("/{user_id}/remove"),
            ManageMembers,
            USER.to("delete"),
            post(pages::members::remove),
        ),
        shows("/organizations/{organization_id}/settings/plan", SeePlan, PLAN, get(pages::plan::show)),
        shows(PROJECTS, SeeOrganization, PROJECT.in_organization(), get(pages::projects::index)),
        shows(under_projects!("/new"), ManageProjects, PROJECT.in_organization(), get(pages::projects::new)),
        does(
            under_projects!("/new"),
            ManageProjects,
            PROJECT.in_organization().to("create"),
            post(pages::projects::create),
        ),
        shows(under_projects!("/{project_id}"), SeeOrganization, PROJECT, get(pages::projects::show)),
        does(
            under_projects!("/{project_id}"),
            ManageProjects,
            PROJECT.to("update"),
            post(pages::projects::rename),
        ),
        shows(
            under_projects!("/{project_id}/delete"),
            DeleteProject,
            PROJECT,
            get(pages::projects::confirm_delete),
        ),
        does(
            under_projects!("/{project_id}/delete"),
            DeleteProject,
            PROJECT.to("delete"),
            post(pages::projects::delete),
        ),
        shows(
            under_projects!("/{project_id}/members/new"),
            ManageProjects,
            USER.in_project(),
            get(pages::project_members::new),
        ),
        does(
            under_projects!("/{project_id}/members/new"),
            ManageProjects,
            USER.in_project().to("create"),
            post(pages::project_members::create),
        ),
        does(
            under_projects!("/{project_id}/members/{user_id}"),
            ManageProjects,
            USER.to("update"),
            post(pages::project_members::change_role),
        ),
        shows(
            under_projects!("/{project_id}/members/{user_id}/remove"),
            ManageProjects,
            USER,
            get(pages::project_members::confirm_remove),
        ),
        does(
            under_projects!("/{project_id}/members/{user_id}/remove"),
            ManageProjects,
            USER.to("delete"),
            post(pages::project_members::remove),
        ),
        shows(
            under_projects!("/{project_id}/api-keys/new"),
            ManageApiKeys,
            API_KEY.in_project(),
            get(pages::api_keys::new),
        ),
        does(
            under_projects!("/{project_id}/api-keys/new"),
            ManageApiKeys,
            API_KEY.in_project().to("create"),
            post(pages::api_keys::create),
        ),
        shows(
            under_projects!("/{project_id}/api-keys/{api_key_id}/delete"),
            ManageApiKeys,
            API_KEY,
            get(pages::api_keys::confirm_delete),
        ),
        does(
            under_projects!("/{project_id}/api-keys/{api_key_id}/delete"),
            ManageApiKeys,
            API_KEY.to("delete"),
            post(pages::api_keys::delete),
        ),
        shows(
            "/organizations/{organization_id}/api-keys",
            ManageApiKeys,
            API_KEY.in_organization(),
            get(pages::api_keys::index),
        ),
        shows(
            SERVICE_ACCOUNTS,
            ManageServiceAccounts,
            SERVICE_ACCOUNT.in_organization(),
            get(pages::service_accounts::index),
        ),
        shows(
            under_service_accounts!("/new"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT.in_organization(),
            get(pages::service_accounts::new),
        ),
        does(
            under_service_accounts!("/new"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT.in_organization().to("create"),
            post(pages::service_accounts::create),
        ),
        shows(
            under_service_accounts!("/{service_account_id}"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT,
            get(pages::service_accounts::show),
        ),
        does(
            under_service_accounts!("/{service_account_id}"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT.to("update"),
            post(pages::service_accounts::change_role),
        ),
        shows(
            under_service_accounts!("/{service_account_id}/rotate"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT,
            get(pages::service_account_secrets::confirm_rotate),
        ),
        does(
            under_service_accounts!("/{service_account_id}/rotate"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT.to("rotate"),
            post(pages::service_account_secrets::rotate),
        ),
        shows(
            under_service_accounts!("/{service_account_id}/secrets/{secret_id}/end"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT,
            get(pages::service_account_secrets::confirm_end),
        ),
        does(
            under_service_accounts!("/{service_account_id}/secrets/{secret_id}/end"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT.to("update"),
            post(pages::service_account_secrets::end),
        ),
        shows(
            under_service_accounts!("/{service_account_id}/delete"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT,
            get(pages::service_accounts::confirm_delete),
        ),
        does(
            under_service_accounts!("/{service_account_id}/delete"),
            ManageServiceAccounts,
            SERVICE_ACCOUNT.to("delete"),
            post(pages::service_accounts::delete),
        ),
        shows(AUDIT_LOGS, ManageAuditLogs, INTEGRATION, get(pages::audit_logs::show)),
        sets_up(under_audit_logs!("/enable"), "create", post(pages::audit_logs::enable)),
        sets_up(under_audit_logs!("/update"), "update", post(pages::audit_logs::update)),
        sets_up(under_audit_logs!("/activate"), "enable", post(pages::audit_logs::activate)),
        shows(
            under_audit_logs!("/disable"),
            ManageAuditLogs,
            INTEGRATION,
            get(pages::audit_logs::switching_off::confirm_disable),
        ),
        sets_up(under_audit_logs!("/disable"), "disable", post(pages::audit_logs::switching_off::disable)),
        shows(
            under_audit_logs!("/remove"),
            ManageAuditLogs,
            INTEGRATION,
            get(pages::audit_logs::switching_off::confirm_remove),
        ),
        sets_up(under_audit_logs!("/remove"), "delete", post(pages::audit_logs::switching_off::remove)),
        sets_up(
            under_audit_logs!("/stop-waiting"),
            "update",
            post(pages::audit_logs::switching_off::stop_waiting),
        ),
        sets_up(under_audit_logs!("/deliver-now"), "update", post(pages::audit_logs::deliver_now)),
        sets_up(under_audit_logs!("/try-again"), "update", post(pages::audit_logs::try_again)),
        sets_up(under_audit_logs!("/check"), "test", post(pages::audit_logs::check)),
        shows(
            under_audit_logs!("/checks/{check_id}"),
            ManageAuditLogs,
            INTEGRATION,
            get(pages::audit_logs::live::check),
        ),
        sets_up(
            under_audit_logs!("/checks/{check_id}/cancel"),
            "update",
            post(pages::audit_logs::cancel_check),
        ),
        sets_up(under_audit_logs!("/setup"), "read", post(pages::audit_logs::setup::show)),
        sets_up(under_audit_logs!("/preview"), "read", post(pages::audit_logs::preview::show)),
        // A suspended organization may look up its own; that others need Enterprise, the handler says.
        shows(
            under_audit_logs!("/setup/{file}"),
            ManageAuditLogs,
            INTEGRATION,
            get(pages::audit_logs::setup::file),
        ),
        shows(
            under_audit_logs!("/status"),
            ManageAuditLogs,
            INTEGRATION,
            get(pages::audit_logs::live::status),
        ),
        shows(
            under_audit_logs!("/deliveries"),
            ManageAuditLogs,
            INTEGRATION,
            get(pages::audit_logs::live::deliveries),
        ),
        read("/api-docs", Public, Page, get(pages::api_docs::show)),
        write("/v1/events", Producer, Problem, post(api::events::create)),
        read("/schemas/audit-record.v1.json", Public, Problem, get(api::schemas::audit_record)),
        read("/openapi.json", Public, Problem, get(api::openapi::show)),
        read("/livez", Public, Problem, get(health::live)),
        read("/readyz", Public, Problem, get(health::ready)),
        // Where the operator says so; who may ask, the handler says.
        read("/metrics", Public, Problem, get(metrics::show)),
    ]
    .into_iter()
    .chain(of_programs())
    .collect()
}

/// The routes of API keys and service accounts.
fn of_programs() -> Vec<Route> {
    use Ability::{
        DeleteProject, ManageApiKeys, ManageAuditLogs, ManageMembers, ManageProjects, ManageServiceAccounts,
        SeeOrganization,
    };
    let role = |ability| Need { ability, audit_logs: false, api_keys: false };
    let audit_logs = Need { audit_logs: true, ..role(ManageAuditLogs) };
    let or_key = |ability| Need { api_keys: true, ..role(ability) };
    let route = |method, path, need, deed, handler| {
        let access = Access::Program(need, deed);
        Route { method, path, access, face: Face::Problem, handler }
    };
    let read = |path, need, of: Resource, handler| route(Method::GET, path, need, of.read(), handler);
    let add = |path, need, to: Resource, handler| route(Method::POST, path, need, to.to("create"), handler);
    let have = |path, need, deed, handler| route(Method::POST, path, need, deed, handler);
    let change =
        |path, need, what: Resource, handler| route(Method::PATCH, path, need, what.to("update"), handler);
    let remove =
        |path, need, what: Resource, handler| route(Method::DELETE, path, need, what.to("delete"), handler);
    vec![
        read(INTEGRATION_PATH, role(ManageAuditLogs), INTEGRATION, get(api::integration::show)),
        route(
            Method::PUT,
            INTEGRATION_PATH,
            audit_logs,
            INTEGRATION.to("update"),
            put(api::integration::replace),
        ),
        change(INTEGRATION_PATH, audit_logs, INTEGRATION, patch(api::integration::update)),
        remove(INTEGRATION_PATH, audit_logs, INTEGRATION, delete(api::integration::delete)),
        read(of_organization!("checks"), role(ManageAuditLogs), INTEGRATION, get(api::checks::list)),
        have(of_organization!("checks"), audit_logs, INTEGRATION.to("test"), post(api::checks::create)),
        read(
            of_organization!("checks/{check_id}"),
            role(ManageAuditLogs),
            INTEGRATION,
            get(api::checks::show),
        ),
        have(
            of_organization!("checks/{check_id}/cancel"),
            audit_logs,
            INTEGRATION.to("update"),
            post(api::checks::cancel),
        ),
        read(of_organization!("deliveries"), role(ManageAuditLogs), INTEGRATION, get(api::deliveries::list)),
        have(
            of_organization!("deliveries"),
            audit_logs,
            INTEGRATION.to("update"),
            post(api::deliveries::create),
        ),
        read(
            of_organization!("deliveries/{delivery_id}"),
            role(ManageAuditLogs),
            INTEGRATION,
            get(api::deliveries::show),
        ),
        read(of_organization!("records"), role(ManageAuditLogs), RECORDS, get(api::records::list)),
        read(
            of_organization!("records/{record_id}"),
            role(ManageAuditLogs),
            RECORDS,
            get(api::records::show),
        ),
        read(
            of_organization!("projects"),
            or_key(SeeOrganization),
            PROJECT.in_organization(),
            get(api::projects::list),
        ),
        add(
            of_organization!("projects"),
            role(ManageProjects),
            PROJECT.in_organization(),
            post(api::projects::create),
        ),
        read(
            of_organization!("projects/{project_id}"),
            or_key(SeeOrganization),
            PROJECT,
            get(api::projects::show),
        ),
        change(
            of_organization!("projects/{project_id}"),
            or_key(ManageProjects),
            PROJECT,
            patch(api::projects::update),
        ),
        remove(
            of_organization!("projects/{project_id}"),
            role(DeleteProject),
            PROJECT,
            delete(api::projects::delete),
        ),
        read(
            of_organization!("projects/{project_id}/members"),
            or_key(SeeOrganization),
            USER.in_project(),
            get(api::project_members::list),
        ),
        add(
            of_organization!("projects/{project_id}/members"),
            or_key(ManageProjects),
            USER.in_project(),
            post(api::project_members::create),
        ),
        read(
            of_organization!("projects/{project_id}/members/{user_id}"),
            or_key(SeeOrganization),
            USER,
            get(api::project_members::show),
        ),
        change(
            of_organization!("projects/{project_id}/members/{user_id}"),
            or_key(ManageProjects),
            USER,
            patch(api::project_members::update),
        ),
        remove(
            of_organization!("projects/{project_id}/members/{user_id}"),
            or_key(ManageProjects),
            USER,
            delete(api::project_members::delete),
        ),
        read(
            of_organization!("api-keys"),
            or_key(ManageApiKeys),
            API_KEY.in_organization(),
            get(api::api_keys::list),
        ),
        add(
            of_organization!("api-keys"),
            role(ManageApiKeys),
            API_KEY.in_organization(),
            post(api::api_keys::create),
        ),
        read(
            of_organization!("api-keys/{api_key_id}"),
            or_key(ManageApiKeys),
            API_KEY,
            get(api::api_keys::show),
        ),
        remove(
            of_organization!("api-keys/{api_key_id}"),
            role(ManageApiKeys),
            API_KEY,
            delete(api::api_keys::delete),
        ),
        read(
            of_organization!("members"),
            role(ManageMembers),
            USER.in_organization(),
            get(api::members::list),
        ),
        read(of_organization!("members/{user_id}"), role(ManageMembers), USER, get(api::members::show)),
        change(of_organization!("members/{user_id}"), role(ManageMembers), USER, patch(api::members::update)),
        remove(
            of_organization!("members/{user_id}"),
            role(ManageMembers),
            USER,
            delete(api::members::delete),
        ),
        read(
            of_organization!("invitations"),
            role(ManageMembers),
            INVITATION.in_organization(),
            get(api::invitations::list),
        ),
        add(
            of_organization!("invitations"),
            role(ManageMembers),
            INVITATION.in_organization(),
            post(api::invitations::create),
        ),
        read(
            of_organization!("invitations/{invitation_id}"),
            role(ManageMembers),
            INVITATION,
            get(api::invitations::show),
        ),
        remove(
            of_organization!("invitations/{invitation_id}"),
            role(ManageMembers),
            INVITATION,
            delete(api::invitations::delete),
        ),
        read(
            of_organization!("service-accounts"),
            role(ManageServiceAccounts),
            SERVICE_ACCOUNT.in_organization(),
            get(api::service_accounts::list),
        ),
        add(
            of_organization!("service-accounts"),
            role(ManageServiceAccounts),
            SERVICE_ACCOUNT.in_organization(),
            post(api::service_accounts::create),
        ),
        read(ACCOUNT, role(ManageServiceAccounts), SERVICE_ACCOUNT, get(api::service_accounts::show)),
        change(ACCOUNT, role(ManageServiceAccounts), SERVICE_ACCOUNT, patch(api::service_accounts::update)),
        remove(ACCOUNT, role(ManageServiceAccounts), SERVICE_ACCOUNT, delete(api::service_accounts::delete)),
        have(
            of_organization!("service-accounts/{service_account_id}/rotate"),
            role(ManageServiceAccounts),
            SERVICE_ACCOUNT.to("rotate"),
            post(api::service_accounts::rotate),
        ),
        route(
            Method::DELETE,
            of_organization!("service-accounts/{service_account_id}/secrets/{secret_id}"),
            role(ManageServiceAccounts),
            SERVICE_ACCOUNT.to("update"),
            delete(api::service_accounts::delete_secret),
        ),
    ]
}

/// What routes are about.
const INTEGRATION: Resource = Resource { resource_type: "audit-log-integration", named: Named::ByType };
const RECORDS: Resource = Resource { resource_type: "audit-log-records", named: Named::ByType };
const EXPORT: Resource = Resource { resource_type: "audit-log-export", named: Named::ByType };
const ORGANIZATION: Resource = Resource { resource_type: "organization", named: Named::Itself };
const PLAN: Resource = Resource { resource_type: "plan", named: Named::ByPlan };
const USER: Resource = Resource::in_path("user", "user_id");
const INVITATION: Resource = Resource::in_path("invitation", "invitation_id");
const PROJECT: Resource = Resource::in_path("project", "project_id");
const API_KEY: Resource = Resource::in_path("api-key", "api_key_id");
const SERVICE_ACCOUNT: Resource = Resource::in_path("service-account", "service_account_id");

/// Logs leave the token out (`web::headers`).
const INVITATION_LINK: &str = "/invitations/{token}";
const PASSWORD_RESET: &str = "/password-resets/{token}";
const AUDIT_LOGS: &str = "/organizations/{organization_id}/settings/audit-logs";
const GENERAL: &str = "/organizations/{organization_id}/settings/general";
const DELETE_ORGANIZATION: &str = "/organizations/{organization_id}/settings/general/delete";
const PROJECTS: &str = "/organizations/{organization_id}/projects";
const SERVICE_ACCOUNTS: &str = "/organizations/{organization_id}/service-accounts";

/// A path under Projects.
macro_rules! under_projects {
    ($rest:literal) => {
        concat!("/organizations/{organization_id}/projects", $rest)
    };
}
use under_projects;

/// A path under Access > Service accounts.
macro_rules! under_service_accounts {
    ($rest:literal) => {
        concat!("/organizations/{organization_id}/service-accounts", $rest)
    };
}
use under_service_accounts;

const LEAVE: &str = "/organizations/{organization_id}/leave";

const INTEGRATION_PATH: &str = of_organization!("audit-log-integration");
const ACCOUNT: &str = of_organization!("service-accounts/{service_account_id}");

/// A path of an organization's resources.
macro_rules! of_organization {
    ($rest:literal) => {
        concat!("/v1/organizations/{organization_id}/", $rest)
    };
}
use of_organization;

/// A path under Access > Members.
macro_rules! under_members {
    ($rest:literal) => {
        concat!("/organizations/{organization_id}/members", $rest)
    };
}
use under_members;
const ACTIVITY: &str = "/organizations/{organization_id}/activity";

/// A path under Activity.
macro_rules! under_activity {
    ($rest:literal) => {
        concat!("/organizations/{organization_id}/activity", $rest)
    };
}
use under_activity;

/// A path under Settings > Audit logs.
macro_rules! under_audit_logs {
    ($rest:literal) => {
        concat!("/organizations/{organization_id}/settings/audit-logs", $rest)
    };
}
use under_audit_logs;

/// The routes of one face, each behind its access.
pub(super) fn router(face: Face, web: &Web) -> Router<Web> {
    table().into_iter().filter(|route| route.face == face).fold(Router::new(), |router, route| {
        let (web, gate) = (web.clone(), Gate { access: route.access, path: route.path });
        let gate = from_fn(move |request: Request, next: Next| {
            Reached::note(&request, route.path, face);
            enforce(web.clone(), gate, request, next)
        });
        router.route(route.path, route.handler.layer(gate))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::denied_attempt::Deed;
    use crate::domain::event_catalog::EVENTS;

    /// What a route does, if somebody can be denied it.
    fn deed(access: Access) -> Option<Deed> {
        match access {
            Access::Public | Access::SignedIn | Access::Producer => None,
            Access::Member(_, deed) | Access::AuditLogsWrite(deed) | Access::Program(_, deed) => Some(deed),
        }
    }

    #[test]
    fn what_a_route_does_is_in_the_catalogue_of_events_and_its_resource_in_its_path() {
        for route in table() {
            let (path, inside) = (route.path, route.path.contains("{organization_id}"));
            let Some(Deed { action, resource }) = deed(route.access) else {
                assert!(!inside, "{path} says nothing of what it does");
                continue;
            };
            let Resource { resource_type, named } = resource;
            let known = match action {
                "read" => EVENTS.iter().any(|(_, known)| *known == resource_type),
                _ => EVENTS.contains(&(action, resource_type)),
            };
            assert!(known, "{} {path}: {action} · {resource_type}", route.method);
            assert!(action == "read" || route.method != Method::GET, "{path}: {action}");
            if let Named::InPath(parameter) = named {
                assert!(
                    path.split('/').any(|part| part == format!("{{{parameter}}}")),
                    "{path}: {parameter}"
                );
            }
        }
    }
}
