//! The `trailpost` command.

fn main() {}
