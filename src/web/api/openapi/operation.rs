//! What an operation of the API takes and answers.

use http::Method;

/// A family of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Resource {
    Integration,
    Checks,
    Deliveries,
    Records,
    Projects,
    ApiKeys,
    Members,
    Invitations,
    ServiceAccounts,
    Events,
    Service,
}

impl Resource {
    /// In the order of the documentation.
    pub(in crate::web) const ALL: [Resource; 11] = [
        Resource::Integration,
        Resource::Checks,
        Resource::Deliveries,
        Resource::Records,
        Resource::Projects,
        Resource::ApiKeys,
        Resource::Members,
        Resource::Invitations,
        Resource::ServiceAccounts,
        Resource::Events,
        Resource::Service,
    ];

    pub(in crate::web) fn name(self) -> &'static str {
        match self {
            Resource::Integration => "audit-log-integration",
            Resource::Checks => "checks",
            Resource::Deliveries => "deliveries",
            Resource::Records => "records",
            Resource::Projects => "projects",
            Resource::ApiKeys => "api-keys",
            Resource::Members => "members",
            Resource::Invitations => "invitations",
            Resource::ServiceAccounts => "service-accounts",
            Resource::Events => "events",
            Resource::Service => "service",
        }
    }

    pub(in crate::web) fn description(self) -> &'static str {
        match self {
            Resource::Integration => {
                "The audit-log set-up of an organization: one or none. Every write names the revision that it saw: \
                 send the ETag as If-Match. What needs AWS is proved by an access check first; until that passes, the \
                 settings before stay in force and deliver."
            }
            Resource::Checks => {
                "Access checks: the staged proof that role and bucket work. One is open at a time; asking again joins it."
            }
            Resource::Deliveries => {
                "The files that records were delivered in, and the batches that are still to be delivered."
            }
            Resource::Records => {
                "The audit log itself, each record exactly as it is delivered, also while nothing is delivered. To \
                 follow it, keep the last sequence and ask for what comes after it."
            }
            Resource::Projects => "The organization’s projects. An API key reaches its own.",
            Resource::ApiKeys => {
                "The keys of all projects. An API key sees those of its own project, and neither makes nor deletes any."
            }
            Resource::Members => "Who belongs to the organization, and as what.",
            Resource::Invitations => {
                "Invitations that are open. Whoever has an account signs in and joins; others set a password first."
            }
            Resource::ServiceAccounts => {
                "Programs with a role in the organization, and the secrets that they prove themselves by."
            }
            Resource::Events => {
                "For the products beside Trailpost: records are sent in with a producer token."
            }
            Resource::Service => "What the service says of itself, without a secret.",
        }
    }
}

/// A parameter of an address's query.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Parameter {
    pub(in crate::web) name: &'static str,
    pub(in crate::web) description: &'static str,
    pub(in crate::web) kind: Kind,
    pub(in crate::web) required: bool,
}

/// What a parameter's value is.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) enum Kind {
    Text,
    Uuid,
    Limit,
    Sequence,
    OneOf(&'static [&'static str]),
}

/// What is sent with an operation.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Body {
    pub(in crate::web) schema: &'static str,
    pub(in crate::web) media_types: &'static [&'static str],
    pub(in crate::web) required: bool,
    /// JSON.
    pub(in crate::web) example: &'static str,
}

/// An answer that is no problem.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Answer {
    pub(in crate::web) status: u16,
    pub(in crate::web) description: &'static str,
    /// None for an answer without a body.
    pub(in crate::web) schema: Option<&'static str>,
    pub(in crate::web) media_type: &'static str,
    /// Headers that it has besides those of every answer.
    pub(in crate::web) headers: &'static [&'static str],
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Operation {
    pub(in crate::web) method: &'static str,
    pub(in crate::web) path: &'static str,
    pub(in crate::web) id: &'static str,
    pub(in crate::web) resource: Resource,
    pub(in crate::web) summary: &'static str,
    pub(in crate::web) description: &'static str,
    pub(in crate::web) query: &'static [Parameter],
    /// Whether it needs If-Match.
    pub(in crate::web) if_match: bool,
    pub(in crate::web) body: Option<Body>,
    pub(in crate::web) answers: &'static [Answer],
    /// Whether it can clash with how things are.
    pub(in crate::web) conflicts: bool,
}

impl Operation {
    /// The names of the parameters in its path.
    pub(in crate::web) fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether it is for the bearers of an API key or a service account's secret.
    pub(in crate::web) fn is_of_an_organization(&self) -> bool {
        self.path.starts_with("/v1/organizations/")
    }

    pub(in crate::web) fn has_method(&self, method: &Method) -> bool {
        self.method == method.as_str()
    }

    /// The statuses of the problems that it can answer with.
    pub(in crate::web) fn problems(&self) -> Vec<u16> {
        let of_an_organization = self.is_of_an_organization();
        let is_ingestion = self.resource == Resource::Events;
        let with_a_body = self.body.is_some();
        let candidates = [
            (401, of_an_organization || is_ingestion),
            (403, of_an_organization),
            (404, of_an_organization),
            (408, with_a_body),
            (409, self.conflicts),
            (412, self.if_match),
            (413, with_a_body),
            (415, with_a_body),
            (422, of_an_organization || with_a_body),
            (428, self.if_match),
            (429, is_ingestion),
            (503, of_an_organization || is_ingestion),
        ];
        candidates.into_iter().filter(|(_, can)| *can).map(|(status, _)| status).collect()
    }
}
