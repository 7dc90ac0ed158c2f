//! Users: e-mail address and display name.

use std::fmt;
use std::str::FromStr;

use super::id::UserId;
use super::name::name;

name!(
    /// How a user is called: 1 to 100 characters, trimmed and normalized.
    DisplayName
);

/// An e-mail address, trimmed and in lower case: what people type when they sign in. A careful subset of
/// RFC 5321: a dot-atom, one @, a host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

/// Why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Enter an e-mail address, such as name@example.com.")]
pub struct EmailAddressError;

impl EmailAddress {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a form proposes as its owner's name: `Ada Lovelace` for `ada.lovelace@acme.example`.
    pub fn suggested_name(&self) -> String {
        let local = self.0.split(['@', '+']).next().unwrap_or_default();
        let words: Vec<String> =
            local.split(['.', '_', '-']).filter(|word| !word.is_empty()).map(capitalized).collect();
        words.join(" ")
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<EmailAddress, EmailAddressError> {
        let address = text.trim().to_ascii_lowercase();
        let Some((local, host)) = address.split_once('@') else { return Err(EmailAddressError) };
        if address.len() > 254 || local.len() > 64 || !is_dot_atom(local) || !is_host(host) {
            return Err(EmailAddressError);
        }
        Ok(EmailAddress(address))
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_dot_atom(local: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte);
    local.split('.').all(|part| !part.is_empty() && part.bytes().all(is_atom))
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.contains('.') && host.split('.').all(is_label)
}

/// A person with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they sign in with.
    pub email: EmailAddress,
    /// How they are called.
    pub display_name: DisplayName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_with_care() {
        assert_eq!(" Owner@Acme.Example ".parse::<EmailAddress>().unwrap().as_str(), "owner@acme.example");
        for wrong in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b..example",
            "a@@b.example",
            "a.@b.example",
            "a@-b.example",
            "a\n@b.example",
        ] {
            assert_eq!(wrong.parse::<EmailAddress>(), Err(EmailAddressError), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_is_proposed_from_what_stands_before_the_at() {
        for (address, name) in [
            ("ada.lovelace@acme.example", "Ada Lovelace"),
            ("owner@acme.example", "Owner"),
            ("mary-jane_o+audit@acme.example", "Mary Jane O"),
            ("+x@acme.example", ""),
        ] {
            assert_eq!(address.parse::<EmailAddress>().unwrap().suggested_name(), name);
        }
    }
}
