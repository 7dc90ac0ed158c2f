-- A closed organization is nobody's any more: what is pending is still delivered, and then every row of it goes.
ALTER TABLE organizations ADD COLUMN closed_at BIGINT;

CREATE INDEX closed_organizations ON organizations (closed_at) WHERE closed_at IS NOT NULL;

CREATE INDEX invitations_of_an_organization ON invitations (organization_id, created_at);

-- Whose a session is, where it was begun and when it was last used: what its owner is shown, to end those of theirs
-- that they don't know.
ALTER TABLE sessions ADD COLUMN user_id TEXT REFERENCES users (id);
ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN last_seen_at BIGINT NOT NULL DEFAULT 0;

-- Those that are there: a session ends twelve hours after it was last used.
UPDATE sessions
   SET user_id = (SELECT id FROM users WHERE id = (CAST(data AS json) -> 'signed_in' ->> 'user')),
       created_at = expires_at - 43200000,
       last_seen_at = expires_at - 43200000;

CREATE INDEX sessions_of_a_user ON sessions (user_id);
