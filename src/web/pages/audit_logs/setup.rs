//! The set-up in AWS: on the page, filled in with what is typed, and as files.

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::form::{self, FormInput, TurnedDown};
use super::refusals::conflict;
use super::view::{FilledIn, SetupGuide, SetupWays, WayChoice};
use super::{SettingsPost, again, integration};
use crate::domain::encryption::Encryption;
use crate::domain::integration::{FieldError, Settings, SettingsField, Situation, TypedSettings};
use crate::domain::role_arn::Partition;
use crate::domain::setup::{NoSetup, Parameter, ParameterError, Setup, SetupFile, SetupValues, TypedSetup};
use crate::store::Integration;
use crate::web::Web;
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::form::CheckedForm;
use crate::web::pages::Choice;
use crate::web::render::organization_href;
use crate::web::visitor::POLLING;

/// A tab of the set-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Console,
    AwsCli,
    Cloudformation,
    Terraform,
}

impl Way {
    const ALL: [(Way, &str, &str); 4] = [
        (Way::Console, "console", "AWS console"),
        (Way::AwsCli, "aws_cli", "AWS CLI"),
        (Way::Cloudformation, "cloudformation", "CloudFormation"),
        (Way::Terraform, "terraform", "Terraform"),
    ];

    /// The tab with this word in the form.
    pub(super) fn named(word: &str) -> Option<Way> {
        Way::ALL.into_iter().find(|(_, known, _)| *known == word).map(|(way, ..)| way)
    }
}

/// What is chosen for the set-up beside the form.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choices {
    /// The tab.
    pub(super) way: Way,
    /// The partition of a role that is named without an ARN.
    pub(super) partition: Option<Partition>,
}

#[derive(Deserialize)]
pub(crate) struct FileInPath {
    file: String,
}

