//! What people do in a real browser.

mod bucket;
mod first_light;
