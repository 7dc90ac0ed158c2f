//! The documentation of the API, made of the same operations as `/openapi.json`.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value};

use crate::web::Web;
use crate::web::api::openapi::operation::{Body, Kind, Operation, Parameter, Resource};
use crate::web::api::openapi::operations::OPERATIONS;
use crate::web::api::openapi::{explained, needs, schemas};
use crate::web::error::WebError;
use crate::web::render::{Shell, html};
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/api_docs/show.html")]
struct ApiDocsShow {
    shell: Shell,
    origin: String,
    first_call: String,
    resources: Vec<ResourceView>,
}

struct ResourceView {
    /// Its name, and its place on the page.
    name: &'static str,
    description: &'static str,
    operations: Vec<OperationView>,
}

struct OperationView {
    /// Its place on the page.
    id: &'static str,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    description: &'static str,
    needs: String,
    parameters: Vec<FieldView>,
    /// The fields of the body, and whether it may be left out.
    body: Option<(Vec<FieldView>, bool)>,
    example: String,
    answers: Vec<AnswerView>,
    /// Status and what it means here.
    problems: Vec<(u16, &'static str)>,
}

struct FieldView {
    name: String,
    /// `string`, `one of a, b`.
    kind: String,
    required: bool,
    description: String,
}

struct AnswerView {
    status: u16,
    description: &'static str,
    fields: Vec<FieldView>,
}

pub(crate) async fn show(State(web): State<Web>, visitor: Visitor) -> Result<Response, WebError> {
    let origin = web.config.public_url.origin();
    let schemas = schemas();
    let resources = Resource::ALL.map(|resource| ResourceView {
        name: resource.name(),
        description: resource.description(),
        operations: OPERATIONS
            .iter()
            .filter(|operation| operation.resource == resource)
            .map(|operation| view(operation, &origin, &schemas))
            .collect(),
    });
    let page = ApiDocsShow {
        shell: Shell::alone(&visitor, "API documentation"),
        first_call: curl(&OPERATIONS[0], &origin),
        origin,
        resources: resources.into(),
    };
    html(StatusCode::OK, &page)
}

fn view(operation: &Operation, origin: &str, schemas: &Map<String, Value>) -> OperationView {
    let answers = operation.answers.iter().map(|answer| AnswerView {
        status: answer.status,
        description: answer.description,
        fields: answer.schema.map(|schema| fields(schemas, schema)).unwrap_or_default(),
    });
    OperationView {
        id: operation.id,
        method: operation.method,
        path: operation.path,
        summary: operation.summary,
        description: operation.description,
        needs: needs(operation),
        parameters: operation.query.iter().map(parameter).collect(),
        body: operation.body.as_ref().map(|body| (fields(schemas, body.schema), !body.required)),
        example: curl(operation, origin),
        answers: answers.collect(),
        problems: operation.problems().into_iter().map(|status| (status, explained(status))).collect(),
    }
}

/// The command that makes the request, with `$` in place of what only its user knows.
fn curl(operation: &Operation, origin: &str) -> String {
    let path = operation.path_parameters().fold(operation.path.to_owned(), |path, parameter| {
        path.replace(&format!("{{{parameter}}}"), &format!("${}", parameter.to_ascii_uppercase()))
    });
    let query: Vec<_> =
        operation.query.iter().filter(|parameter| parameter.required).map(example_of).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let mut lines = vec![match operation.method {
        "GET" => format!("curl \"{origin}{path}{query}\""),
        method => format!("curl -X {method} \"{origin}{path}{query}\""),
    }];
    if operation.is_of_an_organization() {
        lines.push("-H \"Authorization: Bearer $TRAILPOST_SECRET\"".to_owned());
    } else if operation.resource == Resource::Events {
        lines.push("-H \"Authorization: Bearer $TRAILPOST_PRODUCER_TOKEN\"".to_owned());
    }
    if operation.if_match {
        lines.push("-H 'If-Match: \"0\"'".to_owned());
    }
    if let Some(Body { example, media_types, .. }) = operation.body {
        lines.push(format!("-H 'Content-Type: {}'", media_types.first().copied().unwrap_or_default()));
        lines.push(format!("-d '{example}'"));
    }
    lines.join(" \\\n  ")
}

fn example_of(parameter: &Parameter) -> String {
    let value = match parameter.kind {
        Kind::OneOf(words) => words.first().copied().unwrap_or_default(),
        Kind::Text | Kind::Uuid | Kind::Limit | Kind::Sequence => "…",
    };
    format!("{}={value}", parameter.name)
}

fn parameter(parameter: &Parameter) -> FieldView {
    let kind = match parameter.kind {
        Kind::Text => "string".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Limit | Kind::Sequence => "integer".to_owned(),
        Kind::OneOf(words) => words.join(" or "),
    };
    FieldView {
        name: parameter.name.to_owned(),
        kind,
        required: parameter.required,
        description: parameter.description.to_owned(),
    }
}

/// The fields of an object; none of what is one of several.
fn fields(schemas: &Map<String, Value>, schema: &str) -> Vec<FieldView> {
    let Some(schema) = schemas.get(schema) else { return Vec::new() };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .filter(|(_, field)| field["readOnly"] != true)
        .map(|(name, field)| FieldView {
            kind: kind(field),
            required: required.contains(&name.as_str()),
            description: field["description"].as_str().unwrap_or_default().to_owned(),
            name: name.clone(),
        })
        .collect()
}

fn kind(field: &Value) -> String {
    let words = |values: &Value| {
        let words = values.as_array().into_iter().flatten();
        words.map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect::<Vec<_>>()
    };
    if let Some(reference) = field["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if field["enum"].is_array() {
        return words(&field["enum"]).join(", ");
    }
    if let Some(several) = field["anyOf"].as_array() {
        return several.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &field["type"] {
        Value::String(one) if one == "array" => format!("array of {}", kind(&field["items"])),
        Value::String(one) => one.clone(),
        several => words(several).join(" or "),
    }
}
