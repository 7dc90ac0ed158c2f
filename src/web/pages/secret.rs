//! An API key or a secret, shown once: in the answer to the form that made it, and kept nowhere. The answer is cached by
//! nobody (`web::headers`), and its address shows an empty form to whoever comes back.

use askama::Template;

use crate::web::render::Shell;

#[derive(Template)]
#[template(path = "pages/secret/show.html")]
pub(super) struct SecretShow {
    pub(super) shell: Shell,
    pub(super) eyebrow: &'static str,
    pub(super) heading: &'static str,
    /// Whose it is.
    pub(super) name: String,
    /// What is shown: `API key` or `Secret`.
    pub(super) label: &'static str,
    pub(super) secret: String,
    pub(super) sentences: Vec<String>,
    /// What else is needed, under its name.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) done_href: String,
}
