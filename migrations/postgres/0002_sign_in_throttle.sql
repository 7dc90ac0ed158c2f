-- Failed sign-ins in a row, by account and by address: what slows guessing, in every process alike. Kept for
-- accounts that do not exist too, so that neither answer, work nor write tells them apart.
CREATE TABLE sign_in_failures (
    -- SHA-256 of what is counted: addresses and e-mail addresses of strangers are nobody's business.
    subject_hash   BYTEA   NOT NULL PRIMARY KEY,
    failures       BIGINT  NOT NULL CHECK (failures > 0),
    last_failed_at BIGINT  NOT NULL
);

CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_failed_at);
