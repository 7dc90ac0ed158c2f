//! What every page is made in: title, assets, navigation, who is signed in.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use super::Web;
use super::access::Member;
use super::assets;
use super::error::WebError;
use super::flash::Flash;
use super::visitor::Visitor;
use crate::domain::membership::Ability;
use crate::domain::organization::Organization;
use crate::domain::user::User;

/// Renders a page or a fragment.
pub(super) fn html(status: StatusCode, template: &impl Template) -> Result<Response, WebError> {
    Ok((status, Html(template.render()?)).into_response())
}

/// What every page needs.
#[derive(Clone)]
pub(super) struct Shell {
    /// `Audit logs · Acme · Trailpost`.
    pub(super) title: String,
    /// `/static/{fingerprint}`, without a slash at the end.
    pub(super) static_base: &'static str,
    /// Goes as `csrf_token` into every POST form.
    pub(super) csrf: String,
    /// `auto`, `light` or `dark`.
    pub(super) theme: &'static str,
    /// The current path, where the theme switch returns to.
    pub(super) path: String,
    /// Nobody on the sign-in page.
    pub(super) signed_in: Option<SignedIn>,
    /// With an organization the page has its sidebar; without, only a top bar.
    pub(super) organization: Option<Nav>,
    /// What the last action did, shown once.
    pub(super) flash: Option<Flash>,
}

/// The person at the keyboard.
#[derive(Clone)]
pub(super) struct SignedIn {
    pub(super) email: String,
    pub(super) display_name: String,
    /// For the organization switcher.
    pub(super) organizations: Vec<OrganizationLink>,
}

impl SignedIn {
    /// The letter in the round avatar.
    pub(super) fn initial(&self) -> String {
        self.display_name.chars().take(1).collect()
    }
}

/// An organization one can switch to.
#[derive(Clone)]
pub(super) struct OrganizationLink {
    pub(super) name: String,
    pub(super) href: String,
    /// What one is there: `Billing admin`.
    pub(super) role: &'static str,
    pub(super) current: bool,
}

/// The sidebar of one organization.
#[derive(Clone)]
pub(super) struct Nav {
    pub(super) organization_id: String,
    pub(super) name: String,
    /// As a word: `Enterprise`.
    pub(super) plan: &'static str,
    pub(super) items: Vec<NavItem>,
}

impl Nav {
    /// The letter in the square badge.
    pub(super) fn initial(&self) -> String {
        self.name.chars().take(1).collect()
    }

    /// Neighbouring items of the same group, under its name.
    pub(super) fn sections(&self) -> Vec<NavSection<'_>> {
        self.items
            .chunk_by(|left, right| left.group == right.group)
            .map(|items| NavSection { group: items.first().and_then(|item| item.group), items })
            .collect()
    }
}

/// A run of navigation items under one heading.
pub(super) struct NavSection<'a> {
    pub(super) group: Option<&'static str>,
    pub(super) items: &'a [NavItem],
}

/// One link of the sidebar.
#[derive(Clone)]
pub(super) struct NavItem {
    pub(super) label: &'static str,
    pub(super) href: String,
    pub(super) icon: &'static str,
    pub(super) current: bool,
    pub(super) group: Option<&'static str>,
}

/// The pages of an organization that the sidebar leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Projects,
    ApiKeys,
    Members,
    ServiceAccounts,
    Activity,
    General,
    AuditLogs,
    Plan,
}

/// A link of the sidebar, and who sees it.
struct Signpost {
    place: Place,
    label: &'static str,
    /// Behind the organization's own path.
    path: &'static str,
    icon: &'static str,
    group: Option<&'static str>,
    ability: Ability,
}

