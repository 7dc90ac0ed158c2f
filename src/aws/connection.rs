//! Why no connection could be made, as far as the SDK's error tells: it wraps errors of other crates, some of which
//! have no public type, so that only their words tell them apart.

use std::error::Error;
use std::io;

use crate::domain::failure::Cause;

pub(super) fn cause(error: &(dyn Error + 'static)) -> Cause {
    chain(error).find_map(cause_of_one).unwrap_or(Cause::Unreachable)
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn cause_of_one(error: &(dyn Error + 'static)) -> Option<Cause> {
    if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    {
        return Some(Cause::ConnectionRefused);
    }
    let words = error.to_string();
    if words.contains("dns error") || words.contains("failed to lookup address") {
        return Some(Cause::NameNotResolved);
    }
    let of_tls = ["peer certificate", "received corrupt message", "received fatal alert", "tls handshake"];
    of_tls.iter().any(|of_tls| words.contains(of_tls)).then_some(Cause::TlsFailed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_tells_no_more() {
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::NotConnected] {
            assert_eq!(cause(&io::Error::from(kind)), Cause::Unreachable, "{kind:?}");
        }
    }
}
