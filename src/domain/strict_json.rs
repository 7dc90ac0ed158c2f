//! JSON that keeps what was sent: read strictly, because an audit record must not change on its way.
//!
//! Refused, where serde_json alone would quietly choose: a key that is there twice (RFC 8259, section 4, leaves its
//! meaning open), and a number that neither 64 bits nor a double can hold as written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// From here on a double can't tell one integer from the next.
const FIRST_INEXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A JSON value that was read strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrictJson(pub Value);

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
        if value.fract() == 0.0 && value.abs() >= FIRST_INEXACT_INTEGER {
            return Err(E::custom("a number is too large to be kept exactly: send it as a string"));
        }
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
        serde_json::from_str::<StrictJson>(text)
            .map(|StrictJson(value)| value.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        for text in [
            r#"{"b":1,"a":[true,null,"x\n"],"c":{"d":-9223372036854775808,"e":18446744073709551615}}"#,
            r#"[0.5,1.25,-3.75e-7,1e3]"#,
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
        assert!(read("[12345678901234567890123]").unwrap_err().contains("too large"));
        assert!(read(r#"["\ud800"]"#).is_err(), "a lone surrogate is no text");
        assert!(read("[1e999]").is_err());
    }
}
