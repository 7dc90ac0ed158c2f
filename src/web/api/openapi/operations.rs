//! Every operation of the API. What is here is in `/openapi.json` and on the page of documentation; tests hold it
//! against the table of routes and against the answers.

use super::operation::{Answer, Body, Kind, Operation, Parameter, Resource};

const JSON: &str = "application/json";
const JSON_BODY: &[&str] = &[JSON];
const PATCH_BODY: &[&str] = &["application/merge-patch+json", JSON];

const LIMIT: Parameter = Parameter {
    name: "limit",
    description: "At most so many: 1 to 100, 50 if it is left out.",
    kind: Kind::Limit,
    required: false,
};
const CURSOR: Parameter = Parameter {
    name: "cursor",
    description: "next_cursor of the page before.",
    kind: Kind::Text,
    required: false,
};
const LIST: &[Parameter] = &[LIMIT, CURSOR];

const fn answer(status: u16, description: &'static str, schema: &'static str) -> Answer {
    Answer { status, description, schema: Some(schema), media_type: JSON, headers: &[] }
}

const fn with_headers(answer: Answer, headers: &'static [&'static str]) -> Answer {
    Answer { headers, ..answer }
}

const fn nothing(description: &'static str) -> Answer {
    Answer { status: 204, description, schema: None, media_type: JSON, headers: &[] }
}

const fn body(schema: &'static str, example: &'static str) -> Option<Body> {
    Some(Body { schema, media_types: JSON_BODY, required: true, example })
}

const fn patch(schema: &'static str, example: &'static str) -> Option<Body> {
    Some(Body { schema, media_types: PATCH_BODY, required: true, example })
}

const fn optional_body(schema: &'static str, example: &'static str) -> Option<Body> {
    Some(Body { schema, media_types: JSON_BODY, required: false, example })
}

/// What most operations have.
const PLAIN: Operation = Operation {
    method: "GET",
    path: "",
    id: "",
    resource: Resource::Service,
    summary: "",
    description: "",
    query: &[],
    if_match: false,
    body: None,
    answers: &[],
    conflicts: false,
};

macro_rules! of_organization {
    ($rest:literal) => {
        concat!("/v1/organizations/{organization_id}/", $rest)
    };
}

const CHECK_BEGINS: Answer =
    with_headers(answer(202, "The access check that was begun or joined.", "Check"), &["Location"]);
const CHECK_BEGINS_OR_SWITCHED_OFF: Answer = with_headers(
    answer(
        202,
        "The access check that was begun or joined; with deliver_first the integration, which is the resource to watch.",
        "IntegrationOrCheck",
    ),
    &["Location"],
);
const INTEGRATION_NOW: Answer =
    with_headers(answer(200, "The integration as it is now.", "Integration"), &["ETag"]);

