//! What the last action did, told once on the next page. The cookie holds the name of a sentence, never a text.

use tower_cookies::Cookies;

use super::Web;
use super::visitor::lasting_cookie;

/// A toast, for a page.
#[derive(Clone, Debug)]
pub(super) struct Flash {
    /// `success`, `warning` or `danger`.
    pub(super) kind: &'static str,
    /// The sentence.
    pub(super) text: String,
}

/// The sentences that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sentence {
    Renamed,
    Disabled,
    Removed,
    Stopping,
    StoppingNow,
    StoppedWaiting,
    DeliveringNow,
    NothingWaits,
    NothingFailed,
    NotStopping,
    TryingAgain,
    CheckCancelled,
    CheckHadEnded,
    CheckJoined,
    CheckPassed,
    Nothing,
    AccountMade,
    Joined,
    PasswordSet,
    ProjectCreated,
    ProjectRenamed,
    ProjectDeleted,
    ProjectMemberAdded,
    ProjectRoleChanged,
    ProjectMemberRemoved,
    ApiKeyDeleted,
    ServiceAccountRoleChanged,
    SecretEnded,
    ServiceAccountDeleted,
    InvitationRevoked,
    RoleChanged,
    MemberRemoved,
    Left,
    OrganizationDeleted,
    NameSaved,
    PasswordChanged,
    SessionEnded,
    OtherSessionsEnded,
}

const ALL: &[(Sentence, &str, &str, &str)] = &[
    (Sentence::Renamed, "renamed", "success", "The organization was renamed."),
    (Sentence::Disabled, "disabled", "success", "Audit logs are inactive. Nothing new is collected."),
    (Sentence::Removed, "removed", "success", "The integration was removed. Files in your bucket stay."),
    (Sentence::Stopping, "stopping", "success", "What was collected is delivered first."),
    (
        Sentence::StoppingNow,
        "stopping-now",
        "warning",
        "Audit logs are being stopped. Nothing was changed: stop waiting first.",
    ),
    (
        Sentence::StoppedWaiting,
        "waited",
        "success",
        "Stopped waiting. Everything is as before; nothing is lost.",
    ),
    (Sentence::DeliveringNow, "now", "success", "What waits is being delivered now."),
    (Sentence::NothingWaits, "none", "warning", "Nothing is waiting to be delivered."),
    (Sentence::NothingFailed, "none-failed", "warning", "No delivery waits to be tried again."),
    (Sentence::NotStopping, "not-stopping", "warning", "Nothing is being waited for."),
    (Sentence::TryingAgain, "again", "success", "The delivery is being tried again."),
    (
        Sentence::CheckCancelled,
        "cancelled",
        "success",
        "The access check was cancelled. Nothing was changed.",
    ),
    (Sentence::CheckHadEnded, "ended", "warning", "The access check had ended already."),
    (Sentence::CheckPassed, "passed", "success", "The access check passed."),
    (Sentence::CheckJoined, "joined", "warning", "An access check was under way already: this is the one."),
    (Sentence::Nothing, "nothing", "warning", "That was done already. Nothing was changed."),
    (Sentence::AccountMade, "account", "success", "Your account is ready and you are signed in."),
    (Sentence::Joined, "joined-organization", "success", "You are a member of this organization now."),
    (Sentence::PasswordSet, "password-set", "success", "Your password was set. Sign in with it."),
    (Sentence::ProjectCreated, "project-created", "success", "The project was created."),
    (Sentence::ProjectRenamed, "project-renamed", "success", "The project was renamed."),
    (Sentence::ProjectDeleted, "project-deleted", "success", "The project was deleted, with its API keys."),
    (Sentence::ProjectMemberAdded, "project-member-added", "success", "The member was added to the project."),
    (Sentence::ProjectRoleChanged, "project-role-changed", "success", "The role in the project was changed."),
    (
        Sentence::ProjectMemberRemoved,
        "project-member-removed",
        "success",
        "The member was removed from the project.",
    ),
    (Sentence::ApiKeyDeleted, "api-key-deleted", "success", "The API key was deleted. It works no more."),
    (
        Sentence::ServiceAccountRoleChanged,
        "service-account-role",
        "success",
        "The service account’s role was changed.",
    ),
    (Sentence::SecretEnded, "secret-ended", "success", "The secret was ended. It works no more."),
    (
        Sentence::ServiceAccountDeleted,
        "service-account-deleted",
        "success",
        "The service account was deleted. Its secrets work no more.",
    ),
    (Sentence::InvitationRevoked, "revoked", "success", "The invitation was revoked. Its link is over."),
    (Sentence::RoleChanged, "role", "success", "The role was changed."),
    (Sentence::MemberRemoved, "member-removed", "success", "The member was removed."),
    (Sentence::Left, "left", "success", "You left the organization."),
    (
        Sentence::OrganizationDeleted,
        "organization-deleted",
        "success",
        "The organization is closed. What was pending is still delivered; then it is deleted.",
    ),
    (Sentence::NameSaved, "name", "success", "Your name was saved."),
    (
        Sentence::PasswordChanged,
        "password-changed",
        "success",
        "Your password was changed. Everywhere else you are signed out.",
    ),
    (Sentence::SessionEnded, "session-ended", "success", "That browser is signed out."),
    (Sentence::OtherSessionsEnded, "sessions-ended", "success", "Everywhere else you are signed out."),
];

fn cookie_name(web: &Web) -> String {
    web.config.public_url.cookie_name("flash")
}

/// Leaves a sentence for the next page.
pub(super) fn leave(web: &Web, cookies: &Cookies, sentence: Sentence) {
    if let Some((_, name, ..)) = ALL.iter().find(|(known, ..)| *known == sentence) {
        let mut cookie = lasting_cookie(web, cookie_name(web), (*name).to_owned());
        cookie.set_max_age(tower_cookies::cookie::time::Duration::minutes(1));
        cookies.add(cookie);
    }
}

/// Takes the sentence that was left.
pub(super) fn take(web: &Web, cookies: &Cookies) -> Option<Flash> {
    let left = cookies.get(&cookie_name(web))?;
    let (_, _, kind, text) = ALL.iter().find(|(_, name, ..)| *name == left.value())?;
    // Removed by a cookie with the same attributes: a browser ignores a `__Host-` cookie without Secure.
    let mut removal = lasting_cookie(web, cookie_name(web), String::new());
    removal.make_removal();
    cookies.add(removal);
    Some(Flash { kind, text: (*text).to_owned() })
}
