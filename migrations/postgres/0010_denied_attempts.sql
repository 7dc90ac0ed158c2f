-- Attempts that were turned away, of one principal in one organization, in the minute that the first of them began. So
-- many have a record of their own; the rest is counted, and has one record when the minute is over.
CREATE TABLE denied_attempts (
    organization_id   TEXT    NOT NULL REFERENCES organizations (id),
    principal_id      TEXT    NOT NULL,
    -- Failed sign-ins are anybody's who knows the address: they leave the records of denied attempts their room.
    kind              TEXT    NOT NULL CHECK (kind IN ('denied', 'failed_login')),
    minute_ends_at    BIGINT  NOT NULL,
    attempts          BIGINT  NOT NULL CHECK (attempts > 0),
    -- Of those that were only counted; NULL while there are none.
    first_left_out_at BIGINT,
    last_at           BIGINT  NOT NULL,
    -- The last one's, as JSON (domain::caller, domain::denied_attempt): the record of the rest names it.
    caller            TEXT    NOT NULL,
    attempt           TEXT    NOT NULL,
    PRIMARY KEY (organization_id, principal_id, kind)
);

CREATE INDEX denied_attempts_by_end ON denied_attempts (minute_ends_at);

-- Wrong passwords on their way into the records. There is a row also where no account has the address, so that neither
-- the answer nor the write tells accounts from nobodies; a writer takes them out in order.
CREATE TABLE failed_logins (
    id         TEXT    NOT NULL PRIMARY KEY,
    -- NULL where there is no such account.
    user_id    TEXT,
    user_agent TEXT    NOT NULL,
    source_ip  TEXT,
    failed_at  BIGINT  NOT NULL
);

-- The last stop that was given up because nothing could be delivered: the page tells of it until something changes.
CREATE TABLE given_up_stops (
    organization_id TEXT    NOT NULL PRIMARY KEY REFERENCES organizations (id),
    action          TEXT    NOT NULL CHECK (action IN ('disable', 'remove')),
    -- By name.
    asked_by        TEXT    NOT NULL,
    given_up_at     BIGINT  NOT NULL,
    -- The integration's after giving up: with any other one it is an old story.
    revision        BIGINT  NOT NULL
);
