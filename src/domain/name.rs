//! Names that people give and others read: of organizations, projects, API keys, service accounts, producers and
//! users. One rule for all of them, so that no name hides something or passes for another.
//!
//! What it follows: Unicode's security considerations (UTR #36, <https://www.unicode.org/reports/tr36/>) on text that
//! is turned around or not seen, and the normal forms of UAX #15 for what is the same text.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategoryGroup, UnicodeEmoji as _, UnicodeGeneralCategory as _};

use super::visible::{is_hidden, visible};

const MOST_CHARS: usize = 100;
/// Before it is normalized, which can make a character out of several.
const MOST_TYPED_CHARS: usize = 4 * MOST_CHARS;

const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';
/// Asks for the coloured form of the emoji before it.
const EMOJI_FORM: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
/// A pattern of braille dots without a dot: Unicode counts it among the symbols, and it is seen as a space.
const BLANK: char = '\u{2800}';

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("Enter a name.")]
    Empty,
    /// Too long.
    #[error("Use at most 100 characters.")]
    TooLong,
    /// Characters that would make it look like something else.
    #[error(
        "Use letters, digits and punctuation: line breaks and characters that are invisible, unassigned or change the \
         direction of text are not allowed."
    )]
    Hidden,
    /// Nothing in it is seen.
    #[error("Use at least one letter, digit or symbol.")]
    Invisible,
}

/// Trims, normalizes and checks a name. What comes out is in normal form C, with one plain space between words.
pub(super) fn parse_name(text: &str) -> Result<String, NameError> {
    if text.chars().take(MOST_TYPED_CHARS + 1).count() > MOST_TYPED_CHARS {
        return Err(NameError::TooLong);
    }
    let characters: Vec<char> = text.trim_matches(is_blank).nfc().collect();
    if characters.is_empty() {
        return Err(NameError::Empty);
    }
    if (0..characters.len()).any(|place| is_refused(&characters, place)) {
        return Err(NameError::Hidden);
    }
    if !characters.iter().copied().any(is_seen) {
        return Err(NameError::Invisible);
    }
    let words = characters.split(|character| is_blank(*character)).filter(|word| !word.is_empty());
    let name = words.map(|word| word.iter().collect()).collect::<Vec<String>>().join(" ");
    if name.chars().count() > MOST_CHARS { Err(NameError::TooLong) } else { Ok(name) }
}

/// A name out of the books. One of before today's rules is not lost for them: what it hides is written out.
pub(super) fn stored_name(text: &str) -> String {
    parse_name(text).unwrap_or_else(|_| visible(text))
}

/// What two names are compared by: those that differ only in upper and lower case, in width, or in what joins their
/// letters are the same one.
pub(super) fn fold_name(name: &str) -> String {
    let joins = |character: &char| matches!(*character, JOINER | NON_JOINER | EMOJI_FORM);
    let plain: String = name.nfkc().filter(|character| !joins(character)).collect();
    plain.to_lowercase().nfkc().collect()
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || character == BLANK
}

/// Whether a character leaves a trace on the page by itself: letters, digits, punctuation and symbols.
fn is_seen(character: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number, Punctuation, Symbol};
    let group = character.general_category_group();
    matches!(group, Letter | Number | Punctuation | Symbol) && !is_hidden(character) && !is_blank(character)
}

/// Control and format characters, private use and what is not assigned, lines and paragraphs; and what has no shape,
/// except where it belongs to the shape of its neighbours.
fn is_refused(characters: &[char], place: usize) -> bool {
    let character = characters[place];
    let before = characters[..place].last().copied();
    let after = characters.get(place + 1).copied();
    match character {
        JOINER | NON_JOINER if joins_letters(before, after) => false,
        JOINER => !joins_emoji(&characters[..place], after),
        EMOJI_FORM => !(before.is_some_and(is_emoji) || after == Some(KEYCAP)),
        '\u{2028}' | '\u{2029}' => true,
        _ => is_hidden(character) || character.general_category_group() == GeneralCategoryGroup::Other,
    }
}

/// In Arabic's and India's scripts words are written with these, and look different without
/// (<https://www.rfc-editor.org/rfc/rfc5892#appendix-A.1>).
fn joins_letters(before: Option<char>, after: Option<char>) -> bool {
    let is_joined = |character: char| matches!(character, '\u{600}'..='\u{dff}') && !is_hidden(character);
    before.is_some_and(is_joined) && after.is_some_and(is_joined)
}

/// Between two emoji it makes one picture of them.
fn joins_emoji(before: &[char], after: Option<char>) -> bool {
    let last = before.iter().rev().copied().find(|character| *character != EMOJI_FORM);
    last.is_some_and(is_emoji) && after.is_some_and(is_emoji)
}

/// Digits and signs that can be made emoji are none by themselves.
fn is_emoji(character: char) -> bool {
    !character.is_ascii() && character.is_emoji_char()
}

