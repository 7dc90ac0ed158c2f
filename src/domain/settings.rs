//! The settings of an integration: as typed, parsed, and field by field what is wrong with them.

use std::str::FromStr;

use serde::Serialize;

use super::bucket::{BucketName, Destination, DestinationError, Field, Prefix};
use super::encryption::{Encryption, EncryptionKind};
use super::object_key::{Compression, Format};
use super::principals::Principals;
use super::role_arn::{AccountId, RoleArn};
use super::sample_file::FileLayout;
use super::window::WindowLength;

/// Where and how records are delivered. Every value is valid by its type, and any combination is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The role that Trailpost assumes.
    pub role_arn: RoleArn,
    /// The bucket.
    pub bucket: BucketName,
    /// The folder in the bucket; may be empty.
    pub prefix: Prefix,
    /// The account that owns the bucket, where it is not the role's.
    pub bucket_owner_account: Option<AccountId>,
    /// What S3 encrypts objects with; in records and the API, `encryption` and `kms_key_arn`.
    #[serde(flatten)]
    pub encryption: Encryption,
    /// How a file holds its records.
    pub format: Format,
    /// How a file is compressed.
    pub compression: Compression,
    /// The length of a window, in minutes in records and the API.
    #[serde(rename = "window_minutes")]
    pub window: WindowLength,
}

impl Settings {
    /// Bucket and prefix together.
    pub fn destination(&self) -> Destination {
        Destination::new(self.bucket.clone(), self.prefix.clone())
    }

    /// The account that must own the bucket: the field, else the role's account. S3 refuses a PUT to a bucket
    /// of any other (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>).
    pub fn expected_bucket_owner(&self) -> &AccountId {
        self.bucket_owner_account.as_ref().unwrap_or_else(|| self.role_arn.account_id())
    }

    /// Whether the bucket is said to be in another account than the role, whose policy then has to name the role.
    pub fn is_across_accounts(&self) -> bool {
        self.expected_bucket_owner() != self.role_arn.account_id()
    }
}

/// A field of the settings form, by its name in forms and in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of Settings with the same name")]
pub enum SettingsField {
    RoleArn,
    Bucket,
    Prefix,
    BucketOwnerAccount,
    Encryption,
    KmsKeyArn,
    Format,
    Compression,
    WindowMinutes,
}

impl SettingsField {
    /// All of them, in the form's order.
    pub const ALL: [SettingsField; 9] = [
        SettingsField::RoleArn,
        SettingsField::Bucket,
        SettingsField::Prefix,
        SettingsField::BucketOwnerAccount,
        SettingsField::Encryption,
        SettingsField::KmsKeyArn,
        SettingsField::Format,
        SettingsField::Compression,
        SettingsField::WindowMinutes,
    ];

    /// Its name in forms and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            SettingsField::RoleArn => "role_arn",
            SettingsField::Bucket => "bucket",
            SettingsField::Prefix => "prefix",
            SettingsField::BucketOwnerAccount => "bucket_owner_account",
            SettingsField::Encryption => "encryption",
            SettingsField::KmsKeyArn => "kms_key_arn",
            SettingsField::Format => "format",
            SettingsField::Compression => "compression",
            SettingsField::WindowMinutes => "window_minutes",
        }
    }
}

/// Why a field of the settings form was refused, in words to stand beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Which field.
    pub field: SettingsField,
    /// What is wrong and what to do.
    pub message: String,
}

/// The settings as typed. Parsing names every wrong field at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of Settings with the same name")]
pub struct TypedSettings {
    pub role_arn: String,
    pub bucket: String,
    pub prefix: String,
    pub bucket_owner_account: String,
    pub encryption: String,
    pub kms_key_arn: String,
    pub format: String,
    pub compression: String,
    pub window_minutes: String,
}

impl TypedSettings {
    /// What is typed into a field.
    pub fn value(&self, field: SettingsField) -> &str {
        match field {
            SettingsField::RoleArn => &self.role_arn,
            SettingsField::Bucket => &self.bucket,
            SettingsField::Prefix => &self.prefix,
            SettingsField::BucketOwnerAccount => &self.bucket_owner_account,
            SettingsField::Encryption => &self.encryption,
            SettingsField::KmsKeyArn => &self.kms_key_arn,
            SettingsField::Format => &self.format,
            SettingsField::Compression => &self.compression,
            SettingsField::WindowMinutes => &self.window_minutes,
        }
    }

    /// The same, to type into it.
    pub fn value_mut(&mut self, field: SettingsField) -> &mut String {
        match field {
            SettingsField::RoleArn => &mut self.role_arn,
            SettingsField::Bucket => &mut self.bucket,
            SettingsField::Prefix => &mut self.prefix,
            SettingsField::BucketOwnerAccount => &mut self.bucket_owner_account,
            SettingsField::Encryption => &mut self.encryption,
            SettingsField::KmsKeyArn => &mut self.kms_key_arn,
            SettingsField::Format => &mut self.format,
            SettingsField::Compression => &mut self.compression,
            SettingsField::WindowMinutes => &mut self.window_minutes,
        }
    }

