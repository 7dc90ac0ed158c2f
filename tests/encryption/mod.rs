//! How files are encrypted: what the form takes, what S3 is asked for, and what AWS refuses.

mod delivery;
mod form;
