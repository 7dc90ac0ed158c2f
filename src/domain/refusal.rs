//! Why a change was refused by a rule, although its caller was let in. The attempt has a record, which says so.

/// The rules that refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The role does not include it, or the API key is another project's; it may have been changed a moment ago.
    #[error("The caller’s role or API key doesn’t allow this.")]
    NotAllowed,
    /// A role would be granted, or its bearer touched, that may do more than the caller.
    #[error("Nobody grants a role above their own.")]
    RoleAboveOwn,
    /// Something of the kind has the name already.
    #[error("This name is taken.")]
    NameTaken,
    /// The user is in the project already.
    #[error("This user is a member of the project already.")]
    AlreadyMember,
    /// A third secret beside two that work.
    #[error("Two secrets work already: end one of them first, or let the new one replace both now.")]
    TwoSecrets,
}

impl Refusal {
    /// Its code in the record.
    pub fn error_code(self) -> &'static str {
        match self {
            Refusal::NotAllowed | Refusal::RoleAboveOwn => "PERMISSION_DENIED",
            Refusal::NameTaken | Refusal::AlreadyMember => "ALREADY_EXISTS",
            Refusal::TwoSecrets => "FAILED_PRECONDITION",
        }
    }
}
