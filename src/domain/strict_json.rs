//! JSON that keeps what was sent: read strictly, because an audit record must not change on its way.
//!
//! Refused, where serde_json alone would quietly choose: a key that is there twice (RFC 8259, section 4, leaves its
//! meaning open), and a number whose value neither 64 bits nor a double can hold (section 6). A number's value is
//! kept; how it is written may become shorter (`1.50` is `1.5`).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON text.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(text: &[u8]) -> Result<Value, String> {
    let StrictJson(value) = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match numbers(text).find(|number| !is_kept(number)) {
        Some(number) => {
            let shown: String = number.chars().take(40).collect();
            Err(format!("the number {shown} can't be kept exactly: send it as a string"))
        }
        None => Ok(value),
    }
}

/// The numbers of a valid JSON text, as written.
fn numbers(text: &[u8]) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let start = at;
            match text[at] {
                b'"' => at = after_string(text, at),
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                    at += text[start..].iter().take_while(|byte| is_part(byte)).count();
                    return std::str::from_utf8(&text[start..at]).ok();
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// The place behind the string that begins at `quote`.
fn after_string(text: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Whether the number's value is that of the integer or double that it is read as.
fn is_kept(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return true;
    }
    let Ok(double) = number.parse::<f64>() else { return false };
    double.is_finite() && parts(number) == parts(&format!("{double:e}"))
}

/// A decimal number's digits without zeros at either end, and the power of ten of the last of them: the same for
/// every way to write one value.
fn parts(number: &str) -> (bool, String, i64) {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = digits.len() - significant.len();
    let exponent = exponent.parse::<i64>().unwrap_or(i64::MAX / 2);
    let power = exponent - fraction.len() as i64 + zeros as i64;
    match significant.trim_start_matches('0') {
        "" => (negative, String::new(), 0),
        significant => (negative, significant.to_owned(), power),
    }
}

/// A JSON value without keys that are there twice.
struct StrictJson(Value);

impl<'de> Deserialize<'de> for StrictJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StrictJson, D::Error> {
        deserializer.deserialize_any(Strict).map(StrictJson)
    }
}

struct Strict;

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(StrictJson(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let StrictJson(value) = fields.next_value()?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key “{key}” is there twice")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        super::read(text.as_bytes()).map(|value| value.to_string())
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        for text in [
            r#"{"b":1,"a":[true,null,"x\n"],"c":{"d":-9223372036854775808,"e":18446744073709551615}}"#,
            r#"[0.5,1.25,-3.75e-7,1e3,1e20,0.1,1.50,-0.0,2e0]"#,
            r#"{"12345678901234567890123":"\"99999999999999999999999\\"}"#,
            r#"{"$serde_json::private::Number":"12"}"#,
        ] {
            let written = read(text).unwrap();
            let (sent, kept): (Value, Value) =
                (serde_json::from_str(text).unwrap(), serde_json::from_str(&written).unwrap());
            assert_eq!(kept, sent);
        }
        assert_eq!(read(r#"{"b":1,"a":2}"#).unwrap(), r#"{"b":1,"a":2}"#, "keys keep their order");
    }

    #[test]
    fn what_could_change_its_meaning_is_refused() {
        assert!(read(r#"{"a":1,"b":{"c":1,"c":2}}"#).unwrap_err().contains("“c” is there twice"));
        for number in ["12345678901234567890123", "0.12345678901234567890123", "9007199254740990.7", "1e-400"]
        {
            assert!(read(&format!("[{number}]")).unwrap_err().contains("can't be kept exactly"), "{number}");
        }
        assert!(read(r#"["\ud800"]"#).is_err(), "a lone surrogate is no text");
        assert!(read("[1e999]").is_err());
    }
}
