//! What people do in a real browser.

mod deeds;
mod encryption;
mod first_light;
mod keyboard;
mod projects;
mod served;
mod situations;
mod stopping;
mod walk;