/// Every operation.
pub(in crate::web) const OPERATIONS: &[Operation] = &[
    Operation {
        path: of_organization!("audit-log-integration"),
        id: "getIntegration",
        resource: Resource::Integration,
        summary: "Get the integration",
        description: "Also before anything is set up, for the external ID and the revision. Its ETag is what a write \
                      has to name.",
        answers: &[INTEGRATION_NOW],
        ..PLAIN
    },
    Operation {
        method: "PUT",
        path: of_organization!("audit-log-integration"),
        id: "replaceIntegration",
        resource: Resource::Integration,
        summary: "Set up, or replace the settings",
        description: "Sets audit logs up where nothing is set up yet. Settings that are left out take their defaults. \
                      The answer is the access check to wait for: what was sent is in force once it has passed. The \
                      same PUT again joins the check that is open.",
        if_match: true,
        body: body(
            "IntegrationReplace",
            r#"{"role_arn": "arn:aws:iam::111122223333:role/trailpost-audit-logs", "bucket": "acme-audit-logs", "prefix": "trailpost"}"#,
        ),
        answers: &[CHECK_BEGINS_OR_SWITCHED_OFF, INTEGRATION_NOW],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        method: "PATCH",
        path: of_organization!("audit-log-integration"),
        id: "updateIntegration",
        resource: Resource::Integration,
        summary: "Change settings, or turn the switch",
        description: "active: false needs pending. With discard the switch is off at once (200); with deliver_first it \
                      is off once everything stored so far is delivered (202), or stays on if that makes no progress \
                      for two minutes; active: true meanwhile keeps it on. active: true and changed settings run an \
                      access check.",
        if_match: true,
        body: patch("IntegrationPatch", r#"{"active": false, "pending": "deliver_first"}"#),
        answers: &[CHECK_BEGINS_OR_SWITCHED_OFF, INTEGRATION_NOW],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("audit-log-integration"),
        id: "deleteIntegration",
        resource: Resource::Integration,
        summary: "Remove the integration",
        description: "Settings go, files in the bucket stay.",
        query: &[Parameter {
            name: "pending",
            description: "What becomes of records that are not delivered yet.",
            kind: Kind::OneOf(&["discard", "deliver_first"]),
            required: true,
        }],
        if_match: true,
        answers: &[
            nothing("It is removed."),
            with_headers(
                answer(202, "It is removed once everything stored so far is delivered.", "Integration"),
                &["Location", "ETag"],
            ),
        ],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("checks"),
        id: "listChecks",
        resource: Resource::Checks,
        summary: "List access checks",
        description: "Newest first.",
        query: LIST,
        answers: &[answer(200, "A page of access checks.", "CheckList")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("checks"),
        id: "createCheck",
        resource: Resource::Checks,
        summary: "Run an access check",
        description: "Proves the settings in force and changes nothing.",
        body: optional_body("Nothing", "{}"),
        answers: &[CHECK_BEGINS],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("checks/{check_id}"),
        id: "getCheck",
        resource: Resource::Checks,
        summary: "Get an access check",
        description: "How far it is, stage by stage, and what to do if it failed.",
        answers: &[answer(200, "The access check.", "Check")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("checks/{check_id}/cancel"),
        id: "cancelCheck",
        resource: Resource::Checks,
        summary: "Cancel an access check",
        description: "What it was for is not put into force.",
        body: optional_body("Nothing", "{}"),
        answers: &[answer(200, "The access check, cancelled.", "Check")],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("deliveries"),
        id: "listDeliveries",
        resource: Resource::Deliveries,
        summary: "List deliveries",
        description: "Newest first.",
        query: LIST,
        answers: &[answer(200, "A page of deliveries.", "DeliveryList")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("deliveries"),
        id: "createDeliveries",
        resource: Resource::Deliveries,
        summary: "Deliver now",
        description: "What is pending is delivered without waiting for its window’s end, and a delivery that failed is \
                      tried at once.",
        body: optional_body("Nothing", "{}"),
        answers: &[
            with_headers(answer(202, "It is being delivered.", "Pending"), &["Location"]),
            answer(200, "Nothing is pending.", "Pending"),
        ],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("deliveries/{delivery_id}"),
        id: "getDelivery",
        resource: Resource::Deliveries,
        summary: "Get a delivery",
        description: "With its newest attempts and AWS’s answers to them.",
        answers: &[answer(200, "The delivery.", "DeliveryDetails")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("records"),
        id: "listRecords",
        resource: Resource::Records,
        summary: "List records",
        description: "Newest first; with after, what comes after that sequence, oldest first. A page of large records \
                      holds fewer than its limit: go on while next_cursor is there.",
        query: &[
            LIMIT,
            CURSOR,
            Parameter {
                name: "after",
                description: "A sequence; 0 begins with the oldest.",
                kind: Kind::Sequence,
                required: false,
            },
        ],
        answers: &[answer(200, "A page of records.", "RecordList")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("records/{record_id}"),
        id: "getRecord",
        resource: Resource::Records,
        summary: "Get a record",
        description: "",
        answers: &[answer(200, "The record.", "PlacedRecord")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("projects"),
        id: "listProjects",
        resource: Resource::Projects,
        summary: "List projects",
        description: "Newest first. An API key gets its own.",
        query: LIST,
        answers: &[answer(200, "A page of projects.", "ProjectList")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("projects"),
        id: "createProject",
        resource: Resource::Projects,
        summary: "Create a project",
        description: "",
        body: body("NewProject", r#"{"name": "Rockets"}"#),
        answers: &[with_headers(answer(201, "The project.", "Project"), &["Location"])],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("projects/{project_id}"),
        id: "getProject",
        resource: Resource::Projects,
        summary: "Get a project",
        description: "",
        answers: &[answer(200, "The project.", "Project")],
        ..PLAIN
    },
    Operation {
        method: "PATCH",
        path: of_organization!("projects/{project_id}"),
        id: "updateProject",
        resource: Resource::Projects,
        summary: "Rename a project",
        description: "",
        body: patch("ProjectPatch", r#"{"name": "Rockets"}"#),
        answers: &[answer(200, "The project.", "Project")],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("projects/{project_id}"),
        id: "deleteProject",
        resource: Resource::Projects,
        summary: "Delete a project",
        description: "Its API keys stop working.",
        answers: &[nothing("It is deleted.")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("api-keys"),
        id: "listApiKeys",
        resource: Resource::ApiKeys,
        summary: "List API keys",
        description: "Those of one project stand together, the newest first.",
        query: &[
            LIMIT,
            CURSOR,
            Parameter {
                name: "project_id",
                description: "Those of this project alone.",
                kind: Kind::Uuid,
                required: false,
            },
        ],
        answers: &[answer(200, "A page of API keys.", "ApiKeyList")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("api-keys"),
        id: "createApiKey",
        resource: Resource::ApiKeys,
        summary: "Create an API key",
        description: "The key itself is answered this once.",
        body: body("NewApiKey", r#"{"name": "ci", "project_id": "0199f3c2-7d1a-7000-8000-0123456789ab"}"#),
        answers: &[with_headers(answer(201, "The API key.", "ApiKeyWithToken"), &["Location"])],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("api-keys/{api_key_id}"),
        id: "getApiKey",
        resource: Resource::ApiKeys,
        summary: "Get an API key",
        description: "",
        answers: &[answer(200, "The API key.", "ApiKey")],
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("api-keys/{api_key_id}"),
        id: "deleteApiKey",
        resource: Resource::ApiKeys,
        summary: "Delete an API key",
        description: "It stops working at once.",
        answers: &[nothing("It is deleted.")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("members"),
        id: "listMembers",
        resource: Resource::Members,
        summary: "List members",
        description: "By e-mail address.",
        query: LIST,
        answers: &[answer(200, "A page of members.", "MemberList")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("members/{user_id}"),
        id: "getMember",
        resource: Resource::Members,
        summary: "Get a member",
        description: "",
        answers: &[answer(200, "The member.", "Member")],
        ..PLAIN
    },
    Operation {
        method: "PATCH",
        path: of_organization!("members/{user_id}"),
        id: "updateMember",
        resource: Resource::Members,
        summary: "Change a member’s role",
        description: "The last owner stays one.",
        body: patch("RolePatch", r#"{"role": "manager"}"#),
        answers: &[answer(200, "The member.", "Member")],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("members/{user_id}"),
        id: "deleteMember",
        resource: Resource::Members,
        summary: "Remove a member",
        description: "The account itself stays. The last owner can’t be removed.",
        answers: &[nothing("They are no member any more.")],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("invitations"),
        id: "listInvitations",
        resource: Resource::Invitations,
        summary: "List open invitations",
        description: "Newest first.",
        query: LIST,
        answers: &[answer(200, "A page of invitations.", "InvitationList")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("invitations"),
        id: "createInvitation",
        resource: Resource::Invitations,
        summary: "Invite somebody",
        description: "The link is answered this once; an older one of theirs stops working.",
        body: body("NewInvitation", r#"{"email": "new@acme.example", "role": "member"}"#),
        answers: &[with_headers(answer(201, "The invitation.", "InvitationWithUrl"), &["Location"])],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("invitations/{invitation_id}"),
        id: "getInvitation",
        resource: Resource::Invitations,
        summary: "Get an open invitation",
        description: "",
        answers: &[answer(200, "The invitation.", "Invitation")],
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("invitations/{invitation_id}"),
        id: "deleteInvitation",
        resource: Resource::Invitations,
        summary: "Revoke an invitation",
        description: "Its link stops working.",
        answers: &[nothing("It is revoked.")],
        ..PLAIN
    },
    Operation {
        path: of_organization!("service-accounts"),
        id: "listServiceAccounts",
        resource: Resource::ServiceAccounts,
        summary: "List service accounts",
        description: "Newest first.",
        query: LIST,
        answers: &[answer(200, "A page of service accounts.", "ServiceAccountList")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("service-accounts"),
        id: "createServiceAccount",
        resource: Resource::ServiceAccounts,
        summary: "Create a service account",
        description: "Its secret is answered this once.",
        body: body("NewServiceAccount", r#"{"name": "terraform", "role": "manager"}"#),
        answers: &[with_headers(
            answer(201, "The service account.", "ServiceAccountWithToken"),
            &["Location"],
        )],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: of_organization!("service-accounts/{service_account_id}"),
        id: "getServiceAccount",
        resource: Resource::ServiceAccounts,
        summary: "Get a service account",
        description: "With the secrets that work.",
        answers: &[answer(200, "The service account.", "ServiceAccountDetails")],
        ..PLAIN
    },
    Operation {
        method: "PATCH",
        path: of_organization!("service-accounts/{service_account_id}"),
        id: "updateServiceAccount",
        resource: Resource::ServiceAccounts,
        summary: "Change a service account’s role",
        description: "",
        body: patch("RolePatch", r#"{"role": "member"}"#),
        answers: &[answer(200, "The service account.", "ServiceAccountDetails")],
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("service-accounts/{service_account_id}"),
        id: "deleteServiceAccount",
        resource: Resource::ServiceAccounts,
        summary: "Delete a service account",
        description: "Its secrets stop working at once.",
        answers: &[nothing("It is deleted.")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: of_organization!("service-accounts/{service_account_id}/rotate"),
        id: "rotateServiceAccount",
        resource: Resource::ServiceAccounts,
        summary: "Rotate a secret",
        description: "The new secret is answered this once. The one before goes on working for the overlap, which has \
                      to be stated; with none, every other secret stops at once. While two work, only a rotation with \
                      the overlap none is taken.",
        body: body("Rotation", r#"{"overlap": "24h"}"#),
        answers: &[answer(200, "The service account with its new secret.", "ServiceAccountWithToken")],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        method: "DELETE",
        path: of_organization!("service-accounts/{service_account_id}/secrets/{secret_id}"),
        id: "deleteServiceAccountSecret",
        resource: Resource::ServiceAccounts,
        summary: "End a secret",
        description: "It stops working at once, before its overlap is over.",
        answers: &[nothing("It is ended.")],
        ..PLAIN
    },
    Operation {
        method: "POST",
        path: "/v1/events",
        id: "createEvents",
        resource: Resource::Events,
        summary: "Send records in",
        description: "One record, an array of them, or one a line: 1 to 10,000, 16 MiB at most, also with \
                      Content-Encoding: gzip. All are stored or none. 202 says that they are durable. \
                      The same id with the same content is stored once, so a request can be repeated.",
        body: Some(Body {
            schema: "SubmittedRecords",
            media_types: &["application/json", "application/x-ndjson"],
            required: true,
            example: r#"{"organization_id": "0199f3c2-7d1a-7000-8000-0123456789ab", "actor": {"principal_id": "42", "principal_name": "ci", "principal_type": "api_key"}, "event": {"action": "create", "resource_type": "index", "resource_id": "docs", "resource_name": "docs", "outcome": {"result": "success"}}}"#,
        }),
        answers: &[answer(202, "They are stored.", "Accepted")],
        conflicts: true,
        ..PLAIN
    },
    Operation {
        path: "/schemas/audit-record.v1.json",
        id: "getAuditRecordSchema",
        summary: "Get the JSON Schema of the audit record",
        answers: &[Answer {
            media_type: "application/schema+json",
            ..answer(200, "A JSON Schema, draft 2020-12.", "AnySchema")
        }],
        ..PLAIN
    },
    Operation {
        path: "/openapi.json",
        id: "getOpenApi",
        summary: "Get this document",
        answers: &[answer(200, "An OpenAPI 3.1 document.", "AnySchema")],
        ..PLAIN
    },
    Operation {
        path: "/livez",
        id: "getLiveness",
        summary: "Ask whether the process lives",
        answers: &[answer(200, "It does.", "Health")],
        ..PLAIN
    },
    Operation {
        path: "/readyz",
        id: "getReadiness",
        summary: "Ask whether it can serve",
        answers: &[answer(200, "It can.", "Health"), answer(503, "It can’t, and why.", "Health")],
        ..PLAIN
    },
];
