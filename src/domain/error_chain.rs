//! An error with everything behind it, in one line: what the log says of a failure.

use std::error::Error;
use std::fmt;

/// Shows an error and its sources, each once: many say their source's words themselves. It is one line whatever they
/// hold.
#[derive(Clone, Copy, Debug)]
pub struct ErrorChain<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = in_one_line(&self.0.to_string());
        let mut source = self.0.source();
        while let Some(error) = source {
            let words = in_one_line(&error.to_string());
            if !written.contains(&words) {
                written = format!("{written}: {words}");
            }
            source = error.source();
        }
        f.write_str(&written)
    }
}

fn in_one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{words}")]
    struct Layer {
        words: &'static str,
        #[source]
        below: Option<Box<Layer>>,
    }

    fn over(words: &'static str, below: Option<Layer>) -> Layer {
        Layer { words, below: below.map(Box::new) }
    }

    #[test]
    fn every_source_is_named_once_and_in_one_line() {
        let disk = over("no space left\n  on device", None);
        let database = over("the database failed: disk full", Some(over("disk full", Some(disk))));
        let chain = ErrorChain(&database).to_string();
        assert_eq!(chain, "the database failed: disk full: no space left on device");
        assert_eq!(ErrorChain(&over("alone", None)).to_string(), "alone");
    }
}
