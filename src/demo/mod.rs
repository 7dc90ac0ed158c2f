//! The demo: its organizations and accounts, its small AWS, and a trickle of activity. Nothing of this is in a
//! binary built without the feature `demo`.

pub mod activity;
pub mod seed;
pub mod world;
