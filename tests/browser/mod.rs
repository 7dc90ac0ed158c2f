//! What people do in a real browser.

mod first_light;
mod keyboard;
mod served;
mod stopping;
