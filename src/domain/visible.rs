//! Text of others, made harmless to read: what is not seen, or turns around what is seen, is written out.

use std::fmt::Write as _;

/// The same text with every character written out that is not seen, breaks the line or changes the direction of
/// what stands beside it: `\n`, `\u202e`. Written as JSON writes it, so that JSON keeps its meaning.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            hidden if is_hidden(hidden) => write_out(&mut shown, hidden),
            plain => shown.push(plain),
        }
    }
    shown
}

/// The same for JSON over several lines: what breaks its lines is its own.
pub fn visible_json(json: &str) -> String {
    json.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

fn write_out(shown: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        write!(shown, "\\u{unit:04x}").expect("writing to a string can't fail");
    }
}

/// Control characters, those that set directions (Unicode's UAX #9), and those without a shape of their own.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_not_seen_is_written_out_and_the_rest_stays() {
        assert_eq!(visible("invoice\u{202e}fdp.exe"), "invoice\\u202efdp.exe");
        assert_eq!(visible("a\u{200b}b\u{feff}\u{0}\u{7f}\u{85}"), "a\\u200bb\\ufeff\\u0000\\u007f\\u0085");
        assert_eq!(visible("one\r\ntwo\tthree"), "one\\r\\ntwo\\tthree");
        assert_eq!(visible("tag\u{e0041}"), "tag\\udb40\\udc41");
        assert_eq!(visible("שלום, Zoë – <b>50 %</b>"), "שלום, Zoë – <b>50 %</b>");
    }

    proptest! {
        #[test]
        fn json_keeps_its_meaning_and_its_lines(text in any::<String>(), key in any::<String>()) {
            let value = serde_json::json!({ key: [text, "\u{202e}\u{2067}"] });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let shown = visible_json(&pretty);
            prop_assert!(!shown.chars().any(|character| character != '\n' && is_hidden(character)));
            prop_assert_eq!(shown.lines().count(), pretty.split('\n').count());
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }
    }
}
