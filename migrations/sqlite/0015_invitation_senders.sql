-- Who sent an invitation: it can be used only while its sender may still give its role.
ALTER TABLE invitations ADD COLUMN sender_kind TEXT
    CHECK (sender_kind IN ('operator', 'user', 'api_key', 'service_account'));
-- The sender's id, kept when they are gone: no foreign key. The operator has none.
ALTER TABLE invitations ADD COLUMN sender_id TEXT
    CHECK ((sender_id IS NOT NULL) = (sender_kind IS NOT NULL AND sender_kind != 'operator'));

-- Who sent those that are open was not kept, and may be somebody who was removed since: they end now, as if their
-- seven days were over. The members page lists them as expired, with a button that makes a new link; the operator
-- makes a new one with `organization invite-owner`.
UPDATE invitations SET expires_at = created_at WHERE used_at IS NULL AND revoked_at IS NULL;

CREATE INDEX open_invitations_of_a_sender ON invitations (organization_id, sender_id)
    WHERE used_at IS NULL AND revoked_at IS NULL;
