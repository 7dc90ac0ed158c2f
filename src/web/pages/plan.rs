//! Settings > Plan.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::render::{Place, Shell, html};

#[derive(Template)]
#[template(path = "pages/plan/show.html")]
struct PlanShow {
    shell: Shell,
    plan: &'static str,
    includes_audit_logs: bool,
}

pub(crate) async fn show(request: MemberRequest) -> Result<Response, WebError> {
    let plan = request.member.organization.plan;
    let page = PlanShow {
        shell: request.shell("Plan", Place::Plan).await?,
        plan: plan.label(),
        includes_audit_logs: plan.includes_audit_logs(),
    };
    html(StatusCode::OK, &page)
}
