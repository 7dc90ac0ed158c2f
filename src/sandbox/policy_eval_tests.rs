//! Policy evaluation as a table.

use serde_json::{Value, json};

use super::Denial::{Explicit, Implicit};
use super::PolicyType::{Boundary, Endpoint, Identity, Resource, ResourceControl, ServiceControl, Session};
use super::*;
use crate::sandbox::policy_document::PolicyKind;

const ROLE: &str = "arn:aws:iam::111122223333:role/logs/audit";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/audit/s1";
const OBJECT: &str = "arn:aws:s3:::acme/logs/file";

fn policy(kind: PolicyKind, statements: &Value) -> Arc<Policy> {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Arc::new(Policy::parse(&text, kind).unwrap())
}

fn put_on(resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource})
}

fn bucket_statement(effect: &str, principal: &Value) -> Value {
    json!({"Effect": effect, "Principal": principal, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::acme/*"})
}

struct Case {
    name: &'static str,
    identity: Value,
    session: Value,
    bucket: Value,
    boundary: Value,
    service_control: Value,
    resource_control: Value,
    endpoint: Value,
    owner: &'static str,
    keys: Vec<(&'static str, String)>,
    expected: Result<(), Denial>,
}

impl Case {
    /// A role's session in its own account, with nothing attached.
    fn new(name: &'static str, expected: Result<(), Denial>) -> Self {
        let none = || Value::Null;
        Self {
            name,
            identity: none(),
            session: none(),
            bucket: none(),
            boundary: none(),
            service_control: none(),
            resource_control: none(),
            endpoint: none(),
            owner: "111122223333",
            keys: Vec::new(),
            expected,
        }
    }
    fn identity(mut self, statements: Value) -> Self {
        self.identity = statements;
        self
    }
    fn session(mut self, statements: Value) -> Self {
        self.session = statements;
        self
    }
    fn bucket(mut self, statements: Value) -> Self {
        self.bucket = statements;
        self
    }
    fn boundary(mut self, statements: Value) -> Self {
        self.boundary = statements;
        self
    }
    fn service_control(mut self, statements: Value) -> Self {
        self.service_control = statements;
        self
    }
    fn resource_control(mut self, statements: Value) -> Self {
        self.resource_control = statements;
        self
    }
    fn endpoint(mut self, statements: Value) -> Self {
        self.endpoint = statements;
        self
    }
    fn owner(mut self, account: &'static str) -> Self {
        self.owner = account;
        self
    }
    fn key(mut self, name: &'static str, value: &str) -> Self {
        self.keys.push((name, value.to_owned()));
        self
    }
    fn check(&self) {
        let parsed = |kind, value: &Value| (!value.is_null()).then(|| policy(kind, value));
        let identity: Vec<_> = parsed(PolicyKind::Identity, &self.identity).into_iter().collect();
        let session = parsed(PolicyKind::Identity, &self.session);
        let bucket = parsed(PolicyKind::Bucket, &self.bucket);
        let boundary = parsed(PolicyKind::Identity, &self.boundary);
        let service_control: Vec<_> =
            parsed(PolicyKind::Identity, &self.service_control).into_iter().collect();
        let resource_control: Vec<_> =
            parsed(PolicyKind::ResourceControl, &self.resource_control).into_iter().collect();
        let endpoint = parsed(PolicyKind::Endpoint, &self.endpoint);
        let principal =
            Principal { arn: SESSION.into(), role_arn: Some(ROLE.into()), account: "111122223333".into() };
        let question =
            Question { principal: &principal, action: "s3:PutObject", resource: OBJECT, keys: &self.keys };
        let policies = Policies {
            identity: &identity,
            session: session.as_deref(),
            resource: bucket.as_deref(),
            resource_account: self.owner,
            resource_must_allow: false,
            boundary: boundary.as_deref(),
            service_control: &service_control,
            resource_control: &resource_control,
            endpoint: endpoint.as_deref(),
        };
        assert_eq!(decide(&question, &policies), self.expected, "{}", self.name);
    }
}

#[test]
fn who_may_put() {
    let other = "444455556666";
    let deny_plain = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}});
    let deny_absent = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}}});
    let cases = [
        Case::new("nothing allows", Err(Implicit(Identity))),
        Case::new("identity allows", Ok(())).identity(put_on("arn:aws:s3:::acme/*")),
        Case::new("wildcards", Ok(())).identity(json!({"Effect": "Allow", "Action": "S3:p?tOb*", "Resource": "arn:aws:s3:::a*e/l?gs/*"})),
        Case::new("other prefix", Err(Implicit(Identity))).identity(put_on("arn:aws:s3:::acme/other/*")),
        Case::new("the bucket is not its objects", Err(Implicit(Identity))).identity(put_on("arn:aws:s3:::acme")),
        Case::new("NotAction", Err(Implicit(Identity))).identity(json!({"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"})),
        Case::new("NotResource", Ok(())).identity(json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"})),
        Case::new("deny in identity", Err(Explicit(Identity))).identity(json!([put_on("*"), {"Effect": "Deny", "Action": "s3:*", "Resource": OBJECT}])),
        Case::new("session narrows", Err(Implicit(Session))).identity(put_on("*")).session(put_on("arn:aws:s3:::acme/else")),
        Case::new("session and identity agree", Ok(())).identity(put_on("*")).session(put_on(OBJECT)),
        Case::new("a session can't widen", Err(Implicit(Identity))).session(put_on("*")),
        Case::new("deny in session", Err(Explicit(Session))).identity(put_on("*")).session(json!([put_on("*"), {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}])),
        Case::new("bucket names the role", Ok(())).bucket(bucket_statement("Allow", &json!({"AWS": ROLE}))),
        Case::new("bucket names the role, session is silent", Err(Implicit(Session))).bucket(bucket_statement("Allow", &json!({"AWS": [ROLE]}))).session(put_on("arn:aws:s3:::acme/else")),
        Case::new("bucket names the session itself", Ok(())).bucket(bucket_statement("Allow", &json!({"AWS": SESSION}))).session(put_on("arn:aws:s3:::acme/else")),
        Case::new("bucket names the account only", Err(Implicit(Identity))).bucket(bucket_statement("Allow", &json!({"AWS": "arn:aws:iam::111122223333:root"}))),
        Case::new("bucket allows everyone", Ok(())).bucket(bucket_statement("Allow", &json!("*"))),
        Case::new("bucket names another", Err(Implicit(Identity))).bucket(bucket_statement("Allow", &json!({"AWS": "444455556666"}))),
        Case::new("deny in bucket", Err(Explicit(Resource))).identity(put_on("*")).bucket(bucket_statement("Deny", &json!("*"))),
        Case::new("deny for another in bucket", Ok(())).identity(put_on("*")).bucket(bucket_statement("Deny", &json!({"AWS": "444455556666"}))),
        Case::new("across accounts, no bucket policy", Err(Implicit(Resource))).identity(put_on("*")).owner(other),
        Case::new("across accounts, only the bucket", Err(Implicit(Identity))).bucket(bucket_statement("Allow", &json!({"AWS": ROLE}))).owner(other),
        Case::new("across accounts, both", Ok(())).identity(put_on("*")).bucket(bucket_statement("Allow", &json!({"AWS": "111122223333"}))).owner(other),
        Case::new("across accounts the session still narrows", Err(Implicit(Session))).identity(put_on("*")).session(put_on("arn:aws:s3:::x/y")).bucket(bucket_statement("Allow", &json!({"AWS": SESSION}))).owner(other),
        Case::new("StringNotEquals holds for an absent key", Err(Explicit(Resource))).identity(put_on("*")).bucket(deny_plain.clone()),
        Case::new("StringNotEquals, other value", Err(Explicit(Resource))).identity(put_on("*")).bucket(deny_plain.clone()).key("s3:x-amz-server-side-encryption", "AES256"),
        Case::new("StringNotEquals, right value", Ok(())).identity(put_on("*")).bucket(deny_plain).key("s3:x-amz-server-side-encryption", "aws:kms"),
        Case::new("Null, absent", Err(Explicit(Resource))).identity(put_on("*")).bucket(deny_absent.clone()),
        Case::new("Null, there", Ok(())).identity(put_on("*")).bucket(deny_absent).key("s3:x-amz-server-side-encryption", "AES256"),
        Case::new("StringEquals on an absent key", Err(Implicit(Identity))).identity(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"sts:ExternalId": ["a"]}}})),
        Case::new("StringLike and several conditions", Ok(())).identity(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
            "StringLike": {"AWS:PrincipalArn": "arn:aws:iam::*:role/logs/?udit"}, "StringEquals": {"aws:PrincipalAccount": ["x", "111122223333"]}}})),
        Case::new("one condition of several fails", Err(Implicit(Identity))).identity(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
            "StringLike": {"aws:PrincipalArn": "*"}, "StringEquals": {"aws:PrincipalAccount": "444455556666"}}})),
        Case::new("service principals match nobody", Err(Implicit(Identity))).bucket(bucket_statement("Allow", &json!({"Service": "logging.s3.amazonaws.com"}))),
    ];
    for case in &cases {
        case.check();
    }
}

#[test]
fn what_has_to_allow_besides_whoever_grants_it() {
    let (other, everyone) = ("444455556666", json!("*"));
    let deny = json!({"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"});
    let deny_all = bucket_statement("Deny", &everyone);
    let allow_all = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let elsewhere = || put_on("arn:aws:s3:::else/*");
    let for_all_elsewhere =
        json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::else/*"});
    let granted = |name, expected| Case::new(name, expected).identity(put_on("*"));
    let session = bucket_statement("Allow", &json!({"AWS": SESSION}));
    let of_role = bucket_statement("Allow", &json!({"AWS": ROLE}));
    let cases = [
        granted("all agree", Ok(()))
            .boundary(put_on("*"))
            .service_control(put_on("*"))
            .resource_control(allow_all.clone())
            .endpoint(allow_all.clone()),
        granted("boundary is silent", Err(Implicit(Boundary))).boundary(elsewhere()),
        granted("boundary denies", Err(Explicit(Boundary))).boundary(json!([put_on("*"), deny])),
        Case::new("a boundary grants nothing", Err(Implicit(Identity))).boundary(put_on("*")),
        Case::new("boundary is silent, bucket names the role", Err(Implicit(Boundary)))
            .boundary(elsewhere())
            .bucket(of_role.clone()),
        Case::new("boundary is silent, bucket names the session", Ok(()))
            .boundary(elsewhere())
            .bucket(session.clone()),
        granted("boundary comes before session", Err(Implicit(Boundary)))
            .boundary(elsewhere())
            .session(elsewhere()),
        granted("service control denies", Err(Explicit(ServiceControl)))
            .service_control(json!([put_on("*"), deny])),
        granted("service control is silent", Err(Implicit(ServiceControl))).service_control(elsewhere()),
        Case::new("service control is silent, bucket names the session", Err(Implicit(ServiceControl)))
            .service_control(elsewhere())
            .bucket(session),
        granted("resource control denies", Err(Explicit(ResourceControl)))
            .resource_control(json!([allow_all, deny_all])),
        granted("resource control of another account", Err(Implicit(ResourceControl)))
            .owner(other)
            .bucket(of_role)
            .resource_control(for_all_elsewhere.clone()),
        granted("endpoint denies", Err(Explicit(Endpoint))).endpoint(json!([allow_all, deny_all])),
        granted("endpoint is silent", Err(Implicit(Endpoint))).endpoint(for_all_elsewhere),
    ];
    for case in &cases {
        case.check();
    }
}

#[test]
fn a_trust_policy_must_allow_even_at_home() {
    let principal = Principal {
        arn: "arn:aws:iam::111122223333:user/u".into(),
        role_arn: None,
        account: "111122223333".into(),
    };
    let question = Question { principal: &principal, action: "sts:AssumeRole", resource: ROLE, keys: &[] };
    let identity =
        [policy(PolicyKind::Identity, &json!({"Effect": "Allow", "Action": "sts:*", "Resource": "*"}))];
    let trust = |principal: Value| {
        policy(
            PolicyKind::Trust,
            &json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}),
        )
    };
    let ask = |identity: &[Arc<Policy>], trust: &Policy| {
        let account = "111122223333";
        decide(
            &question,
            &Policies {
                identity,
                resource: Some(trust),
                resource_account: account,
                resource_must_allow: true,
                ..Policies::default()
            },
        )
    };
    assert_eq!(ask(&identity, &trust(json!({"AWS": "444455556666"}))), Err(Implicit(Resource)));
    assert_eq!(ask(&identity, &trust(json!({"AWS": "111122223333"}))), Ok(()));
    assert_eq!(ask(&[], &trust(json!({"AWS": "111122223333"}))), Err(Implicit(Identity)));
    assert_eq!(ask(&[], &trust(json!({"AWS": "arn:aws:iam::111122223333:user/u"}))), Ok(()));
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    use PolicyKind::{Bucket, Identity, Trust};
    let allow = |extra: Value| {
        let mut statement = put_on("*");
        for (key, value) in extra.as_object().unwrap() {
            statement[key] = value.clone();
        }
        json!({"Version": "2012-10-17", "Statement": statement})
    };
    let trusting = |principal: Value| json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}});
    let cases = [
        (Identity, json!({"Version": "2008-10-17", "Statement": put_on("*")}), "Version"),
        (Identity, json!({"Version": "2012-10-17"}), "Statement"),
        (Identity, allow(json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}})), "Bool"),
        (Identity, allow(json!({"Condition": {"StringEqualsIfExists": {"a": "b"}}})), "StringEqualsIfExists"),
        (Identity, allow(json!({"Condition": {"Null": {"a": "maybe"}}})), "Null"),
        (Identity, allow(json!({"Efect": "Allow"})), "Efect"),
        (Identity, allow(json!({"Effect": "allow"})), "Effect"),
        (Identity, allow(json!({"Action": "PutObject"})), "PutObject"),
        (Identity, allow(json!({"NotAction": "s3:*"})), "NotAction"),
        (Identity, allow(json!({"Resource": "acme/*"})), "acme"),
        (Identity, allow(json!({"Resource": "arn:aws:s3:::${aws:username}/*"})), "variable"),
        (Identity, allow(json!({"Principal": "*"})), "Principal"),
        (Bucket, allow(json!({})), "Principal"),
        (Bucket, allow(json!({"Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}})), "role/*"),
        (Trust, trusting(json!({"AWS": "1234"})), "1234"),
        (Trust, trusting(json!({"Canonical": "x"})), "Canonical"),
        (Trust, trusting(json!([])), "Principal"),
    ];
    for (kind, document, hint) in cases {
        let error = Policy::parse(&document.to_string(), kind).expect_err(&document.to_string());
        assert!(error.to_string().contains(hint), "{document}: {error}");
    }
    assert!(Policy::parse("{", Identity).is_err());
}

#[test]
fn wildcards_match_as_iam_does() {
    let cases = [
        ("*", "", true),
        ("a*", "a", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b-d", false),
        ("?", "", false),
        ("?", "ü", true),
        ("a?c", "abc", true),
        ("*x", "xxxy", false),
        ("abc", "abcd", false),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(wildcard(pattern, text), expected, "{pattern} on {text}");
    }
}
