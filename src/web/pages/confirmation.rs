//! Asking before something is deleted: a page, which the browser may show as a dialog.

use askama::Template;

use super::FieldView;
use crate::web::render::Shell;

/// The question, and the button that does it.
#[derive(Template)]
#[template(path = "pages/confirmation/show.html")]
pub(super) struct Confirmation {
    pub(super) shell: Shell,
    pub(super) heading: &'static str,
    /// What it is about.
    pub(super) name: String,
    /// What will happen.
    pub(super) sentences: Vec<String>,
    pub(super) action: String,
    pub(super) button: &'static str,
    pub(super) cancel_href: String,
    /// Where a button alone would be pressed too easily, the name is typed.
    pub(super) typed: Option<FieldView>,
}
