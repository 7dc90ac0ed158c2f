//! Rust text as tokens: just enough to read paths without being misled by comments and strings.

/// One token and where it stands.
#[derive(Debug)]
pub struct Token {
    pub line: usize,
    pub kind: Kind,
}

#[derive(Debug, PartialEq)]
pub enum Kind {
    /// A name or a keyword.
    Word(String),
    /// A string literal's content.
    Text(String),
    /// `::`
    PathSeparator,
    /// Any other character that is not a blank.
    Mark(char),
}

impl Token {
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// Whether it is this crate's name, or begins with it where that ends in `_`.
    pub fn names_crate(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Word(word) if name.ends_with('_') => word.starts_with(name),
            Kind::Word(word) => word == name,
            _ => false,
        }
    }
}

/// The lines on which `feature = "…"` stands.
pub fn feature_questions(tokens: &[Token], feature: &str) -> Vec<usize> {
    tokens
        .windows(3)
        .filter(|three| three[0].is_word("feature") && three[1].is_mark('='))
        .filter(|three| three[2].kind == Kind::Text(feature.to_owned()))
        .map(|three| three[0].line)
        .collect()
}

/// The tokens of a text, without comments.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { rest: text, line: 1 };
    let mut found = Vec::new();
    while let Some((line, kind)) = reader.next() {
        found.extend(kind.map(|kind| Token { line, kind }));
    }
    found
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    /// The next piece; its kind is `None` for blanks and comments.
    fn next(&mut self) -> Option<(usize, Option<Kind>)> {
        let line = self.line;
        let first = self.rest.chars().next()?;
        let kind = if self.rest.starts_with("//") {
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            None
        } else if self.rest.starts_with("/*") {
            self.take(block_comment(self.rest));
            None
        } else if self.rest.starts_with("::") {
            self.take(2);
            Some(Kind::PathSeparator)
        } else if let Some((length, content)) = string(self.rest) {
            self.take(length);
            Some(Kind::Text(content.to_owned()))
        } else if let Some(length) = character(self.rest) {
            self.take(length);
            None
        } else if first == '_' || first.is_alphanumeric() {
            Some(Kind::Word(self.take(word(self.rest)).to_owned()))
        } else {
            self.take(first.len_utf8());
            (!first.is_whitespace()).then_some(Kind::Mark(first))
        };
        Some((line, kind))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn word(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length and content of a string literal of any sort at the start of the text.
fn string(text: &str) -> Option<(usize, &str)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix).unwrap_or("");
        rest.trim_start_matches('#').starts_with('"') && (prefix.ends_with('r') || rest.starts_with('"'))
    })?;
    let hashes = text[prefix.len()..].find('"')?;
    let start = prefix.len() + hashes + 1;
    let (length, end) = if prefix.ends_with('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        (text[start..].find(&close)?, close.len())
    } else {
        (unescaped_quote(&text[start..])?, 1)
    };
    Some((start + length + end, &text[start..start + length]))
}

fn unescaped_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// The length of a character literal, or of a lifetime's quote: neither is part of a path.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let content = match inner.strip_prefix('\\') {
        // `'\''`, `'\n'`, `'\u{1F600}'`: the close follows the escaped character.
        Some(escaped) => 1 + escaped.char_indices().skip(1).find(|(_, c)| *c == '\'')?.0,
        None => inner.chars().next()?.len_utf8(),
    };
    Some(if inner[content..].starts_with('\'') { content + 2 } else { 1 })
}

mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let word = |token: Token| match token.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        };
        tokens(text).into_iter().filter_map(word).collect()
    }

    #[test]
    fn comments_and_strings_hold_no_words() {
        assert_eq!(words("a // b\n/* c /* d */ e */ f /// g"), ["a", "f"]);
        assert_eq!(words(r##"a "b \" c" r#"d " e"# b"f" br"g\" h"##), ["a", "h"]);
        assert_eq!(words("a \"b\nc\\\\\" d"), ["a", "d"]);
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        assert_eq!(words(r#"'"' a '\'' b '\\' c '\u{41}' d 'é' e"#), ["a", "b", "c", "d", "e"]);
        assert_eq!(
            words("fn f<'a>(x: &'a str, y: &'static str)"),
            ["fn", "f", "a", "x", "a", "str", "y", "static", "str"]
        );
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let found = tokens("/*\n*/ \"\n\" a\n::\n'\\n' b");
        let lines: Vec<usize> = found.iter().map(|token| token.line).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
    }
}
