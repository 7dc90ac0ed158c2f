//! Console pages: a template's struct beside its handler, one file for each resource.

pub(super) mod account;
pub(super) mod activity;
pub(super) mod api_docs;
pub(super) mod api_keys;
pub(super) mod audit_logs;
mod confirmation;
pub(super) mod invitation;
mod listing;
pub(super) mod members;
pub(super) mod organization;
pub(super) mod password_reset;
pub(super) mod plan;
pub(super) mod project_members;
pub(super) mod projects;
mod secret;
pub(super) mod service_account_secrets;
pub(super) mod service_accounts;
pub(super) mod session;
pub(super) mod theme;

use serde::Deserialize;

use super::error::WebError;
use crate::domain::credential::LinkToken;

/// The secret of an invitation or reset link.
#[derive(Deserialize)]
pub(crate) struct LinkInPath {
    token: String,
}

impl LinkInPath {
    fn token(&self) -> Result<LinkToken, WebError> {
        self.token.parse().map_err(|_| WebError::LinkOver)
    }
}

/// A text field as typed, with what is wrong with it.
#[derive(Clone, Default)]
pub(super) struct FieldView {
    pub(super) value: String,
    pub(super) error: Option<String>,
}

/// A choice of a few, with what is wrong with it.
#[derive(Clone)]
pub(super) struct Select {
    pub(super) options: Vec<Choice>,
    pub(super) error: Option<String>,
}

/// One option of a `Select`.
#[derive(Clone)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) selected: bool,
}

/// What keeps a form from being saved: a field's id, its label and what is wrong with it.
pub(super) type Summary = Vec<(&'static str, &'static str, String)>;

/// Of those fields that something is wrong with.
fn summary(fields: &[(&'static str, &'static str, &Option<String>)]) -> Summary {
    let wrong = fields.iter().filter_map(|(id, label, error)| Some((*id, *label, error.as_ref()?.clone())));
    wrong.collect()
}

/// The path of a return address, if it leads back to this console: one slash, and nothing that a browser would
/// read as another host.
pub(super) fn local_path(typed: &str) -> &str {
    let local = typed.starts_with('/')
        && !typed.starts_with("//")
        && typed.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if local { typed } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn a_return_address_never_leads_away() {
        assert_eq!(local_path("/organizations/1?x=y"), "/organizations/1?x=y");
        for foreign in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\tx", "/a b", "evil"]
        {
            assert_eq!(local_path(foreign), "/", "{foreign:?}");
        }
    }
}
