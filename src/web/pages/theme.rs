//! The theme switch.

use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;
use tower_cookies::Cookies;

use super::local_path;
use crate::web::Web;
use crate::web::form::CheckedForm;
use crate::web::visitor::{lasting_cookie, parse_theme};

#[derive(Deserialize)]
pub(crate) struct ThemeForm {
    theme: String,
    return_to: String,
}

pub(crate) async fn update(
    State(web): State<Web>,
    cookies: Cookies,
    CheckedForm(form): CheckedForm<ThemeForm>,
) -> Redirect {
    let name = web.config.public_url.cookie_name("theme");
    cookies.add(lasting_cookie(&web, name, parse_theme(&form.theme).to_owned()));
    Redirect::to(local_path(&form.return_to))
}