/// In the sidebar's order.
const SIGNPOSTS: &[Signpost] = &[
    Signpost {
        place: Place::Overview,
        label: "Overview",
        path: "",
        icon: "home",
        group: None,
        ability: Ability::SeeOrganization,
    },
    Signpost {
        place: Place::Projects,
        label: "Projects",
        path: "/projects",
        icon: "folder",
        group: None,
        ability: Ability::SeeOrganization,
    },
    Signpost {
        place: Place::ApiKeys,
        label: "API keys",
        path: "/api-keys",
        icon: "key",
        group: None,
        ability: Ability::ManageProjects,
    },
    Signpost {
        place: Place::Members,
        label: "Members",
        path: "/members",
        icon: "users",
        group: Some("Access"),
        ability: Ability::ManageMembers,
    },
    Signpost {
        place: Place::ServiceAccounts,
        label: "Service accounts",
        path: "/service-accounts",
        icon: "robot",
        group: Some("Access"),
        ability: Ability::ManageServiceAccounts,
    },
    Signpost {
        place: Place::Activity,
        label: "Activity",
        path: "/activity",
        icon: "activity",
        group: None,
        ability: Ability::ManageAuditLogs,
    },
    Signpost {
        place: Place::General,
        label: "General",
        path: "/settings/general",
        icon: "settings",
        group: Some("Settings"),
        ability: Ability::SeeOrganization,
    },
    Signpost {
        place: Place::AuditLogs,
        label: "Audit logs",
        path: "/settings/audit-logs",
        icon: "logs",
        group: Some("Settings"),
        ability: Ability::ManageAuditLogs,
    },
    Signpost {
        place: Place::Plan,
        label: "Plan",
        path: "/settings/plan",
        icon: "plan",
        group: Some("Settings"),
        ability: Ability::SeePlan,
    },
];

/// Where an organization's pages begin.
pub(super) fn organization_href(organization: &Organization) -> String {
    format!("/organizations/{}", organization.id)
}

impl Shell {
    /// A page outside any organization.
    pub(super) fn alone(visitor: &Visitor, title: &str) -> Shell {
        Shell {
            title: format!("{title} · Trailpost"),
            static_base: &assets::BASE,
            csrf: visitor.form_token.clone(),
            theme: visitor.theme,
            path: visitor.path.clone(),
            signed_in: visitor.user.as_ref().map(|user| signed_in(user, Vec::new())),
            organization: None,
            flash: None,
        }
    }

    /// A page of an organization.
    pub(super) async fn of_member(
        web: &Web,
        visitor: &Visitor,
        member: &Member,
        title: &str,
        place: Option<Place>,
    ) -> Result<Shell, WebError> {
        let organization = &member.organization;
        let organizations = web.store.memberships(member.user.id).await?;
        let links = organizations.iter().map(|membership| OrganizationLink {
            name: membership.organization.name.to_string(),
            href: organization_href(&membership.organization),
            role: membership.role.label(),
            current: membership.organization.id == organization.id,
        });
        Ok(Shell {
            title: format!("{title} · {} · Trailpost", organization.name),
            signed_in: Some(signed_in(&member.user, links.collect())),
            organization: Some(nav(member, place)),
            ..Shell::alone(visitor, title)
        })
    }

    /// The same page with what the last action did.
    pub(super) fn with_flash(mut self, flash: Option<Flash>) -> Shell {
        self.flash = flash;
        self
    }
}

fn signed_in(user: &User, organizations: Vec<OrganizationLink>) -> SignedIn {
    SignedIn { email: user.email.to_string(), display_name: user.display_name.to_string(), organizations }
}

fn nav(member: &Member, place: Option<Place>) -> Nav {
    let base = organization_href(&member.organization);
    let items = SIGNPOSTS
        .iter()
        .filter(|signpost| member.role.may(signpost.ability))
        .map(|signpost| NavItem {
            label: signpost.label,
            href: format!("{base}{}", signpost.path),
            icon: signpost.icon,
            current: place == Some(signpost.place),
            group: signpost.group,
        })
        .collect();
    Nav {
        organization_id: member.organization.id.to_string(),
        name: member.organization.name.to_string(),
        plan: member.organization.plan.label(),
        items,
    }
}
