-- Conventions, shared with the other engine: ids are UUIDs as text, instants are milliseconds since the
-- Unix epoch, flags are 0 or 1, JSON is text. State machines live in CHECK constraints and partial indexes.

CREATE TABLE organizations (
    id               TEXT    NOT NULL PRIMARY KEY,
    name             TEXT    NOT NULL,
    plan             TEXT    NOT NULL CHECK (plan IN ('starter', 'standard', 'enterprise')),
    -- Ours, for the customer's trust policy. Two organizations never share one.
    external_id      TEXT    NOT NULL UNIQUE,
    -- The three running facts that an append moves forward while it holds this row's lock.
    last_sequence    BIGINT  NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
    last_recorded_at BIGINT  NOT NULL DEFAULT 0,
    total_bytes      BIGINT  NOT NULL DEFAULT 0 CHECK (total_bytes >= 0),
    created_at       BIGINT  NOT NULL
);

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    -- A PHC string (argon2id).
    password_hash TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL
);

CREATE TABLE memberships (
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    user_id         TEXT    NOT NULL REFERENCES users (id),
    role            TEXT    NOT NULL CHECK (role IN ('owner', 'manager', 'member', 'billing_admin')),
    created_at      BIGINT  NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

CREATE INDEX memberships_of_a_user ON memberships (user_id);

CREATE TABLE sessions (
    -- SHA-256 of the cookie's value: a copy of this table signs nobody in.
    id_hash    BYTEA   NOT NULL PRIMARY KEY,
    data       TEXT    NOT NULL,
    expires_at BIGINT  NOT NULL
);

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE producer_tokens (
    id                TEXT    NOT NULL PRIMARY KEY,
    producer          TEXT    NOT NULL,
    token_hash        BYTEA   NOT NULL UNIQUE,
    all_organizations BIGINT  NOT NULL CHECK (all_organizations IN (0, 1)),
    created_at        BIGINT  NOT NULL,
    expires_at        BIGINT,
    revoked_at        BIGINT
);

CREATE TABLE producer_token_organizations (
    token_id        TEXT NOT NULL REFERENCES producer_tokens (id),
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    PRIMARY KEY (token_id, organization_id)
);

-- Append-only. Commit order is sequence order, because an append holds its organization's row.
CREATE TABLE records (
    organization_id   TEXT    NOT NULL REFERENCES organizations (id),
    sequence          BIGINT  NOT NULL CHECK (sequence >= 1),
    record_id         TEXT    NOT NULL,
    recorded_at       BIGINT  NOT NULL,
    bytes             BIGINT  NOT NULL CHECK (bytes > 0),
    -- The organization's total_bytes with this record: sizes of runs are a subtraction.
    running_bytes     BIGINT  NOT NULL,
    -- Which producer sent it; NULL for what Trailpost itself records.
    producer          TEXT,
    -- SHA-256 of what the producer sent: tells a repeat from another record under the same id.
    submission_digest BYTEA,
    line              TEXT    NOT NULL,
    PRIMARY KEY (organization_id, sequence),
    UNIQUE (organization_id, record_id)
);

-- Where a window ends: the first sequence recorded at or after an instant.
CREATE INDEX records_by_time ON records (organization_id, recorded_at, sequence);

-- One row for each organization, made with it: revision and fencing token must never run back, so the row
-- outlives a removed integration, which is then not `configured`.
CREATE TABLE integrations (
    organization_id      TEXT    NOT NULL PRIMARY KEY REFERENCES organizations (id),
    configured           BIGINT  NOT NULL DEFAULT 0 CHECK (configured IN (0, 1)),
    active               BIGINT  NOT NULL DEFAULT 0 CHECK (active IN (0, 1)),
    suspended            BIGINT  NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
    health               TEXT    NOT NULL DEFAULT 'ok' CHECK (health IN ('ok', 'retrying', 'action_needed')),
    revision             BIGINT  NOT NULL DEFAULT 0,
    role_arn             TEXT,
    bucket               TEXT,
    prefix               TEXT,
    bucket_owner_account TEXT,
    format               TEXT CHECK (format IN ('json', 'ndjson')),
    compression          TEXT CHECK (compression IN ('none', 'gzip')),
    window_minutes       BIGINT,
    changed_by           TEXT,
    changed_at           BIGINT,
    -- Every sequence up to this one is in a batch or in no collection range.
    sealed_through       BIGINT  NOT NULL DEFAULT 0,
    -- The lease: one writer at a time delivers for an organization. The token only grows; a result is taken
    -- only under the token it was claimed with.
    lease_owner          TEXT,
    lease_expires_at     BIGINT,
    lease_token          BIGINT  NOT NULL DEFAULT 0,
    -- One retry schedule for the organization.
    failures             BIGINT  NOT NULL DEFAULT 0,
    retry_at             BIGINT  NOT NULL DEFAULT 0,
    failing_since        BIGINT,
    failure              TEXT,
    CHECK (active = 0 OR configured = 1),
    CHECK (suspended = 0 OR configured = 1),
    CHECK (configured = 0 OR (role_arn IS NOT NULL AND bucket IS NOT NULL AND prefix IS NOT NULL
        AND format IS NOT NULL AND compression IS NOT NULL AND window_minutes IS NOT NULL)),
    CHECK ((failure IS NULL) = (failing_since IS NULL)),
    CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL))
);

