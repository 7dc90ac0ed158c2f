//! Every route, with who may use it: the one place to look. A test walks this table with every role and plan.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use http::Method;

use super::access::{Gate, enforce};
use super::traffic::Reached;
use super::{Web, api, health, metrics, pages};
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
    use Access::{AuditLogsWrite, Member, Producer, Public, SignedIn};
    use Face::{Page, Problem};
    let read = |path, access, face, handler| Route { method: Method::GET, path, access, face, handler };
    let write = |path, access, face, handler| Route { method: Method::POST, path, access, face, handler };
    let owner = Member(Ability::ManageAuditLogs);
    let in_projects = Member(Ability::ManageProjects);
    let of_accounts = Member(Ability::ManageServiceAccounts);
    let members = Member(Ability::ManageMembers);
    vec![
        read("/", SignedIn, Page, get(pages::session::home)),
        read("/sign-in", Public, Page, get(pages::session::new)),
        write("/sign-in", Public, Page, post(pages::session::create)),
        write("/sign-out", SignedIn, Page, post(pages::session::delete)),
        // Whoever has the link may use it; who that has to be, the page says.
        read(INVITATION, Public, Page, get(pages::invitation::show)),
        write(INVITATION, Public, Page, post(pages::invitation::accept)),
        read(PASSWORD_RESET, Public, Page, get(pages::password_reset::edit)),
        write(PASSWORD_RESET, Public, Page, post(pages::password_reset::update)),
        write("/theme", Public, Page, post(pages::theme::update)),
        read("/account", SignedIn, Page, get(pages::account::show)),
        write("/account/name", SignedIn, Page, post(pages::account::rename)),
        write("/account/password", SignedIn, Page, post(pages::account::change_password)),
        write("/account/sessions/end", SignedIn, Page, post(pages::account::end_sessions)),
        read(
            "/organizations/{organization_id}",
            Member(Ability::SeeOrganization),
            Page,
            get(pages::organization::show),
        ),
        read(ACTIVITY, owner, Page, get(pages::activity::show)),
        read(under_activity!("/records/{sequence}"), owner, Page, get(pages::activity::record)),
        write(under_activity!("/exports"), owner, Page, post(pages::activity::export::create)),
        // A download that is recorded: it changes nothing else.
        read(under_activity!("/pending"), owner, Page, get(pages::activity::export::pending)),
        read(under_activity!("/deliveries/{batch_id}"), owner, Page, get(pages::activity::export::delivery)),
        read(
            "/organizations/{organization_id}/settings/general",
            Member(Ability::SeeOrganization),
            Page,
            get(pages::organization::edit),
        ),
        write(
            "/organizations/{organization_id}/settings/general",
            Member(Ability::RenameOrganization),
            Page,
            post(pages::organization::update),
        ),
        read(
            "/organizations/{organization_id}/settings/general/delete",
            Member(Ability::DeleteOrganization),
            Page,
            get(pages::organization::confirm_delete),
        ),
        write(
            "/organizations/{organization_id}/settings/general/delete",
            Member(Ability::DeleteOrganization),
            Page,
            post(pages::organization::delete),
        ),
        read(LEAVE, Member(Ability::SeeOrganization), Page, get(pages::members::confirm_leave)),
        write(LEAVE, Member(Ability::SeeOrganization), Page, post(pages::members::leave)),
        read(under_members!(""), members, Page, get(pages::members::index)),
        write(under_members!("/invite"), members, Page, post(pages::members::invite)),
        write(
            under_members!("/invitations/{invitation_id}/revoke"),
            members,
            Page,
            post(pages::members::revoke),
        ),
        read(under_members!("/{user_id}/role"), members, Page, get(pages::members::edit_role)),
        write(under_members!("/{user_id}/role"), members, Page, post(pages::members::change_role)),
        read(under_members!("/{user_id}/remove"), members, Page, get(pages::members::confirm_remove)),
        write(under_members!("/{user_id}/remove"), members, Page, post(pages::members::remove)),
        read(
            "/organizations/{organization_id}/settings/plan",
            Member(Ability::SeePlan),
            Page,
            get(pages::plan::show),
        ),
        read(PROJECTS, Member(Ability::SeeOrganization), Page, get(pages::projects::index)),
        read(under_projects!("/new"), in_projects, Page, get(pages::projects::new)),
        write(under_projects!("/new"), in_projects, Page, post(pages::projects::create)),
        read(
            under_projects!("/{project_id}"),
            Member(Ability::SeeOrganization),
            Page,
            get(pages::projects::show),
        ),
        write(under_projects!("/{project_id}"), in_projects, Page, post(pages::projects::rename)),
        read(
            under_projects!("/{project_id}/delete"),
            Member(Ability::DeleteProject),
            Page,
            get(pages::projects::confirm_delete),
        ),
        write(
            under_projects!("/{project_id}/delete"),
            Member(Ability::DeleteProject),
            Page,
            post(pages::projects::delete),
        ),
        read(
            under_projects!("/{project_id}/members/new"),
            in_projects,
            Page,
            get(pages::project_members::new),
        ),
        write(
            under_projects!("/{project_id}/members/new"),
            in_projects,
            Page,
            post(pages::project_members::create),
        ),
        write(
            under_projects!("/{project_id}/members/{user_id}"),
            in_projects,
            Page,
            post(pages::project_members::change_role),
        ),
        read(
            under_projects!("/{project_id}/members/{user_id}/remove"),
            in_projects,
            Page,
            get(pages::project_members::confirm_remove),
        ),
        write(
            under_projects!("/{project_id}/members/{user_id}/remove"),
            in_projects,
            Page,
            post(pages::project_members::remove),
        ),
        read(under_projects!("/{project_id}/api-keys/new"), in_projects, Page, get(pages::api_keys::new)),
        write(
            under_projects!("/{project_id}/api-keys/new"),
            in_projects,
            Page,
            post(pages::api_keys::create),
        ),
        read(
            under_projects!("/{project_id}/api-keys/{api_key_id}/delete"),
            in_projects,
            Page,
            get(pages::api_keys::confirm_delete),
        ),
        write(
            under_projects!("/{project_id}/api-keys/{api_key_id}/delete"),
            in_projects,
            Page,
            post(pages::api_keys::delete),
        ),
        read("/organizations/{organization_id}/api-keys", in_projects, Page, get(pages::api_keys::index)),
        read(SERVICE_ACCOUNTS, of_accounts, Page, get(pages::service_accounts::index)),
        read(under_service_accounts!("/new"), of_accounts, Page, get(pages::service_accounts::new)),
        write(under_service_accounts!("/new"), of_accounts, Page, post(pages::service_accounts::create)),
        read(
            under_service_accounts!("/{service_account_id}"),
            of_accounts,
            Page,
            get(pages::service_accounts::show),
        ),
        write(
            under_service_accounts!("/{service_account_id}"),
            of_accounts,
            Page,
            post(pages::service_accounts::change_role),
        ),
        read(
            under_service_accounts!("/{service_account_id}/rotate"),
            of_accounts,
            Page,
            get(pages::service_account_secrets::confirm_rotate),
        ),
        write(
            under_service_accounts!("/{service_account_id}/rotate"),
            of_accounts,
            Page,
            post(pages::service_account_secrets::rotate),
        ),
        read(
            under_service_accounts!("/{service_account_id}/secrets/{secret_id}/end"),
            of_accounts,
            Page,
            get(pages::service_account_secrets::confirm_end),
        ),
        write(
            under_service_accounts!("/{service_account_id}/secrets/{secret_id}/end"),
            of_accounts,
            Page,
            post(pages::service_account_secrets::end),
        ),
        read(
            under_service_accounts!("/{service_account_id}/delete"),
            of_accounts,
            Page,
            get(pages::service_accounts::confirm_delete),
        ),
        write(
            under_service_accounts!("/{service_account_id}/delete"),
            of_accounts,
            Page,
            post(pages::service_accounts::delete),
        ),
        read(AUDIT_LOGS, owner, Page, get(pages::audit_logs::show)),
        write(under_audit_logs!("/enable"), AuditLogsWrite, Page, post(pages::audit_logs::enable)),
        write(under_audit_logs!("/update"), AuditLogsWrite, Page, post(pages::audit_logs::update)),
        write(under_audit_logs!("/activate"), AuditLogsWrite, Page, post(pages::audit_logs::activate)),
        read(
            under_audit_logs!("/disable"),
            owner,
            Page,
            get(pages::audit_logs::switching_off::confirm_disable),
        ),
        write(
            under_audit_logs!("/disable"),
            AuditLogsWrite,
            Page,
            post(pages::audit_logs::switching_off::disable),
        ),
        read(
            under_audit_logs!("/remove"),
            owner,
            Page,
            get(pages::audit_logs::switching_off::confirm_remove),
        ),
        write(
            under_audit_logs!("/remove"),
            AuditLogsWrite,
            Page,
            post(pages::audit_logs::switching_off::remove),
        ),
        write(
            under_audit_logs!("/stop-waiting"),
            AuditLogsWrite,
            Page,
            post(pages::audit_logs::switching_off::stop_waiting),
        ),
        write(under_audit_logs!("/deliver-now"), AuditLogsWrite, Page, post(pages::audit_logs::deliver_now)),
        write(under_audit_logs!("/try-again"), AuditLogsWrite, Page, post(pages::audit_logs::try_again)),
        write(under_audit_logs!("/check"), AuditLogsWrite, Page, post(pages::audit_logs::check)),
        read(under_audit_logs!("/checks/{check_id}"), owner, Page, get(pages::audit_logs::live::check)),
        write(
            under_audit_logs!("/checks/{check_id}/cancel"),
            AuditLogsWrite,
            Page,
            post(pages::audit_logs::cancel_check),
        ),
        write(under_audit_logs!("/setup"), AuditLogsWrite, Page, post(pages::audit_logs::setup::show)),
        write(under_audit_logs!("/preview"), AuditLogsWrite, Page, post(pages::audit_logs::preview::show)),
        // A suspended organization may look up its own; that others need Enterprise, the handler says.
        read(under_audit_logs!("/setup/{file}"), owner, Page, get(pages::audit_logs::setup::file)),
        read(under_audit_logs!("/status"), owner, Page, get(pages::audit_logs::live::status)),
        read(under_audit_logs!("/deliveries"), owner, Page, get(pages::audit_logs::live::deliveries)),
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
        DeleteProject, ManageAuditLogs, ManageMembers, ManageProjects, ManageServiceAccounts, SeeOrganization,
    };
    let role = |ability| Need { ability, audit_logs: false, api_keys: false };
    let audit_logs = Need { audit_logs: true, ..role(ManageAuditLogs) };
    let or_key = |ability| Need { api_keys: true, ..role(ability) };
    let route = |method, path, need, handler| {
        let access = Access::Program(need);
        Route { method, path, access, face: Face::Problem, handler }
    };
    let read = |path, need, handler| route(Method::GET, path, need, handler);
    let add = |path, need, handler| route(Method::POST, path, need, handler);
    let change = |path, need, handler| route(Method::PATCH, path, need, handler);
    let remove = |path, need, handler| route(Method::DELETE, path, need, handler);
    vec![
        read(of_organization!("audit-log-integration"), role(ManageAuditLogs), get(api::integration::show)),
        route(
            Method::PUT,
            of_organization!("audit-log-integration"),
            audit_logs,
            put(api::integration::replace),
        ),
        change(of_organization!("audit-log-integration"), audit_logs, patch(api::integration::update)),
        remove(of_organization!("audit-log-integration"), audit_logs, delete(api::integration::delete)),
        read(of_organization!("checks"), role(ManageAuditLogs), get(api::checks::list)),
        add(of_organization!("checks"), audit_logs, post(api::checks::create)),
        read(of_organization!("checks/{check_id}"), role(ManageAuditLogs), get(api::checks::show)),
        add(of_organization!("checks/{check_id}/cancel"), audit_logs, post(api::checks::cancel)),
        read(of_organization!("deliveries"), role(ManageAuditLogs), get(api::deliveries::list)),
        add(of_organization!("deliveries"), audit_logs, post(api::deliveries::create)),
        read(of_organization!("deliveries/{delivery_id}"), role(ManageAuditLogs), get(api::deliveries::show)),
        read(of_organization!("records"), role(ManageAuditLogs), get(api::records::list)),
        read(of_organization!("records/{record_id}"), role(ManageAuditLogs), get(api::records::show)),
        read(of_organization!("projects"), or_key(SeeOrganization), get(api::projects::list)),
        add(of_organization!("projects"), role(ManageProjects), post(api::projects::create)),
        read(of_organization!("projects/{project_id}"), or_key(SeeOrganization), get(api::projects::show)),
        change(
            of_organization!("projects/{project_id}"),
            or_key(ManageProjects),
            patch(api::projects::update),
        ),
        remove(of_organization!("projects/{project_id}"), role(DeleteProject), delete(api::projects::delete)),
        read(of_organization!("api-keys"), or_key(ManageProjects), get(api::api_keys::list)),
        add(of_organization!("api-keys"), or_key(ManageProjects), post(api::api_keys::create)),
        read(of_organization!("api-keys/{api_key_id}"), or_key(ManageProjects), get(api::api_keys::show)),
        remove(
            of_organization!("api-keys/{api_key_id}"),
            or_key(ManageProjects),
            delete(api::api_keys::delete),
        ),
        read(of_organization!("members"), role(ManageMembers), get(api::members::list)),
        read(of_organization!("members/{user_id}"), role(ManageMembers), get(api::members::show)),
        change(of_organization!("members/{user_id}"), role(ManageMembers), patch(api::members::update)),
        remove(of_organization!("members/{user_id}"), role(ManageMembers), delete(api::members::delete)),
        read(of_organization!("invitations"), role(ManageMembers), get(api::invitations::list)),
        add(of_organization!("invitations"), role(ManageMembers), post(api::invitations::create)),
        read(
            of_organization!("invitations/{invitation_id}"),
            role(ManageMembers),
            get(api::invitations::show),
        ),
        remove(
            of_organization!("invitations/{invitation_id}"),
            role(ManageMembers),
            delete(api::invitations::delete),
        ),
        read(
            of_organization!("service-accounts"),
            role(ManageServiceAccounts),
            get(api::service_accounts::list),
        ),
        add(
            of_organization!("service-accounts"),
            role(ManageServiceAccounts),
            post(api::service_accounts::create),
        ),
        read(ACCOUNT, role(ManageServiceAccounts), get(api::service_accounts::show)),
        change(ACCOUNT, role(ManageServiceAccounts), patch(api::service_accounts::update)),
        remove(ACCOUNT, role(ManageServiceAccounts), delete(api::service_accounts::delete)),
        add(
            of_organization!("service-accounts/{service_account_id}/rotate"),
            role(ManageServiceAccounts),
            post(api::service_accounts::rotate),
        ),
        remove(
            of_organization!("service-accounts/{service_account_id}/secrets/{secret_id}"),
            role(ManageServiceAccounts),
            delete(api::service_accounts::delete_secret),
        ),
    ]
}

/// Logs leave the token out (`web::headers`).
const INVITATION: &str = "/invitations/{token}";
const PASSWORD_RESET: &str = "/password-resets/{token}";
const AUDIT_LOGS: &str = "/organizations/{organization_id}/settings/audit-logs";
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
