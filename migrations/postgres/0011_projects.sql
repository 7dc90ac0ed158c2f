-- Projects, who works in them, their API keys, and the organization's service accounts. What is deleted is gone: the
-- records keep its history. Everything goes with its organization, and a place in a project with the membership.

CREATE TABLE projects (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    -- The name without upper case: SQLite would fold ASCII alone.
    folded_name     TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    created_by      TEXT    NOT NULL,
    -- What is in a project names both, so that it can't be in another organization's.
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, folded_name)
);

CREATE TABLE project_members (
    organization_id TEXT    NOT NULL,
    project_id      TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    created_at      BIGINT  NOT NULL,
    PRIMARY KEY (project_id, user_id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id) ON DELETE CASCADE,
    FOREIGN KEY (organization_id, user_id) REFERENCES memberships (organization_id, user_id) ON DELETE CASCADE
);

CREATE INDEX project_members_of_a_member ON project_members (organization_id, user_id);

CREATE TABLE api_keys (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL,
    project_id      TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    folded_name     TEXT    NOT NULL,
    -- SHA-256 of the key.
    token_hash      BYTEA   NOT NULL UNIQUE,
    -- The key's first characters: enough to recognise it, of no use to anybody else.
    token_start     TEXT    NOT NULL,
    created_at      BIGINT  NOT NULL,
    created_by      TEXT    NOT NULL,
    -- Written once a minute at most.
    last_used_at    BIGINT,
    UNIQUE (project_id, folded_name),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id) ON DELETE CASCADE
);

CREATE INDEX api_keys_in_order ON api_keys (organization_id, project_id, id);

CREATE TABLE service_accounts (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    folded_name     TEXT    NOT NULL,
    client_id       TEXT    NOT NULL UNIQUE,
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'manager', 'member', 'billing_admin')),
    created_at      BIGINT  NOT NULL,
    created_by      TEXT    NOT NULL,
    UNIQUE (organization_id, folded_name)
);

CREATE INDEX service_accounts_in_order ON service_accounts (organization_id, id);

CREATE TABLE service_account_secrets (
    id                 TEXT    NOT NULL PRIMARY KEY,
    service_account_id TEXT    NOT NULL REFERENCES service_accounts (id) ON DELETE CASCADE,
    -- SHA-256 of the secret.
    token_hash         BYTEA   NOT NULL UNIQUE,
    token_start        TEXT    NOT NULL,
    created_at         BIGINT  NOT NULL,
    created_by         TEXT    NOT NULL,
    -- When it stops working, once another took its place.
    expires_at         BIGINT,
    -- Written once a minute at most.
    last_used_at       BIGINT
);

-- Beside the secret in force there is only what is running out.
CREATE UNIQUE INDEX one_secret_in_force ON service_account_secrets (service_account_id) WHERE expires_at IS NULL;
CREATE INDEX secrets_of_a_service_account ON service_account_secrets (service_account_id);
