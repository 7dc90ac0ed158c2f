//! What people do in a real browser.

mod activity;
mod deeds;
mod encryption;
mod first_light;
mod keyboard;
mod served;
mod situations;
mod stopping;
mod walk;
