//! Activity: every record of the organization, newest first, to look through and to take away. `export` has the files,
//! `view` what the pages are made of.

pub(crate) mod export;
mod view;

use axum::extract::{Path, Query};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use crate::domain::activity::{FilterError, TypedFilter};
use crate::domain::sequence::Sequence;
use crate::store::{ActivityCursor, ActivityPage};
use crate::web::access::{Member, MemberRequest};
use crate::web::error::WebError;
use crate::web::render::{Place, html, organization_href};
use crate::web::wording::count;
use view::{ActivityShow, FilterForm, Pages, RecordRow, RecordShow};

/// What is looked for, and from where on.
#[derive(Debug, Deserialize)]
pub(crate) struct ActivityQuery {
    #[serde(flatten)]
    filter: TypedFilter,
    before: Option<String>,
    after: Option<String>,
}

impl ActivityQuery {
    /// An address that was not made by a page of ours leads nowhere.
    fn cursor(&self) -> Result<ActivityCursor, WebError> {
        let at = |text: &str| text.parse().ok().and_then(Sequence::new).ok_or(WebError::NotFound);
        match (&self.before, &self.after) {
            (None, None) => Ok(ActivityCursor::Newest),
            (Some(before), None) => Ok(ActivityCursor::Before(at(before)?)),
            (None, Some(after)) => Ok(ActivityCursor::After(at(after)?)),
            (Some(_), Some(_)) => Err(WebError::NotFound),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct RecordInPath {
    sequence: String,
}

/// The page's address.
fn href(member: &Member) -> String {
    format!("{}/activity", organization_href(&member.organization))
}

/// An address with what is looked for.
fn href_with(base: &str, typed: &TypedFilter, further: Option<(&'static str, Sequence)>) -> String {
    let further = further.map(|(name, at)| (name, at.to_string()));
    let filled = typed.filled().into_iter().map(|(field, value)| (field.as_str(), value.to_owned()));
    match serde_urlencoded::to_string(filled.chain(further).collect::<Vec<_>>()) {
        Ok(query) if !query.is_empty() => format!("{base}?{query}"),
        _ => base.to_owned(),
    }
}

/// The records that are looked for.
pub(crate) async fn show(
    request: MemberRequest,
    Query(query): Query<ActivityQuery>,
) -> Result<Response, WebError> {
    let cursor = query.cursor()?;
    match query.filter.parse() {
        Ok(filter) => {
            let organization = request.organization_id();
            let found = request.web.store.activity(organization, filter, cursor).await?;
            page(&request, StatusCode::OK, &query.filter, Ok((cursor, found))).await
        }
        Err(errors) => page(&request, StatusCode::UNPROCESSABLE_ENTITY, &query.filter, Err(errors)).await,
    }
}

/// What a search came to, or what is wrong with what was typed.
type Searched = Result<(ActivityCursor, ActivityPage), Vec<FilterError>>;

async fn page(
    request: &MemberRequest,
    status: StatusCode,
    typed: &TypedFilter,
    searched: Searched,
) -> Result<Response, WebError> {
    let MemberRequest { web, visitor, member, .. } = request;
    let (base_href, now) = (href(member), web.clock.now());
    let pending = web.store.delivery_status(request.organization_id()).await?.pending_records;
    let (rows, pages, errors) = match searched {
        Ok((cursor, found)) => {
            let rows = found.records.iter().map(|record| RecordRow::new(&base_href, record, now)).collect();
            (rows, Pages::new(&base_href, typed, cursor, &found, now), None)
        }
        Err(errors) => (Vec::new(), Pages::default(), Some(errors)),
    };
    let page = ActivityShow {
        shell: request.shell("Activity", Place::Activity).await?.with_flash(request.take_flash()),
        organization_name: member.organization.name.to_string(),
        is_filtered: !typed.filled().is_empty(),
        is_invalid: errors.is_some(),
        filter: FilterForm::new(typed, &errors.unwrap_or_default()),
        exported: typed
            .filled()
            .into_iter()
            .map(|(field, value)| (field.as_str(), value.to_owned()))
            .collect(),
        csrf: visitor.form_token.clone(),
        rows,
        pages,
        pending: (pending > 0).then(|| count(pending, "pending record")),
        filtered_href: href_with(&base_href, typed, None),
        base_href,
    };
    html(status, &page)
}

/// One record, with all that it says.
pub(crate) async fn record(
    request: MemberRequest,
    Path(path): Path<RecordInPath>,
) -> Result<Response, WebError> {
    let sequence = path.sequence.parse().ok().and_then(Sequence::new).ok_or(WebError::NotFound)?;
    let found = request.web.store.activity_record(request.organization_id(), sequence).await?;
    let stored = found.ok_or(WebError::NotFound)?;
    let row = RecordRow::new(&href(&request.member), &stored, request.web.clock.now());
    let page = RecordShow {
        shell: request.shell(&format!("Record {sequence}"), Place::Activity).await?,
        links: view::links(&href(&request.member), &stored),
        facts: view::facts(&stored),
        json: view::pretty(&stored.line),
        activity_href: href(&request.member),
        row,
    };
    html(StatusCode::OK, &page)
}
