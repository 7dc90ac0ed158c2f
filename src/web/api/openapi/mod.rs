//! `/openapi.json`: the operations, the table of routes and the schemas put together as an OpenAPI 3.1 document
//! (<https://spec.openapis.org/oas/v3.1.1.html>).

pub(in crate::web) mod operation;
pub(in crate::web) mod operations;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use crate::domain::membership::Role;
use crate::web::api::schemas::AUDIT_RECORD;
use crate::web::route::{self, Access};
use operation::{Answer, Body, Kind, Operation, Parameter, Resource};
use operations::OPERATIONS;

/// Every schema but the audit record's, by name.
const SCHEMAS: &str = include_str!("../../../../static/schemas/api.v1.json");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}", document()));

pub(crate) async fn show() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

fn document() -> Value {
    let tags = Resource::ALL
        .map(|resource| json!({ "name": resource.name(), "description": resource.description() }));
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trailpost",
            "version": "1",
            "description": "Audit logs for organizations. Every answer carries X-Request-Id; what is not done is \
                            answered with a problem document (RFC 9457). Unknown fields and parameters are refused.",
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "secret": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A service account’s secret (tps_…), which acts with its role in the organization, \
                                    or an API key (tpk_…), which acts in its project.",
                },
                "producerToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A producer token (tp_…), from the operator of this service.",
                },
            },
        },
    })
}

/// The schemas by name.
pub(in crate::web) fn schemas() -> Map<String, Value> {
    let mut schemas: Map<String, Value> = serde_json::from_str(SCHEMAS).expect("the schemas are JSON");
    schemas.insert("Nothing".to_owned(), json!({ "type": "object", "additionalProperties": false }));
    schemas.insert(
        "IntegrationOrCheck".to_owned(),
        json!({ "anyOf": [reference("Check"), reference("Integration")] }),
    );
    schemas.insert(
        "SubmittedRecords".to_owned(),
        json!({ "anyOf": [
            reference("SubmittedRecord"),
            { "type": "array", "items": reference("SubmittedRecord"), "minItems": 1, "maxItems": 10_000 },
        ] }),
    );
    schemas.insert("AuditRecord".to_owned(), audit_record());
    schemas
}

/// The published schema, whose own definitions move to where they are found from here.
fn audit_record() -> Value {
    let moved = AUDIT_RECORD.replace("#/$defs/", "#/components/schemas/AuditRecord/$defs/");
    let mut schema: Value = serde_json::from_str(&moved).expect("the record’s schema is JSON");
    if let Some(fields) = schema.as_object_mut() {
        fields.shift_remove("$schema");
    }
    schema
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.path_parameters().map(path_parameter).collect();
    parameters.extend(operation.query.iter().map(query_parameter));
    if operation.if_match {
        parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "required": true,
            "description": "The ETag of the integration that was seen; * for any.",
            "schema": { "type": "string" },
        }));
    }
    let mut answers: Map<String, Value> =
        operation.answers.iter().map(|answer| (answer.status.to_string(), answered(answer))).collect();
    for status in operation.problems() {
        answers.entry(status.to_string()).or_insert_with(|| problem(status));
    }
    let description = format!("{} {}", operation.description, needs(operation));
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.resource.name()],
        "summary": operation.summary,
        "description": description.trim(),
        "security": security(operation),
        "parameters": parameters,
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = sent(body);
    }
    described["responses"] = Value::Object(answers);
    described
}

fn security(operation: &Operation) -> Value {
    if operation.is_of_an_organization() {
        json!([{ "secret": [] }])
    } else if operation.resource == Resource::Events {
        json!([{ "producerToken": [] }])
    } else {
        json!([])
    }
}

/// Who may, as the table of routes has it.
pub(in crate::web) fn needs(operation: &Operation) -> String {
    let route = route::table()
        .into_iter()
        .find(|route| operation.has_method(&route.method) && route.path == operation.path);
    let Some(Access::Program(need, _)) = route.map(|route| route.access) else { return String::new() };
    let roles: Vec<_> =
        Role::ALL.iter().filter(|role| role.may(need.ability)).map(|role| role.as_str()).collect();
    let key = if need.api_keys { ", or an API key of the project" } else { "" };
    let plan = if need.audit_logs { " The plan must include audit logs." } else { "" };
    format!("Needs a service account with the role {}{key}.{plan}", roles.join(", "))
}

fn path_parameter(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": reference("Uuid") })
}

fn query_parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Uuid => reference("Uuid"),
        Kind::Limit => json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }),
        Kind::Sequence => json!({ "type": "integer", "minimum": 0 }),
        Kind::OneOf(words) => json!({ "enum": words }),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.description,
        "schema": schema,
    })
}

fn sent(body: &Body) -> Value {
    let example: Value = serde_json::from_str(body.example).expect("an example is JSON");
    let content: Map<String, Value> = body
        .media_types
        .iter()
        .map(|media_type| {
            let schema = match *media_type {
                "application/x-ndjson" => json!({ "type": "string" }),
                _ => reference(body.schema),
            };
            let mut content = json!({ "schema": schema });
            if *media_type != "application/x-ndjson" {
                content["example"] = example.clone();
            }
            ((*media_type).to_owned(), content)
        })
        .collect();
    json!({ "required": body.required, "content": content })
}

fn answered(answer: &Answer) -> Value {
    let mut headers = json!({ "X-Request-Id": header_of("X-Request-Id") });
    for name in answer.headers {
        headers[*name] = header_of(name);
    }
    let mut answered = json!({ "description": answer.description, "headers": headers });
    if let Some(schema) = answer.schema {
        answered["content"] = json!({ answer.media_type: { "schema": reference(schema) } });
    }
    answered
}

fn header_of(name: &str) -> Value {
    let description = match name {
        "ETag" => "What a write has to send as If-Match.",
        "Location" => "The address of what was made, or of what to watch.",
        "WWW-Authenticate" => "Bearer.",
        "Retry-After" => "When to come back, in seconds.",
        _ => "Names the request in the operator’s log.",
    };
    json!({ "description": description, "schema": { "type": "string" } })
}

fn problem(status: u16) -> Value {
    let mut headers = json!({ "X-Request-Id": header_of("X-Request-Id") });
    match status {
        401 => headers["WWW-Authenticate"] = header_of("WWW-Authenticate"),
        429 | 503 => headers["Retry-After"] = header_of("Retry-After"),
        _ => {}
    }
    json!({
        "description": explained(status),
        "headers": headers,
        "content": { "application/problem+json": { "schema": reference("Problem") } },
    })
}

/// What a problem's status means here.
pub(in crate::web) fn explained(status: u16) -> &'static str {
    match status {
        401 => "No secret, or one that does not work (any more).",
        403 => "The role, the project or the plan does not allow it. The attempt is on the audit log.",
        404 => "There is no such thing, or it is another organization’s.",
        408 => "The body did not arrive in time.",
        409 => {
            "It clashes with how things are: a name is taken, another access check is open, the state does not allow it."
        }
        412 => "Someone else changed it: the ETag in If-Match is not the current one.",
        413 => "The body is too large.",
        415 => "The content type is not one that is taken here.",
        422 => "Something that was sent can’t be used; errors names each field.",
        428 => "If-Match is missing.",
        429 => "More is being sent than can be held; come back after Retry-After.",
        503 => "The database does not answer at this moment; try again.",
        _ => {
            StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
        }
    }
}
