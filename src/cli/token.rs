//! `trailpost token`: who may send records, for which organizations.

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{Span, SpanRelativeTo};
use serde_json::{Value, json};

use super::answer::{Answer, CommandError, table};
use super::operator::{Desk, OperatorArguments};
use super::organization;
use crate::domain::clock::Timestamp;
use crate::domain::credential::{ProducerName, ProducerToken};
use crate::domain::id::{OrganizationId, TokenId};
use crate::store::{ListedToken, TokenRefused, TokenScope};

/// A shorter one is a slip, and a longer one does not expire.
const LIFETIMES: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(3650 * 24);

#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token; it is shown this once
    Create {
        /// The name that is stored beside its records
        #[arg(long, value_name = "NAME")]
        producer: ProducerName,
        #[command(flatten)]
        scope: ScopeArguments,
        /// When it stops working by itself, such as 90d or 12h: 1 minute to 10 years; a day is 24 hours
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires: Option<Duration>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Every token that was ever made, newest first
    List {
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Make a token useless at once
    Revoke {
        /// Its ID
        token_id: TokenId,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeArguments {
    /// The organizations that it may send records for
    #[arg(long, value_name = "ID", num_args = 1..)]
    organization: Vec<OrganizationId>,
    /// It may send records for all organizations, also later ones
    #[arg(long)]
    all_organizations: bool,
}

impl ScopeArguments {
    fn into_scope(self) -> TokenScope {
        if self.all_organizations {
            TokenScope::AllOrganizations
        } else {
            TokenScope::Organizations(self.organization.into_iter().collect())
        }
    }
}

/// Does what was asked for.
pub(super) async fn run(arguments: TokenArguments) -> ExitCode {
    match arguments.action {
        Action::Create { producer, scope, expires, operator } => {
            operator.run(async |desk| create(desk, producer, scope.into_scope(), expires).await).await
        }
        Action::List { operator } => operator.run(async |desk| list(desk).await).await,
        Action::Revoke { token_id, operator } => {
            operator.run(async |desk| revoke(desk, token_id).await).await
        }
    }
}

async fn create(
    desk: &Desk,
    producer: ProducerName,
    scope: TokenScope,
    expires: Option<Duration>,
) -> Result<Answer, CommandError> {
    let token = ProducerToken::generate(&desk.entropy);
    let expires_at = expires.map(|span| desk.clock.now() + span);
    let made = desk.store.create_token(producer.clone(), token.hash(), scope, expires_at).await;
    let id = made.map_err(|error| match error {
        TokenRefused::UnknownOrganization(id) => organization::unknown(id),
        TokenRefused::Store(error) => error.into(),
    })?;
    let until = expires_at.map_or_else(|| "is revoked".to_owned(), Timestamp::exact);
    let answer = Answer::new(
        format!("Token {id} of {producer}, valid until {until}. It is shown this once:\n{}", token.expose()),
        json!({ "token_id": id, "token": token.expose() }),
    );
    Ok(answer.making(format!("token {id} was made; revoke it with: trailpost token revoke {id}")))
}

async fn list(desk: &Desk) -> Result<Answer, CommandError> {
    let tokens = desk.store.tokens().await?;
    let now = desk.clock.now();
    let mut rows = vec![["ID", "PRODUCER", "ORGANIZATIONS", "CREATED", "STATE"].map(str::to_owned).to_vec()];
    rows.extend(tokens.iter().map(|token| {
        let organizations = match &token.scope {
            TokenScope::AllOrganizations => "all".to_owned(),
            TokenScope::Organizations(ids) => ids.len().to_string(),
        };
        let (producer, created) = (token.producer.to_string(), token.created_at.exact());
        vec![token.id.to_string(), producer, organizations, created, state(token, now)]
    }));
    let json = json!({ "tokens": tokens.iter().map(json_of).collect::<Vec<_>>() });
    Ok(Answer::new(table(&rows), json))
}

fn state(token: &ListedToken, now: Timestamp) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", at.exact()),
        (None, Some(at)) if at <= now => format!("expired {}", at.exact()),
        (None, Some(at)) => format!("valid until {}", at.exact()),
        (None, None) => "valid".to_owned(),
    }
}

fn json_of(token: &ListedToken) -> Value {
    let organizations: Vec<OrganizationId> = match &token.scope {
        TokenScope::AllOrganizations => Vec::new(),
        TokenScope::Organizations(ids) => ids.iter().copied().collect(),
    };
    json!({
        "token_id": token.id,
        "producer": token.producer,
        "all_organizations": token.scope == TokenScope::AllOrganizations,
        "organizations": organizations,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    })
}

async fn revoke(desk: &Desk, id: TokenId) -> Result<Answer, CommandError> {
    if !desk.store.revoke_token(id).await? {
        let reason =
            format!("there is no token with the id {id} still to be revoked; see: trailpost token list");
        return Err(CommandError::Failed(reason));
    }
    Ok(Answer::new(
        format!("Token {id} is revoked: nothing is taken from its bearer any more."),
        json!({ "token_id": id, "revoked": true }),
    ))
}

/// A span of time that is the same wherever it starts.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("“{text}” is not a span such as 90d, 12h or 1d 12h (weeks at most)");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    let lifetime = Duration::try_from(duration).ok().filter(|lifetime| LIFETIMES.contains(lifetime));
    lifetime.ok_or_else(|| "a token lives for 1 minute to 10 years (3650d); write one such as 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_as_long_wherever_it_starts() {
        assert_eq!(span("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(span("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(span("1d 12h"), Ok(Duration::from_secs(36 * 3600)));
        for wrong in ["", "90", "soon", "1month", "2y"] {
            assert!(span(wrong).unwrap_err().contains("is not a span"), "{wrong}");
        }
    }

    #[test]
    fn a_token_lives_for_a_minute_to_ten_years() {
        assert_eq!(span("1m"), Ok(Duration::from_secs(60)));
        assert_eq!(span("3650d"), Ok(Duration::from_secs(3650 * 86_400)));
        for wrong in ["0d", "-1d", "59s", "1ns", "3650d 1s", "7000000d"] {
            assert!(span(wrong).unwrap_err().contains("1 minute to 10 years"), "{wrong}");
        }
    }
}
