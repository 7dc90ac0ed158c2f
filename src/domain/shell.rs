//! Words of a POSIX shell, for commands that somebody pastes.

/// One word that stands for this text and nothing else. Nothing between single quotes is special but the quote itself
/// (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02>).
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quote_is_closed_escaped_and_opened_again() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$(id) `id` !1 \"x\" \\"), "'$(id) `id` !1 \"x\" \\'");
    }
}
