//! The set-up as files.

use std::str::FromStr;

use super::{Setup, aws_cli, cloudformation, terraform};

/// A file that can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupFile {
    /// Who may assume the role.
    TrustPolicy,
    /// What the role may do.
    PermissionsPolicy,
    /// Commands for a shell.
    AwsCli,
    /// A template for a stack.
    CloudFormation,
    /// Resources for a Terraform configuration.
    Terraform,
}

/// There is no such file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such file")]
pub struct UnknownFile;

impl SetupFile {
    /// All of them.
    pub const ALL: [SetupFile; 5] = [
        SetupFile::TrustPolicy,
        SetupFile::PermissionsPolicy,
        SetupFile::AwsCli,
        SetupFile::CloudFormation,
        SetupFile::Terraform,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            SetupFile::TrustPolicy => "trust-policy.json",
            SetupFile::PermissionsPolicy => "permissions-policy.json",
            SetupFile::AwsCli => "aws-cli.sh",
            SetupFile::CloudFormation => "cloudformation.yaml",
            SetupFile::Terraform => "terraform.tf",
        }
    }

    /// What it holds, as a media type. Terraform's language and shells have none of their own at IANA.
    pub fn content_type(self) -> &'static str {
        match self {
            SetupFile::TrustPolicy | SetupFile::PermissionsPolicy => "application/json",
            SetupFile::CloudFormation => "application/yaml",
            SetupFile::AwsCli | SetupFile::Terraform => "text/plain; charset=utf-8",
        }
    }

    /// Its text, which ends with a line's end.
    pub fn of(self, setup: &Setup) -> String {
        match self {
            SetupFile::TrustPolicy => format!("{:#}\n", setup.trust_policy()),
            SetupFile::PermissionsPolicy => format!("{:#}\n", setup.permissions_policy()),
            SetupFile::AwsCli => aws_cli::script(setup),
            SetupFile::CloudFormation => cloudformation::template(setup),
            SetupFile::Terraform => terraform::configuration(setup),
        }
    }
}

impl FromStr for SetupFile {
    type Err = UnknownFile;

    fn from_str(text: &str) -> Result<SetupFile, UnknownFile> {
        SetupFile::ALL.into_iter().find(|file| file.as_str() == text).ok_or(UnknownFile)
    }
}
