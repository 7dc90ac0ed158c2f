//! The set-up in AWS: on the page, filled in with what is typed, and as files.

use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::form::FormInput;
use super::view::{FilledIn, SetupGuide, SetupWays, WayChoice};
use super::{SettingsPost, again, conflict, integration};
use crate::domain::integration::{FieldError, SettingsField, Situation, TypedSettings};
use crate::domain::principal_arn::PrincipalArn;
use crate::domain::setup::{Parameter, ParameterError, Setup, SetupFile, SetupValues, TypedSetup};
use crate::store::Integration;
use crate::web::Web;
use crate::web::access::MemberRequest;
use crate::web::error::WebError;
use crate::web::form::CheckedForm;
use crate::web::render::organization_href;

/// A tab of the set-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

#[derive(Deserialize)]
pub(crate) struct FileInPath {
    file: String,
}

/// **Show set-up**: the page again, filled in with what is typed. Nothing is stored. It is posted, so that neither the
/// form's token nor what is typed gets into an address.
pub(crate) async fn show(
    request: MemberRequest,
    CheckedForm(post): CheckedForm<SettingsPost>,
) -> Result<Response, WebError> {
    let way = post.setup_way;
    let (revision, typed) = post.into_typed();
    let stored = integration(&request).await?;
    // The form that comes back names the newest revision: what is typed over an older one must not pass for newer.
    if stored.revision != revision {
        return conflict(&request, Some(typed)).await;
    }
    let errors = match typed_values(&typed) {
        Ok(values) => setup_errors(&request.web, &stored, values),
        Err(errors) => errors,
    };
    let errors: Vec<FieldError> = errors.into_iter().map(beside_its_field).collect();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    again(&request, status, FormInput::for_setup(typed, errors, way)).await
}

fn setup_errors(web: &Web, stored: &Integration, values: SetupValues) -> Vec<ParameterError> {
    match &web.config.principal_arn {
        Some(principal) => filled_in(principal, stored, values).err().unwrap_or_default(),
        None => Vec::new(),
    }
}

fn filled_in(
    principal: &PrincipalArn,
    stored: &Integration,
    values: SetupValues,
) -> Result<Setup, Vec<ParameterError>> {
    Setup::new(values, principal.clone(), stored.organization.external_id.clone())
}

fn typed_values(typed: &TypedSettings) -> Result<SetupValues, Vec<ParameterError>> {
    SetupValues::parse(&TypedSetup {
        role_name: typed.role_arn.clone(),
        bucket: typed.bucket.clone(),
        prefix: typed.prefix.clone(),
        kms_key_arn: String::new(),
    })
}

fn beside_its_field(error: ParameterError) -> FieldError {
    let field = match error.parameter {
        Parameter::RoleName | Parameter::KmsKeyArn => SettingsField::RoleArn,
        Parameter::Bucket => SettingsField::Bucket,
        Parameter::Prefix => SettingsField::Prefix,
    };
    FieldError { field, message: error.message }
}

/// The guide, filled in with what is typed as soon as that can be used; an example until then.
pub(super) fn guide(web: &Web, integration: &Integration, input: &FormInput) -> SetupGuide {
    let principal = web.config.principal_arn.as_ref();
    let alone = || {
        let values = typed_values(&input.typed).unwrap_or_else(|_| SetupValues::example());
        format!("{:#}", values.permissions_policy())
    };
    SetupGuide {
        external_id: integration.organization.external_id.to_string(),
        principal_arn: principal.map(ToString::to_string),
        ways: principal.and_then(|principal| ways(principal, integration, input)),
        permissions_policy: principal.is_none().then(alone),
    }
}

fn ways(principal: &PrincipalArn, integration: &Integration, input: &FormInput) -> Option<SetupWays> {
    let typed = typed_values(&input.typed).and_then(|values| filled_in(principal, integration, values)).ok();
    let hrefs = typed.as_ref().map(|setup| links(integration, &input.typed, setup));
    let setup = match typed {
        Some(setup) => setup,
        None => filled_in(principal, integration, SetupValues::example()).ok()?,
    };
    let choice = |(way, word, label)| WayChoice { word, label, chosen: way == input.way };
    Some(SetupWays {
        choices: Way::ALL.into_iter().map(choice).collect(),
        filled_in: hrefs,
        steps: setup.console_steps(),
        aws_cli: SetupFile::AwsCli.of(&setup),
        cloudformation: SetupFile::CloudFormation.of(&setup),
        terraform: SetupFile::Terraform.of(&setup),
    })
}

fn links(integration: &Integration, typed: &TypedSettings, setup: &Setup) -> FilledIn {
    let values = setup.values();
    let destination = values.destination();
    let kms_key_arn = values.kms_key_arn().map(ToString::to_string);
    let given = [
        (Parameter::RoleName, typed.role_arn.trim()),
        (Parameter::Bucket, destination.bucket().as_str()),
        (Parameter::Prefix, destination.prefix().as_str()),
        (Parameter::KmsKeyArn, kms_key_arn.as_deref().unwrap_or_default()),
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
        trust_policy_href: href(SetupFile::TrustPolicy),
        permissions_policy_href: href(SetupFile::PermissionsPolicy),
        aws_cli_href: href(SetupFile::AwsCli),
        cloudformation_href: href(SetupFile::CloudFormation),
        terraform_href: href(SetupFile::Terraform),
    }
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
    let principal = request.web.config.principal_arn.as_ref().ok_or(WebError::PrincipalNotStated)?;
    let setup = filled_in(principal, &stored, values).map_err(first_refused)?;
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
