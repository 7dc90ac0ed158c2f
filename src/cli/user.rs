//! `trailpost user`: people's way back to their account.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::answer::{Answer, CommandError};
use super::operator::{Desk, OperatorArguments};
use crate::domain::user::EmailAddress;

#[derive(Debug, Args)]
pub(super) struct UserArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// A link that lets a person set a new password, or revoke the open ones
    ResetLink {
        /// What they sign in with
        #[arg(long)]
        email: EmailAddress,
        /// Revoke the open links instead
        #[arg(long)]
        revoke: bool,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

/// Does what was asked for.
pub(super) async fn run(arguments: UserArguments) -> ExitCode {
    let Action::ResetLink { email, revoke, operator } = arguments.action;
    operator
        .run(
            async |desk| {
                if revoke { revoke_links(desk, email).await } else { reset_link(desk, email).await }
            },
        )
        .await
}

async fn reset_link(desk: &Desk, email: EmailAddress) -> Result<Answer, CommandError> {
    let (url, token) = desk.new_link("password-resets")?;
    let made = desk.store.create_password_reset(email.clone(), token.hash()).await?;
    let expires_at = made.ok_or_else(|| unknown(&email))?;
    let answer = Answer::new(
        format!("Password reset of {email}, valid until {}:\n{url}", expires_at.exact()),
        json!({ "reset_url": url, "expires_at": expires_at }),
    );
    Ok(answer.making(format!(
        "a password reset of {email} was made; revoke it with: trailpost user reset-link --email {email} --revoke"
    )))
}

async fn revoke_links(desk: &Desk, email: EmailAddress) -> Result<Answer, CommandError> {
    let revoked = desk.store.revoke_password_resets(email.clone()).await?.ok_or_else(|| unknown(&email))?;
    Ok(Answer::new(
        format!("Open password resets of {email} that were revoked: {revoked}."),
        json!({ "revoked": revoked }),
    ))
}

fn unknown(email: &EmailAddress) -> CommandError {
    CommandError::Failed(format!(
        "there is no account with the e-mail address {email}; see the owners: trailpost organization show ID"
    ))
}