    /// Parses all fields. An empty optional field takes its default; `default_window` is the operator's.
    ///
    /// # Errors
    /// One entry for each field that can't be used.
    pub fn parse(&self, default_window: WindowLength) -> Result<Settings, Vec<FieldError>> {
        let mut errors = Vec::new();
        let role_arn = keep(self.parse_role_arn(), SettingsField::RoleArn, &mut errors);
        let destination = self.parse_destination(&mut errors);
        let owner =
            keep(optional(&self.bucket_owner_account), SettingsField::BucketOwnerAccount, &mut errors);
        let encryption = self.parse_encryption(role_arn.as_ref(), &mut errors);
        let format = keep(optional(&self.format), SettingsField::Format, &mut errors);
        let compression = keep(optional(&self.compression), SettingsField::Compression, &mut errors);
        let window = keep(self.parse_window(), SettingsField::WindowMinutes, &mut errors);
        match (role_arn, destination, owner, encryption, format, compression, window) {
            (
                Some(role_arn),
                Some(destination),
                Some(bucket_owner_account),
                Some(encryption),
                Some(format),
                Some(compression),
                Some(window),
            ) if errors.is_empty() => Ok(Settings {
                role_arn,
                bucket: destination.bucket().clone(),
                prefix: destination.prefix().clone(),
                bucket_owner_account,
                encryption,
                format: format.unwrap_or_default(),
                compression: compression.unwrap_or_default(),
                window: window.unwrap_or(default_window),
            }),
            _ => Err(errors),
        }
    }

    /// What files are named and written by, whatever the other fields hold. The bucket field counts for the path in it.
    ///
    /// # Errors
    /// One entry for each field that can't be used.
    pub fn layout(&self, default_window: WindowLength) -> Result<FileLayout, Vec<FieldError>> {
        let mut errors = Vec::new();
        let prefix = match self.bucket.trim() {
            "" => keep(optional(&self.prefix), SettingsField::Prefix, &mut errors)
                .map(Option::unwrap_or_default),
            _ => self.parse_destination(&mut errors).map(|destination| destination.prefix().clone()),
        };
        let format = keep(optional(&self.format), SettingsField::Format, &mut errors);
        let compression = keep(optional(&self.compression), SettingsField::Compression, &mut errors);
        let window = keep(self.parse_window(), SettingsField::WindowMinutes, &mut errors);
        match (prefix, format, compression, window) {
            (Some(prefix), Some(format), Some(compression), Some(window)) => Ok(FileLayout {
                prefix,
                format: format.unwrap_or_default(),
                compression: compression.unwrap_or_default(),
                window: window.unwrap_or(default_window),
            }),
            _ => Err(errors),
        }
    }

    /// The same, with a role that these principals serve.
    ///
    /// # Errors
    /// One entry for each field that can't be used.
    pub fn parse_served(
        &self,
        default_window: WindowLength,
        principals: &Principals,
    ) -> Result<Settings, Vec<FieldError>> {
        let refused = RoleArn::parse(&self.role_arn).ok().and_then(|role| principals.check(&role).err());
        let refused =
            refused.map(|refused| FieldError { field: SettingsField::RoleArn, message: refused.to_string() });
        match (refused, self.parse(default_window)) {
            (None, parsed) => parsed,
            (Some(refused), Ok(_)) => Err(vec![refused]),
            (Some(refused), Err(others)) => Err([vec![refused], others].concat()),
        }
    }

    fn parse_role_arn(&self) -> Result<RoleArn, String> {
        if self.role_arn.trim().is_empty() {
            return Err("Enter the ARN of the role that Trailpost should assume.".to_owned());
        }
        RoleArn::parse(&self.role_arn).map_err(|error| error.to_string())
    }

    /// Two fields, of which each may be wrong.
    fn parse_destination(&self, errors: &mut Vec<FieldError>) -> Option<Destination> {
        Destination::parse(&self.bucket, &self.prefix)
            .map_err(|refused| errors.extend(refused.iter().map(destination_error)))
            .ok()
    }

    /// The encryption alone.
    ///
    /// # Errors
    /// One entry for each of its two fields that can't be used.
    pub fn encryption(&self) -> Result<Encryption, Vec<FieldError>> {
        let mut errors = Vec::new();
        self.parse_encryption(None, &mut errors).ok_or(errors)
    }

    /// Two fields that have to go together. A key that does not is the field to mend.
    fn parse_encryption(
        &self,
        role_arn: Option<&RoleArn>,
        errors: &mut Vec<FieldError>,
    ) -> Option<Encryption> {
        let kind: Option<Option<EncryptionKind>> =
            keep(optional(&self.encryption), SettingsField::Encryption, errors);
        let key = keep(optional(&self.kms_key_arn), SettingsField::KmsKeyArn, errors);
        let encryption = Encryption::of(kind?.unwrap_or_default(), key?).and_then(|encryption| {
            role_arn.map_or(Ok(()), |role| encryption.check_partition(role.partition()))?;
            Ok(encryption)
        });
        keep(encryption.map_err(|error| error.to_string()), SettingsField::KmsKeyArn, errors)
    }

