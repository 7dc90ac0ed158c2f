//! STS: AssumeRole and GetCallerIdentity, as forms posted to `/`.
//!
//! AssumeRole is decided by the caller's identity policies and the role's trust policy. A
//! role that does not exist, a trust policy that names someone else, a wrong external ID and
//! a missing one all get the same AccessDenied, as in AWS: the answer never tells an account that
//! is no friend whether a role exists. Malformed parameters are ValidationErrors in STS's words. Other actions and
//! API versions are refused as InvalidAction.

use std::collections::HashMap;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::account::{Accounts, BadCredentials, Caller, IamArn, LoadedRole};
use super::answer::element;
use super::faults::DeniedByFault;
use super::mint::RequestIds;
use super::policy_document::{Policy, PolicyKind};
use super::policy_eval::{Denial, Policies, PolicyType, Question, decide};
use super::session::{Session, SessionRequest};
use super::signature_scope::SignatureScope;

/// s3s verifies a form's signature over at most this much too.
pub(super) const MAX_FORM_BYTES: usize = 8192;
const MAX_POLICY_CHARACTERS: usize = 2048;
const CHAINED_SECONDS: i64 = 3600;
const ASSUME: &str = "sts:AssumeRole";

/// Serves STS beside S3.
pub(super) struct Sts {
    pub(super) accounts: Arc<Accounts>,
}

/// The form's fields.
struct Form(HashMap<String, String>);

#[async_trait::async_trait]
impl S3Route for Sts {
    fn is_match(
        &self,
        method: &Method,
        uri: &Uri,
        _headers: &HeaderMap,
        _extensions: &mut Extensions,
    ) -> bool {
        // S3 has no POST on the service itself, so this can't take anything from it.
        method == Method::POST && uri.path() == "/"
    }

    async fn check_access(&self, _request: &mut S3Request<Body>) -> S3Result<()> {
        // The caller is identified in `call`, where STS's own refusals are made.
        Ok(())
    }

    async fn call(&self, mut request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let caller = self.identify(&request)?;
        let body = request.input.store_all_limited(MAX_FORM_BYTES).await;
        let body = body.map_err(|_| {
            refuse(
                StatusCode::BAD_REQUEST,
                "MalformedInput",
                "The form is too long or differs from its signed hash.",
            )
        })?;
        let form = Form::read(&body);
        let denied = request.extensions.get::<DeniedByFault>().copied();
        let request_id =
            request.extensions.get::<RequestIds>().map(|ids| ids.sts.clone()).unwrap_or_default();
        let result = match (form.get("Action"), form.get("Version")) {
            ("AssumeRole", "2011-06-15") => {
                self.assume_role(&caller, &form, denied).map(|xml| ("AssumeRole", xml))
            }
            ("GetCallerIdentity", "2011-06-15") => Ok(("GetCallerIdentity", caller_identity(&caller))),
            (action, version) => Err(refuse(
                StatusCode::BAD_REQUEST,
                "InvalidAction",
                format!("Could not find operation {action} for version {version}"),
            )),
        };
        result.map(|(action, xml)| success(action, &xml, &request_id))
    }
}

impl Sts {
    fn identify(&self, request: &S3Request<Body>) -> S3Result<Caller> {
        let missing = || {
            refuse(
                StatusCode::FORBIDDEN,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            )
        };
        let credentials = request.credentials.as_ref().ok_or_else(missing)?;
        let scope = SignatureScope::read(&request.headers, &request.uri).ok_or_else(missing)?;
        if scope.service != "sts" {
            let message = "Credential should be scoped to correct service: 'sts'. ";
            return Err(refuse(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message));
        }
        let caller = self.accounts.caller(&credentials.access_key, scope.session_token.as_deref());
        caller.map_err(|bad| match bad {
            BadCredentials::Expired => {
                let message = "The security token included in the request is expired";
                refuse(StatusCode::FORBIDDEN, "ExpiredToken", message)
            }
            BadCredentials::UnknownKey | BadCredentials::BadToken => {
                let message = "The security token included in the request is invalid";
                refuse(StatusCode::FORBIDDEN, "InvalidClientTokenId", message)
            }
        })
    }

