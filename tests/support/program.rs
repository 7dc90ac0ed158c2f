//! A program that uses the HTTP API with a secret. Whatever it is answered is held against `/openapi.json`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use serde_json::{Value, json};
use trailpost::domain::caller::Caller;
use trailpost::domain::clock::Entropy;
use trailpost::domain::credential::{ApiKeyToken, ServiceAccountToken};
use trailpost::domain::id::OrganizationId;
use trailpost::domain::membership::Role;
use trailpost::domain::user::User;

use super::http_user::{Answer, HttpUser, send};
use super::product::Product;

/// What the programs of these tests call themselves.
pub const AGENT: &str = "trailpost-tests/1 (<b>raw</b>)";

/// `/openapi.json`, with what was answered of it.
pub struct Document {
    pub json: Value,
    answered: Mutex<BTreeSet<(String, String)>>,
}

/// One program.
pub struct Program {
    http: HttpUser,
    pub organization: String,
    secret: String,
    document: Arc<Document>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// `null` without a body.
    pub json: Value,
    pub answer: Answer,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.headers.get(name)?.to_str().ok()
    }

    /// The fields that a 422 names.
    pub fn named(&self) -> Vec<&str> {
        assert_eq!(self.status, 422, "{}", self.json);
        self.json["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error["field"].as_str())
            .collect()
    }
}

impl Document {
    pub async fn of(product: &Product) -> Arc<Document> {
        let answer = product.anonymous().get("/openapi.json").await;
        let json = serde_json::from_str(&answer.body).unwrap();
        Arc::new(Document { json, answered: Mutex::default() })
    }

    /// Every operation with each status that it has.
    pub fn statuses(&self) -> BTreeSet<(String, String)> {
        let mut all = BTreeSet::new();
        for (_, path) in self.json["paths"].as_object().unwrap() {
            for (_, operation) in path.as_object().unwrap() {
                for status in operation["responses"].as_object().unwrap().keys() {
                    all.insert((operation["operationId"].as_str().unwrap().to_owned(), status.clone()));
                }
            }
        }
        all
    }

    /// Those that were answered.
    pub fn answered(&self) -> BTreeSet<(String, String)> {
        self.answered.lock().unwrap().clone()
    }

    /// Fails unless the answer is one of the operation's: status, headers, content type and schema.
    pub fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let path = path.split('?').next().unwrap();
        let Some(operation) = self.operation(method, path) else {
            assert!(
                matches!(answer.status, 404 | 405),
                "{method} {path} is not in the document: {}",
                answer.status
            );
            return;
        };
        let id = operation["operationId"].as_str().unwrap();
        let status = answer.status.to_string();
        let described = &operation["responses"][&status];
        assert!(
            described.is_object(),
            "{id} answers {status}, which the document does not have: {}",
            answer.body
        );
        for name in described["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let may_be_left_out = name == "ETag" || name == "Location";
            assert!(may_be_left_out || answer.headers.contains_key(name), "{id} {status} has no {name}");
        }
        match described["content"].as_object() {
            None => assert_eq!(answer.body, "", "{id} {status} has a body"),
            Some(content) => {
                let kind = answer.headers[CONTENT_TYPE].to_str().unwrap();
                let media = content.get(kind).unwrap_or_else(|| panic!("{id} {status} is of type {kind}"));
                let body: Value = serde_json::from_str(&answer.body).unwrap();
                if let Err(error) = self.validator(&media["schema"]).validate(&body) {
                    panic!("{id} {status}: {error} at {} in {body:#}", error.instance_path());
                }
            }
        }
        self.answered.lock().unwrap().insert((id.to_owned(), status));
    }

    pub fn validator(&self, schema: &Value) -> Validator {
        let mut root = schema.clone();
        root["components"] = self.json["components"].clone();
        jsonschema::validator_for(&root).unwrap()
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let method = method.as_str().to_ascii_lowercase();
        let paths = self.json["paths"].as_object().unwrap();
        let (_, found) = paths.iter().find(|(template, _)| fits(template, path))?;
        found.get(&method)
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(template, part)| template.starts_with('{') || *template == part)
}

/// The user with this address.
pub async fn user(product: &Product, email: &str) -> User {
    product.store().sign_in(email.parse().unwrap()).await.unwrap().unwrap().user
}

/// A service account of Acme's with this role, made by its owner.
pub async fn service_account(product: &Product, document: &Arc<Document>, role: Role) -> Program {
    service_account_of(product, document, "owner@acme.example", role).await
}

