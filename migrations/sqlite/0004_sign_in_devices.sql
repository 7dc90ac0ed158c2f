-- Browsers that people signed in with. The token is in the browser's cookie alone; here is its hash, so a copy of this
-- table makes no browser known. A known one's failed sign-ins are counted in `sign_in_failures` by themselves, so that
-- nobody who guesses from elsewhere keeps its owner out.
CREATE TABLE sign_in_devices (
    user_id      TEXT    NOT NULL REFERENCES users (id),
    -- SHA-256 of the token. One browser may know several accounts.
    token_hash   BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, token_hash)
) STRICT;

CREATE INDEX sign_in_devices_by_token ON sign_in_devices (token_hash);
