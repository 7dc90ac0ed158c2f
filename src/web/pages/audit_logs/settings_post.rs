//! The posted form, read in a way that loses nothing of what was typed, whatever else is wrong with it.

use serde::{Deserialize, Deserializer};

use super::setup::{Choices, Way};
use crate::domain::integration::{FieldError, Revision, SettingsField, TypedSettings};
use crate::domain::role_arn::Partition;

/// The settings form as it came. A field that is missing is empty, of one that came twice the first is kept, and a
/// choice for the set-up that there is not is none.
#[derive(Debug, Default)]
pub(crate) struct SettingsPost {
    /// The revision that the page showed, if the form says so once and readably.
    pub(super) revision: Option<Revision>,
    pub(super) typed: TypedSettings,
    /// A field that came more than once: nobody can tell which is meant.
    pub(super) repeated: Vec<FieldError>,
    pub(super) choices: Choices,
}

impl<'de> Deserialize<'de> for SettingsPost {
    fn deserialize<D: Deserializer<'de>>(form: D) -> Result<SettingsPost, D::Error> {
        Vec::<(String, String)>::deserialize(form).map(SettingsPost::of)
    }
}

impl SettingsPost {
    fn of(fields: Vec<(String, String)>) -> SettingsPost {
        let mut post = SettingsPost::default();
        let mut seen = Vec::new();
        let mut revisions = Vec::new();
        for (name, value) in fields {
            match SettingsField::ALL.into_iter().find(|field| field.as_str() == name) {
                Some(field) if seen.contains(&field) => post.refuse(field),
                Some(field) => {
                    seen.push(field);
                    *post.typed.value_mut(field) = value;
                }
                None => match name.as_str() {
                    "revision" => revisions.push(value),
                    "setup_way" => post.choices.way = Way::named(&value).unwrap_or_default(),
                    "setup_partition" => {
                        post.choices.partition = value.parse::<Partition>().ok();
                    }
                    _ => {}
                },
            }
        }
        if let [revision] = revisions.as_slice() {
            post.revision = revision.parse().map_or(None, |number| Some(Revision::new(number)));
        }
        post
    }

    fn refuse(&mut self, field: SettingsField) {
        if self.repeated.iter().all(|error| error.field != field) {
            let message = "The form held this field more than once. This is the first value: correct it if \
                           another one was meant.";
            self.repeated.push(FieldError { field, message: message.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> SettingsPost {
        serde_urlencoded::from_str(form).unwrap()
    }

    #[test]
    fn whatever_else_is_wrong_what_was_typed_is_kept() {
        let post = read(
            "bucket=a&bucket=b&bucket=c&prefix=team&revision=x&setup_way=telepathy&setup_partition=moon",
        );
        assert_eq!((post.typed.bucket.as_str(), post.typed.prefix.as_str()), ("a", "team"));
        assert_eq!(post.repeated.len(), 1);
        assert_eq!((post.revision, post.choices.way, post.choices.partition), (None, Way::Console, None));
        let post = read("revision=3&setup_way=terraform&setup_partition=aws-cn&unknown=1");
        assert_eq!(post.revision, Some(Revision::new(3)));
        assert_eq!((post.choices.way, post.choices.partition), (Way::Terraform, "aws-cn".parse().ok()));
        assert_eq!(read("revision=3&revision=3").revision, None);
    }
}