/// A service account of the organization of this owner.
pub async fn service_account_of(
    product: &Product,
    document: &Arc<Document>,
    owner: &str,
    role: Role,
) -> Program {
    let organization = product.account(owner).organization_id;
    let caller = Caller::user(&user(product, owner).await, "tests", None);
    let token = ServiceAccountToken::generate(&Entropy::system());
    let name = format!("{} program {}", role.as_str(), &token.expose()[4..12]);
    let id: OrganizationId = organization.parse().unwrap();
    product.store().create_service_account(caller, id, name.parse().unwrap(), role, &token).await.unwrap();
    Program::with(product, document, &organization, token.expose())
}

/// An API key of a new project of Acme's; with the project's id.
pub async fn api_key(product: &Product, document: &Arc<Document>, project: &str) -> (Program, String) {
    let organization = product.account("owner@acme.example").organization_id;
    let id: OrganizationId = organization.parse().unwrap();
    let caller = Caller::user(&user(product, "owner@acme.example").await, "tests", None);
    let store = product.store();
    let project = store.create_project(caller.clone(), id, project.parse().unwrap()).await.unwrap();
    let token = ApiKeyToken::generate(&Entropy::system());
    store.create_api_key(caller, id, project.id, "ci".parse().unwrap(), &token).await.unwrap();
    (Program::with(product, document, &organization, token.expose()), project.id.to_string())
}

impl Program {
    pub fn with(product: &Product, document: &Arc<Document>, organization: &str, secret: &str) -> Program {
        Program {
            http: product.anonymous(),
            organization: organization.to_owned(),
            secret: secret.to_owned(),
            document: Arc::clone(document),
        }
    }

    /// The same program at another organization's address.
    pub fn at(&self, organization: &str) -> Program {
        Program {
            http: self.http.clone(),
            organization: organization.to_owned(),
            secret: self.secret.clone(),
            document: Arc::clone(&self.document),
        }
    }

    /// Asks for one of the organization's resources with these headers.
    pub async fn ask(
        &self,
        method: Method,
        rest: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let path = format!("/v1/organizations/{}/{rest}", self.organization);
        let mut request = self.http.request(method.clone(), &path).header(USER_AGENT, AGENT);
        if !self.secret.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.secret));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = send(request).await;
        assert!(answer.headers.get("set-cookie").is_none(), "programs get no cookies");
        assert_eq!(answer.headers["cache-control"], "no-store");
        self.document.check(&method, &path, &answer);
        let json = serde_json::from_str(&answer.body).unwrap_or(json!(null));
        Reply { status: answer.status, json, answer }
    }

    pub async fn get(&self, rest: &str) -> Reply {
        self.ask(Method::GET, rest, &[], None).await
    }

    pub async fn post(&self, rest: &str, body: &Value) -> Reply {
        self.ask(Method::POST, rest, &[], Some(body)).await
    }

    pub async fn patch(&self, rest: &str, body: &Value) -> Reply {
        self.ask(Method::PATCH, rest, &[], Some(body)).await
    }

    pub async fn delete(&self, rest: &str) -> Reply {
        self.ask(Method::DELETE, rest, &[], None).await
    }

    /// The ETag of the integration as it is.
    pub async fn etag(&self) -> String {
        self.get("audit-log-integration").await.header("etag").unwrap().to_owned()
    }

    /// A write of the integration as it is.
    pub async fn write(&self, method: Method, body: &Value) -> Reply {
        let etag = self.etag().await;
        self.ask(method, "audit-log-integration", &[("if-match", &etag)], Some(body)).await
    }

    /// What stands behind `Authorization:`.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.secret)
    }

    pub fn shared_document(&self) -> &Arc<Document> {
        &self.document
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The id of the service account that was made last.
    pub async fn newest_service_account(&self) -> String {
        self.get("service-accounts?limit=1").await.json["data"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Every record of the organization, oldest first.
    pub async fn records(&self) -> Vec<Value> {
        let (mut records, mut query) = (Vec::new(), "after=0&limit=100".to_owned());
        loop {
            let page = self.get(&format!("records?{query}")).await;
            records
                .extend(page.json["data"].as_array().unwrap().iter().map(|placed| placed["record"].clone()));
            match page.json["next_cursor"].as_str() {
                Some(cursor) => query = format!("cursor={cursor}&limit=100"),
                None => return records,
            }
        }
    }

    /// The newest record.
    pub async fn newest(&self) -> Value {
        self.get("records?limit=1").await.json["data"][0]["record"].clone()
    }
}
