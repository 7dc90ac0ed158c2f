-- Links that work once. The token is in the link alone; here is its hash, so a copy of these tables opens nothing.

-- Which password is in force: it changes with every reset, and a session made under another is over.
ALTER TABLE users ADD COLUMN password_set_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE invitations (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    email           TEXT    NOT NULL,
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'manager', 'member', 'billing_admin')),
    -- SHA-256 of the link's token.
    token_hash      BLOB    NOT NULL UNIQUE,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    used_at         INTEGER,
    revoked_at      INTEGER,
    CHECK (used_at IS NULL OR revoked_at IS NULL)
) STRICT;

-- The newest invitation is the one that counts: it revokes the one before.
CREATE UNIQUE INDEX one_open_invitation ON invitations (organization_id, email)
    WHERE used_at IS NULL AND revoked_at IS NULL;

CREATE TABLE password_resets (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL REFERENCES users (id),
    -- SHA-256 of the link's token.
    token_hash BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    revoked_at INTEGER,
    CHECK (used_at IS NULL OR revoked_at IS NULL)
) STRICT;

-- The newest reset is the one that counts: it revokes the one before.
CREATE UNIQUE INDEX one_open_password_reset ON password_resets (user_id)
    WHERE used_at IS NULL AND revoked_at IS NULL;
