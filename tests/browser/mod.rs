//! What people do in a real browser.

mod encryption;
mod first_light;
mod keyboard;
mod projects;
mod served;
mod stopping;
