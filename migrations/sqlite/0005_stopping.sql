-- Records up to this sequence are sealed without waiting for their window's end: somebody asked for them now.
ALTER TABLE integrations ADD COLUMN deliver_through INTEGER NOT NULL DEFAULT 0;

-- Deliver first: what is to happen once everything up to the cut is delivered. One row while it is awaited.
CREATE TABLE stops (
    organization_id TEXT    NOT NULL PRIMARY KEY REFERENCES organizations (id),
    action          TEXT    NOT NULL CHECK (action IN ('disable', 'remove')),
    -- The sequence of the record that asked for it.
    cut             INTEGER NOT NULL,
    -- The caller as JSON (domain::caller): the record of the end names the same actor.
    asked_by        TEXT    NOT NULL,
    asked_at        INTEGER NOT NULL,
    -- The last delivery, or when it was asked for: without progress it is given up.
    progress_at     INTEGER NOT NULL
) STRICT;
