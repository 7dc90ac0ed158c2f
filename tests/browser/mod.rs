//! What people do in a real browser.

mod activity;
mod deeds;
mod dialogs;
mod encryption;
mod first_light;
mod keyboard;
mod links;
mod live;
mod projects;
mod served;
mod situations;
mod stopping;
mod walk;