    fn assume_role(&self, caller: &Caller, form: &Form, fault: Option<DeniedByFault>) -> S3Result<String> {
        let role_arn = form.role_arn()?;
        if IamArn::parse(&role_arn, "role").is_some_and(|role| role.partition != caller.partition) {
            return Err(validation("Request ARN is invalid"));
        }
        let request = SessionRequest {
            session_name: form.session_name()?,
            seconds: form.seconds()?,
            policy: form.policy()?,
            policy_text: form.optional("Policy").map(str::to_owned),
            external_id: form.external_id()?,
        };
        let denied = |reason: &str| {
            let user = &caller.principal.arn;
            let message = format!(
                "User: {user} is not authorized to perform: {ASSUME} on resource: {role_arn}{reason}"
            );
            refuse(StatusCode::FORBIDDEN, "AccessDenied", message)
        };
        let role = self.accounts.role(&role_arn).ok_or_else(|| denied(""))?;
        if fault.is_some() {
            return Err(denied(""));
        }
        self.may_assume(caller, &role, request.external_id.clone())
            .map_err(|denial| denied(&self.reason(caller, &role, denial)))?;
        if request.seconds > role.max_session_seconds {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(validation(message));
        }
        if caller.principal.role_arn.is_some() && request.seconds > CHAINED_SECONDS {
            let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
            return Err(validation(message));
        }
        let policy_characters = form.optional("Policy").map(|text| text.chars().count());
        let session = self.accounts.open_session(&role, request);
        Ok(assumed_role(&session, policy_characters))
    }

    fn may_assume(
        &self,
        caller: &Caller,
        role: &LoadedRole,
        external_id: Option<String>,
    ) -> Result<(), Denial> {
        let keys: Vec<(&str, String)> = external_id.map(|id| ("sts:ExternalId", id)).into_iter().collect();
        let question =
            Question { principal: &caller.principal, action: ASSUME, resource: &role.arn, keys: &keys };
        let of_owner = self.accounts.resource_control(&role.place.account);
        let policies = Policies {
            resource: Some(&role.trust),
            resource_account: &role.place.account,
            resource_must_allow: true,
            resource_control: &of_owner,
            ..caller.policies()
        };
        decide(&question, &policies)
    }

    /// How the refusal ends: callers hear of their own side's policies, and of the role's side only where both belong
    /// together (IAM user guide, "Troubleshoot access denied error messages").
    fn reason(&self, caller: &Caller, role: &LoadedRole, denial: Denial) -> String {
        let (Denial::Explicit(by) | Denial::Implicit(by)) = denial;
        let of_the_role = matches!(by, PolicyType::Resource | PolicyType::ResourceControl);
        if of_the_role && !self.accounts.belong_together(&caller.principal.account, &role.place.account) {
            return String::new();
        }
        match denial {
            Denial::Explicit(PolicyType::Resource) => {
                " with an explicit deny in the role trust policy".to_owned()
            }
            Denial::Implicit(PolicyType::Resource) => {
                format!(" because no role trust policy allows the {ASSUME} action")
            }
            other => format!(" {}", other.because(ASSUME)),
        }
    }
}

/// The role that a form asks to assume, if that is what it asks for.
pub(super) fn role_to_assume(body: &[u8]) -> Option<String> {
    let form = Form::read(body);
    (form.get("Action") == "AssumeRole").then(|| form.get("RoleArn").to_owned())
}

impl Form {
    fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    fn get(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_default()
    }

    fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn required(&self, name: &str, field: &str) -> S3Result<&str> {
        self.optional(name).ok_or_else(|| constraint("null", field, "Member must not be null"))
    }

    fn role_arn(&self) -> S3Result<String> {
        let arn = self.required("RoleArn", "roleArn")?;
        if arn.chars().count() < 20 {
            return Err(constraint(arn, "roleArn", "Member must have length greater than or equal to 20"));
        }
        match IamArn::parse(arn, "role") {
            Some(_) => Ok(arn.to_owned()),
            None => Err(validation(format!("{arn} is invalid"))),
        }
    }

    fn session_name(&self) -> S3Result<String> {
        let name = self.required("RoleSessionName", "roleSessionName")?;
        within(name, "roleSessionName", 2, 64, b"_+=,.@-", r"[\w+=,.@-]*")?;
        Ok(name.to_owned())
    }

    fn external_id(&self) -> S3Result<Option<String>> {
        let Some(id) = self.optional("ExternalId") else {
            return Ok(None);
        };
        within(id, "externalId", 2, 1224, b"_+=,.@:/-", r"[\w+=,.@:\/-]*")?;
        Ok(Some(id.to_owned()))
    }