/// **Show set-up**: the page again, filled in with what is typed. Nothing is stored. It is posted, so that neither the
/// form's token nor what is typed gets into an address.
pub(crate) async fn show(
    request: MemberRequest,
    headers: HeaderMap,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    let SettingsPost { revision, typed, repeated, choices } = post;
    // While somebody types nothing is pressed yet: only the set-up of the answer is looked at.
    if headers.contains_key(POLLING) {
        return again(&request, StatusCode::OK, FormInput::for_setup(typed, Vec::new(), choices)).await;
    }
    let stored = integration(&request).await?;
    // The form that comes back names the newest revision: what is typed over an older one must not pass for newer.
    if revision.is_some_and(|revision| revision != stored.revision) {
        return conflict(&request, &stored, TurnedDown::Stale, Some(typed)).await;
    }
    let errors = typed_setup(&request.web, &stored, &typed, choices.partition).err().unwrap_or_default();
    let errors = form::with_repeated(errors, repeated);
    let is_right = errors.is_empty() && revision.is_some();
    let status = if is_right { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    again(&request, status, FormInput::for_setup(typed, errors, choices).of_revision(revision)).await
}

/// The set-up of what is typed; none without a principal.
fn typed_setup(
    web: &Web,
    stored: &Integration,
    typed: &TypedSettings,
    partition: Option<Partition>,
) -> Result<Option<Setup>, Vec<FieldError>> {
    match filled_in(web, stored, typed_values(typed, partition)?) {
        Ok(setup) => Ok(Some(setup)),
        Err(NoSetup::PrincipalNotStated) => Ok(None),
        Err(NoSetup::Refused(errors)) => Err(beside_their_fields(errors)),
    }
}

fn filled_in(web: &Web, stored: &Integration, values: SetupValues) -> Result<Setup, NoSetup> {
    Setup::new(values, &web.config.principals, stored.organization.external_id.clone())
}

fn typed_values(typed: &TypedSettings, partition: Option<Partition>) -> Result<SetupValues, Vec<FieldError>> {
    let encryption = typed.encryption();
    let key = encryption.as_ref().ok().and_then(Encryption::kms_key_arn);
    let values = SetupValues::parse(&TypedSetup {
        role_name: typed.role_arn.clone(),
        bucket: typed.bucket.clone(),
        prefix: typed.prefix.clone(),
        kms_key_arn: key.map(ToString::to_string).unwrap_or_default(),
        bucket_owner_account: typed.bucket_owner_account.clone(),
        partition: chosen_partition(typed, partition).map(Partition::as_str).unwrap_or_default().to_owned(),
    });
    match (values.map_err(beside_their_fields), encryption) {
        (Ok(values), Ok(_)) => Ok(values),
        (values, encryption) => {
            Err([values.err(), encryption.err()].into_iter().flatten().flatten().collect())
        }
    }
}

/// An ARN says for itself which partition it is of.
fn chosen_partition(typed: &TypedSettings, partition: Option<Partition>) -> Option<Partition> {
    partition.filter(|_| !typed.role_arn.trim().starts_with("arn:"))
}

fn beside_their_fields(errors: Vec<ParameterError>) -> Vec<FieldError> {
    let field = |parameter| match parameter {
        // The choice of a partition stands in for what a whole ARN would say.
        Parameter::RoleName | Parameter::Partition => SettingsField::RoleArn,
        Parameter::BucketOwnerAccount => SettingsField::BucketOwnerAccount,
        Parameter::Bucket => SettingsField::Bucket,
        Parameter::Prefix => SettingsField::Prefix,
        Parameter::KmsKeyArn => SettingsField::KmsKeyArn,
    };
    let beside = |error: ParameterError| FieldError { field: field(error.parameter), message: error.message };
    errors.into_iter().map(beside).collect()
}

/// The guide, filled in with what is typed as soon as that can be used; an example until then.
pub(super) fn guide(web: &Web, integration: &Integration, input: &FormInput) -> SetupGuide {
    let Choices { way, partition } = input.setup;
    let typed = typed_setup(web, integration, &input.typed, partition).ok().flatten();
    let filled_in_with = typed.as_ref().map(|setup| links(integration, input, setup));
    let example = || SetupValues::example(partition);
    let setup = typed.or_else(|| filled_in(web, integration, example()).ok());
    let alone = || {
        let values = typed_values(&input.typed, partition).unwrap_or_else(|_| example());
        format!("{:#}", values.permissions_policy(web.config.principals.home()))
    };
    SetupGuide {
        external_id: integration.organization.external_id.to_string(),
        principal_arn: setup.as_ref().map(|setup| setup.principal().to_string()),
        permissions_policy: setup.is_none().then(alone),
        partitions: partitions(web, setup.as_ref()),
        ways: setup.map(|setup| ways(&setup, filled_in_with, way)),
    }
}

/// There is something to choose only where several are served.
fn partitions(web: &Web, setup: Option<&Setup>) -> Vec<Choice> {
    let served = web.config.principals.as_slice();
    if served.len() < 2 {
        return Vec::new();
    }
    let shown = setup.map_or_else(|| web.config.principals.home(), |setup| setup.principal().partition());
    let choice = |partition: Partition| Choice {
        value: partition.as_str().to_owned(),
        label: partition.as_str().to_owned(),
        selected: partition == shown,
    };
    served.iter().map(|principal| choice(principal.partition())).collect()
}

fn ways(setup: &Setup, filled_in: Option<FilledIn>, chosen: Way) -> SetupWays {
    let choice = |(way, word, label)| WayChoice { word, label, chosen: way == chosen };
    SetupWays {
        choices: Way::ALL.into_iter().map(choice).collect(),
        filled_in,
        steps: setup.console_steps(),
        aws_cli: setup.cli_commands(),
        cloudformation: SetupFile::CloudFormation.of(setup),
        terraform: SetupFile::Terraform.of(setup),
    }
}

fn links(integration: &Integration, input: &FormInput, setup: &Setup) -> FilledIn {
    let typed = &input.typed;
    let values = setup.values();
    let destination = values.destination();
    let kms_key_arn = values.kms_key_arn().map(ToString::to_string);
    let given = [
        (Parameter::RoleName, typed.role_arn.trim()),
        (Parameter::Bucket, destination.bucket().as_str()),
        (Parameter::Prefix, destination.prefix().as_str()),
        (Parameter::KmsKeyArn, kms_key_arn.as_deref().unwrap_or_default()),
        (Parameter::BucketOwnerAccount, typed.bucket_owner_account.trim()),
        (
            Parameter::Partition,
            chosen_partition(typed, input.setup.partition).map(Partition::as_str).unwrap_or_default(),
        ),
    ];
    let given = given.into_iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = given.map(|(parameter, value)| (parameter.as_str(), value)).collect();
    let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
    let folder = format!("{}/settings/audit-logs/setup", organization_href(&integration.organization));
    let href = |file: SetupFile| format!("{folder}/{}?{query}", file.as_str());
    FilledIn {
        role_name: values.role().name().to_string(),
        target: format!("s3://{}/{}", destination.bucket(), destination.prefix().join("")),
        kms_key_arn,
        is_not_in_force: integration.settings.as_ref().is_some_and(|settings| is_another(settings, input)),
        bucket_owner: values.other_bucket_owner().map(ToString::to_string),
        trust_policy_href: href(SetupFile::TrustPolicy),
        permissions_policy_href: href(SetupFile::PermissionsPolicy),
        aws_cli_href: href(SetupFile::AwsCli),
        cloudformation_href: href(SetupFile::CloudFormation),
        terraform_href: href(SetupFile::Terraform),
    }
}

/// Whether AWS has to be set up otherwise for what is typed than for the settings in force.
fn is_another(in_force: &Settings, input: &FormInput) -> bool {
    let needs = |settings: &Settings| {
        let key = settings.encryption.kms_key_arn().cloned();
        (settings.role_arn.clone(), settings.destination(), settings.bucket_owner_account.clone(), key)
    };
    let typed = input.typed.parse(in_force.window);
    typed.map_or(true, |typed| needs(&typed) != needs(in_force))
}

/// A file of the set-up. Every parameter is parsed; one that is unknown or there twice is refused, because a file that
/// ignored it would not be what was asked for.
pub(crate) async fn file(
    request: MemberRequest,
    Path(path): Path<FileInPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, WebError> {
    let stored = integration(&request).await?;
    if stored.situation() == Situation::NeedsEnterprise {
        return Err(WebError::PlanTooLow);
    }
    let file: SetupFile = path.file.parse().map_err(|_| WebError::NotFound)?;
    let typed = typed_parameters(query.as_deref().unwrap_or_default())?;
    let values = SetupValues::parse(&typed).map_err(first_refused)?;
    let setup = filled_in(&request.web, &stored, values).map_err(|error| match error {
        NoSetup::Refused(errors) => first_refused(errors),
        NoSetup::PrincipalNotStated => WebError::PrincipalNotStated,
    })?;
    Ok((attachment(file), file.of(&setup)).into_response())
}

fn typed_parameters(query: &str) -> Result<TypedSetup, WebError> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| WebError::BadForm)?;
    let (mut typed, mut seen) = (TypedSetup::default(), Vec::new());
    for (name, value) in pairs {
        let parameter: Parameter = name.parse().map_err(|error| refused("an unknown parameter", error))?;
        if seen.contains(&parameter) {
            return Err(refused(parameter.as_str(), "It is there twice.".to_owned()));
        }
        seen.push(parameter);
        *typed.value_mut(parameter) = value;
    }
    Ok(typed)
}

fn first_refused(errors: Vec<ParameterError>) -> WebError {
    let mut all = errors.into_iter();
    match all.next() {
        Some(error) => refused(error.parameter.as_str(), error.message),
        None => WebError::BadForm,
    }
}

fn refused(parameter: &'static str, message: String) -> WebError {
    WebError::BadParameter { parameter, message }
}

fn attachment(file: SetupFile) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let disposition = format!("attachment; filename=\"{}\"", file.as_str());
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers
}