/// A name that people see: 1 to 100 characters, trimmed and normalized, nothing in it hidden.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What two names are compared by: names that differ only in upper and lower case are the same one.
            pub fn folded(&self) -> String {
                $crate::domain::name::fold_name(&self.0)
            }

            /// Whether this is what somebody typed to say that they mean it.
            pub fn is_typed(&self, typed: &str) -> bool {
                $crate::domain::name::parse_name(typed).is_ok_and(|typed| typed == self.0)
                    || typed.trim() == self.0
            }

            /// One out of the books. What one of before today's rules hides is written out.
            pub fn stored(text: &str) -> $name {
                $name($crate::domain::name::stored_name(text))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::name::NameError;

            fn from_str(text: &str) -> Result<$name, Self::Err> {
                $crate::domain::name::parse_name(text).map($name)
            }
        }
    };
}
pub(super) use name;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_comes_out_as_it_is_seen() {
        for (typed, name) in [
            ("  Acme ", "Acme"),
            ("\u{3000}\u{a0}Acme\u{2003}\r\n", "Acme"),
            ("Acme  Rocket\u{a0}\u{2009}Corp", "Acme Rocket Corp"),
            ("Zoe\u{308}", "Zoë"),
            ("\u{212b}ngstro\u{308}m", "Ångström"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("Проект 计划 مشروع 🚀", "Проект 计划 مشروع 🚀"),
            ("שלום, <b>50 %</b>", "שלום, <b>50 %</b>"),
            ("família 👨\u{200d}👩\u{200d}👧", "família 👨\u{200d}👩\u{200d}👧"),
            (
                "🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
                "🏳\u{fe0f}\u{200d}🌈 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
            ),
            ("👩🏽\u{200d}🚀", "👩🏽\u{200d}🚀"),
            ("نرم\u{200c}افزار", "نرم\u{200c}افزار"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("-", "-"),
        ] {
            assert_eq!(parse_name(typed).as_deref(), Ok(name), "{typed:?}");
        }
    }

    #[test]
    fn what_hides_something_is_no_name() {
        use NameError::{Empty, Hidden, Invisible, TooLong};
        for (typed, error) in [
            ("", Empty),
            (" \t\r\n", Empty),
            ("\u{a0}\u{2003}\u{3000}\u{205f}\u{2800}", Empty),
            ("a\nb", Hidden),
            ("a\u{2028}b", Hidden),
            ("a\u{0}b", Hidden),
            ("a\u{1b}[31mb", Hidden),
            ("a\u{85}b", Hidden),
            ("a\u{202e}b", Hidden),
            ("a\u{2067}b", Hidden),
            ("a\u{200f}b", Hidden),
            ("a\u{200b}b", Hidden),
            ("\u{200b}", Hidden),
            ("\u{feff}Acme", Hidden),
            ("ad\u{ad}min", Hidden),
            ("ad\u{34f}min", Hidden),
            ("ad\u{200d}min", Hidden),
            ("ad\u{200c}min", Hidden),
            ("\u{200d}", Hidden),
            ("🚀\u{200d}", Hidden),
            ("a\u{fe0f}", Hidden),
            ("1\u{fe0f}", Hidden),
            ("1\u{200d}2", Hidden),
            ("a\u{e0041}\u{e0042}", Hidden),
            ("a\u{e0100}", Hidden),
            ("\u{3164}", Hidden),
            ("\u{115f}\u{1160}", Hidden),
            ("\u{e000}", Hidden),
            ("\u{10ffff}", Hidden),
            ("\u{378}", Hidden),
            ("\u{301}", Invisible),
            ("\u{301} \u{302}", Invisible),
        ] {
            assert_eq!(parse_name(typed), Err(error), "{typed:?}");
        }
        assert_eq!(parse_name(&"é".repeat(101)), Err(TooLong));
        assert_eq!(parse_name(&" ".repeat(10_000)), Err(TooLong));
        assert!(parse_name(&"é".repeat(100)).is_ok());
        assert!(parse_name(&"e\u{301}".repeat(100)).is_ok(), "a hundred as they are seen");
    }

    #[test]
    fn names_that_look_the_same_are_the_same() {
        for (one, other) in [
            ("Rockets", "ROCKETS"),
            ("Zoe\u{308}", "zoë"),
            ("\u{ff21}cme", "acme"),
            ("Acme Corp", "acme\u{a0}\u{3000}corp"),
            ("❤\u{fe0f}", "❤"),
            ("نرم\u{200c}افزار", "نرمافزار"),
        ] {
            let folded = |typed| fold_name(&parse_name(typed).unwrap());
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(fold_name("Rockets"), fold_name("Rocket"));
    }

    #[test]
    fn a_name_of_before_is_shown_with_what_it_hides() {
        assert_eq!(stored_name("Acme"), "Acme");
        assert_eq!(stored_name("Zoe\u{308}"), "Zoë");
        assert_eq!(stored_name("ad\u{ad}min"), "ad\\u00admin");
        assert_eq!(stored_name("\u{3164}"), "\\u3164");
    }

    proptest! {
        #[test]
        fn a_name_is_a_name_and_stays_the_same(typed in any::<String>()) {
            if let Ok(name) = parse_name(&typed) {
                prop_assert_eq!(parse_name(&name), Ok(name.clone()));
                prop_assert_eq!(stored_name(&name), name.clone());
                prop_assert_eq!(fold_name(&fold_name(&name)), fold_name(&name));
            }
        }
    }
}