    fn seconds(&self) -> S3Result<i64> {
        let Some(text) = self.optional("DurationSeconds") else {
            return Ok(3600);
        };
        match text.parse::<i64>() {
            Ok(seconds) if seconds < 900 => Err(constraint(
                text,
                "durationSeconds",
                "Member must have value greater than or equal to 900",
            )),
            Ok(seconds) if seconds > 43200 => {
                Err(constraint(text, "durationSeconds", "Member must have value less than or equal to 43200"))
            }
            Ok(seconds) => Ok(seconds),
            Err(_) => Err(refuse(StatusCode::BAD_REQUEST, "MalformedInput", "")),
        }
    }

    fn policy(&self) -> S3Result<Option<Arc<Policy>>> {
        let Some(text) = self.optional("Policy") else {
            return Ok(None);
        };
        if text.chars().count() > MAX_POLICY_CHARACTERS {
            return Err(constraint(text, "policy", "Member must have length less than or equal to 2048"));
        }
        let policy = Policy::parse(text, PolicyKind::Identity);
        policy.map(|policy| Some(Arc::new(policy))).map_err(|error| {
            // The reason is the sandbox's own: AWS says less, and a test would be stuck.
            refuse(StatusCode::BAD_REQUEST, "MalformedPolicyDocument", error.to_string())
        })
    }
}

fn within(value: &str, field: &str, least: usize, most: usize, also: &[u8], pattern: &str) -> S3Result<()> {
    let length = value.chars().count();
    if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte)) {
        return Err(constraint(
            value,
            field,
            &format!("Member must satisfy regular expression pattern: {pattern}"),
        ));
    }
    if length < least {
        return Err(constraint(
            value,
            field,
            &format!("Member must have length greater than or equal to {least}"),
        ));
    }
    if length > most {
        return Err(constraint(
            value,
            field,
            &format!("Member must have length less than or equal to {most}"),
        ));
    }
    Ok(())
}

fn constraint(value: &str, field: &str, rule: &str) -> S3Error {
    // STS prints no quotes around a value that is missing.
    let value = if value == "null" { "null".to_owned() } else { format!("'{value}'") };
    validation(format!(
        "1 validation error detected: Value {value} at '{field}' failed to satisfy constraint: {rule}"
    ))
}

fn validation(message: impl Into<String>) -> S3Error {
    refuse(StatusCode::BAD_REQUEST, "ValidationError", message)
}

fn refuse(status: StatusCode, code: &str, message: impl Into<String>) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, message.into());
    error.set_status_code(status);
    error
}

fn assumed_role(session: &Session, policy_characters: Option<usize>) -> String {
    let mut credentials = String::new();
    element(&mut credentials, "AccessKeyId", &session.access_key_id);
    element(&mut credentials, "SecretAccessKey", &session.secret_access_key);
    element(&mut credentials, "SessionToken", &session.session_token);
    element(&mut credentials, "Expiration", &instant(session.expires_ms));
    let mut user = String::new();
    element(&mut user, "AssumedRoleId", &session.assumed_role_id);
    element(&mut user, "Arn", &session.principal.arn);
    let mut xml =
        format!("<AssumedRoleUser>{user}</AssumedRoleUser><Credentials>{credentials}</Credentials>");
    if let Some(characters) = policy_characters {
        // Per cent of the packed size's limit; AWS's packing is its own.
        element(
            &mut xml,
            "PackedPolicySize",
            &(characters * 100).div_ceil(MAX_POLICY_CHARACTERS).to_string(),
        );
    }
    xml
}

fn caller_identity(caller: &Caller) -> String {
    let mut xml = String::new();
    element(&mut xml, "Arn", &caller.principal.arn);
    element(&mut xml, "UserId", &caller.unique_id);
    element(&mut xml, "Account", &caller.principal.account);
    xml
}

fn success(action: &str, result: &str, request_id: &str) -> S3Response<Body> {
    let mut metadata = String::new();
    element(&mut metadata, "RequestId", request_id);
    let xml = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata>{metadata}</ResponseMetadata></{action}Response>"
    );
    let mut response = S3Response::new(Body::from(xml));
    response.headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/xml"));
    response
}

/// `2026-11-23T09:31:53Z`: STS gives whole seconds.
fn instant(ms: i64) -> String {
    let instant = jiff::Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(jiff::Timestamp::MAX);
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