CREATE TABLE collection_ranges (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    first_sequence  BIGINT  NOT NULL,
    -- The last member; NULL while the range is open.
    last_sequence   BIGINT,
    closed_because  TEXT CHECK (closed_because IN ('disabled', 'removed', 'suspended')),
    -- The first member that was discarded undelivered, if any was.
    discarded_from  BIGINT,
    opened_at       BIGINT  NOT NULL,
    closed_at       BIGINT,
    CHECK ((last_sequence IS NULL) = (closed_because IS NULL)),
    CHECK ((last_sequence IS NULL) = (closed_at IS NULL)),
    CHECK (last_sequence >= first_sequence),
    CHECK (discarded_from IS NULL OR discarded_from BETWEEN first_sequence AND last_sequence)
);

-- Collecting happens in one range at a time.
CREATE UNIQUE INDEX one_open_collection_range ON collection_ranges (organization_id) WHERE last_sequence IS NULL;
CREATE INDEX collection_ranges_in_order ON collection_ranges (organization_id, first_sequence);

-- Fixed at sealing: nothing but state, digest and where it went ever changes.
CREATE TABLE batches (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    range_id        TEXT    NOT NULL REFERENCES collection_ranges (id),
    window_start    BIGINT  NOT NULL,
    window_minutes  BIGINT  NOT NULL,
    first_sequence  BIGINT  NOT NULL,
    last_sequence   BIGINT  NOT NULL,
    records         BIGINT  NOT NULL,
    bytes           BIGINT  NOT NULL,
    format          TEXT    NOT NULL CHECK (format IN ('json', 'ndjson')),
    compression     TEXT    NOT NULL CHECK (compression IN ('none', 'gzip')),
    -- SHA-256 of the uncompressed content, from the first encoding on: every later try must make the same.
    digest          BYTEA,
    state           TEXT    NOT NULL CHECK (state IN ('sealed', 'delivered', 'discarded', 'expired')),
    sealed_at       BIGINT  NOT NULL,
    finished_at     BIGINT,
    bucket          TEXT,
    object_key      TEXT,
    UNIQUE (organization_id, first_sequence),
    CHECK (last_sequence >= first_sequence AND records = last_sequence - first_sequence + 1),
    CHECK ((state = 'sealed') = (finished_at IS NULL)),
    CHECK (state != 'delivered' OR (bucket IS NOT NULL AND object_key IS NOT NULL))
);

-- What the writer looks for: the oldest undelivered batch of each organization.
CREATE INDEX undelivered_batches ON batches (organization_id, first_sequence) WHERE state = 'sealed';

-- One row a try, written before the PUT: a try that never came back stays `unknown`.
CREATE TABLE delivery_attempts (
    id              TEXT    NOT NULL PRIMARY KEY,
    batch_id        TEXT    NOT NULL REFERENCES batches (id),
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    lease_token     BIGINT  NOT NULL,
    role_arn        TEXT    NOT NULL,
    bucket          TEXT    NOT NULL,
    object_key      TEXT    NOT NULL,
    started_at      BIGINT  NOT NULL,
    finished_at     BIGINT,
    result          TEXT    NOT NULL CHECK (result IN ('unknown', 'written', 'already_there', 'failed')),
    failure         TEXT,
    request_id      TEXT,
    CHECK ((result = 'failed') = (failure IS NOT NULL)),
    CHECK ((result = 'unknown') = (finished_at IS NULL))
);

CREATE INDEX attempts_of_a_batch ON delivery_attempts (batch_id, started_at);

CREATE TABLE access_checks (
    id                   TEXT    NOT NULL PRIMARY KEY,
    organization_id      TEXT    NOT NULL REFERENCES organizations (id),
    purpose              TEXT    NOT NULL CHECK (purpose IN ('enable', 'update', 'activate', 'test')),
    -- The caller as JSON (domain::caller): the record of the result names the same actor.
    asked_by             TEXT    NOT NULL,
    -- Whose role is read again when the check is applied; NULL where nobody pressed anything.
    asked_by_user        TEXT    REFERENCES users (id),
    revision             BIGINT  NOT NULL,
    role_arn             TEXT    NOT NULL,
    bucket               TEXT    NOT NULL,
    prefix               TEXT    NOT NULL,
    bucket_owner_account TEXT,
    format               TEXT    NOT NULL,
    compression          TEXT    NOT NULL,
    window_minutes       BIGINT  NOT NULL,
    state                TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'passed', 'failed', 'cancelled', 'superseded')),
    -- The stages and how each went, as JSON (domain::access_check).
    stages               TEXT    NOT NULL,
    failure              TEXT,
    asked_at             BIGINT  NOT NULL,
    -- The last sign of life of the writer that runs it; with the token it works like the integration's lease.
    seen_at              BIGINT  NOT NULL,
    run_token            BIGINT  NOT NULL DEFAULT 0,
    finished_at          BIGINT,
    CHECK ((state IN ('waiting', 'running')) = (finished_at IS NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);

-- A double click joins the open check instead of starting another.
CREATE UNIQUE INDEX one_open_access_check ON access_checks (organization_id) WHERE state IN ('waiting', 'running');
CREATE INDEX access_checks_in_order ON access_checks (organization_id, asked_at, id);
