//! Settings > Plan.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::web::Web;
use crate::web::access::Member;
use crate::web::error::WebError;
use crate::web::render::{Place, Shell, html};
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/plan/show.html")]
struct PlanShow {
    shell: Shell,
    plan: &'static str,
    includes_audit_logs: bool,
}

pub(crate) async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    member: Member,
) -> Result<Response, WebError> {
    let page = PlanShow {
        shell: Shell::of_member(&web, &visitor, &member, "Plan", Some(Place::Plan)).await?,
        plan: member.organization.plan.label(),
        includes_audit_logs: member.organization.plan.includes_audit_logs(),
    };
    html(StatusCode::OK, &page)
}