    fn parse_window(&self) -> Result<Option<WindowLength>, String> {
        let Some(minutes) = optional::<u32>(&self.window_minutes)
            .map_err(|_| "Enter the delivery window in minutes.".to_owned())?
        else {
            return Ok(None);
        };
        WindowLength::new(minutes).map(Some).map_err(|error| error.to_string())
    }
}

impl From<&Settings> for TypedSettings {
    fn from(settings: &Settings) -> TypedSettings {
        TypedSettings {
            role_arn: settings.role_arn.to_string(),
            bucket: settings.bucket.to_string(),
            prefix: settings.prefix.to_string(),
            bucket_owner_account: settings
                .bucket_owner_account
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            encryption: settings.encryption.kind().as_str().to_owned(),
            kms_key_arn: settings.encryption.kms_key_arn().map_or_else(String::new, ToString::to_string),
            format: settings.format.to_string(),
            compression: settings.compression.to_string(),
            window_minutes: settings.window.minutes().to_string(),
        }
    }
}

fn optional<T: FromStr>(typed: &str) -> Result<Option<T>, String>
where
    T::Err: std::fmt::Display,
{
    match typed.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|error: T::Err| error.to_string()),
    }
}

fn keep<T>(parsed: Result<T, String>, field: SettingsField, errors: &mut Vec<FieldError>) -> Option<T> {
    parsed.map_err(|message| errors.push(FieldError { field, message })).ok()
}

fn destination_error(error: &DestinationError) -> FieldError {
    let field = match error.field() {
        Field::Bucket => SettingsField::Bucket,
        Field::Prefix => SettingsField::Prefix,
    };
    FieldError { field, message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> TypedSettings {
        TypedSettings {
            role_arn: " arn:aws:iam::111122223333:role/trailpost-audit-logs ".to_owned(),
            bucket: "s3://acme-audit-logs/team/logs".to_owned(),
            ..TypedSettings::default()
        }
    }

    #[test]
    fn typed_values_become_settings_with_defaults() {
        let window = WindowLength::new(5).unwrap();
        let settings = typed().parse(window).unwrap();
        assert_eq!(settings.prefix.as_str(), "team/logs");
        assert_eq!(settings.expected_bucket_owner().to_string(), "111122223333");
        assert_eq!(settings.window, window);
        assert_eq!(TypedSettings::from(&settings).parse(WindowLength::default()), Ok(settings));
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = TypedSettings {
            role_arn: String::new(),
            bucket: "Acme".to_owned(),
            prefix: "/logs".to_owned(),
            bucket_owner_account: "12".to_owned(),
            encryption: "rot13".to_owned(),
            kms_key_arn: "alias/a".to_owned(),
            format: "xml".to_owned(),
            compression: "zip".to_owned(),
            window_minutes: "7".to_owned(),
        };
        let fields: Vec<_> =
            wrong.parse(WindowLength::default()).unwrap_err().iter().map(|e| e.field).collect();
        assert_eq!(
            fields,
            [
                SettingsField::RoleArn,
                SettingsField::Bucket,
                SettingsField::Prefix,
                SettingsField::BucketOwnerAccount,
                SettingsField::Encryption,
                SettingsField::KmsKeyArn,
                SettingsField::Format,
                SettingsField::Compression,
                SettingsField::WindowMinutes,
            ]
        );
        let fields: Vec<_> =
            wrong.layout(WindowLength::default()).unwrap_err().iter().map(|e| e.field).collect();
        assert_eq!(
            fields,
            [
                SettingsField::Bucket,
                SettingsField::Prefix,
                SettingsField::Format,
                SettingsField::Compression,
                SettingsField::WindowMinutes,
            ]
        );
    }

    #[test]
    fn the_key_is_the_field_to_mend_where_it_does_not_go_with_the_choice() {
        const KEY: &str = "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let with = |encryption: &str, kms_key_arn: &str| TypedSettings {
            encryption: encryption.to_owned(),
            kms_key_arn: kms_key_arn.to_owned(),
            ..typed()
        };
        for (encryption, key, words) in [
            ("kms", " ", "Enter the ARN of the KMS key"),
            ("", KEY, "only with the encryption “KMS key”"),
            ("sse_s3", KEY, "only with the encryption “KMS key”"),
            ("kms", KEY, "in the partition aws-cn, and the role in aws:"),
        ] {
            let errors = with(encryption, key).parse(WindowLength::default()).unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0].field, SettingsField::KmsKeyArn);
            assert!(errors[0].message.contains(words), "{errors:?}");
        }
        let typed = TypedSettings {
            role_arn: "arn:aws-cn:iam::111122223333:role/a".to_owned(),
            ..with("kms", &format!(" {KEY} "))
        };
        let settings = typed.parse(WindowLength::default()).unwrap();
        assert_eq!(settings.encryption, Encryption::Kms(KEY.parse().unwrap()));
        assert_eq!(TypedSettings::from(&settings).parse(WindowLength::default()), Ok(settings));
    }
}
