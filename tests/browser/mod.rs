//! What people do in a real browser.

mod activity;
mod encryption;
mod first_light;
mod keyboard;
mod served;
mod stopping;
