-- What Activity looks records up by. It is filled behind the append, by sequence and in small steps: what was appended
-- and is not in here yet is read from the records themselves.

-- Which organizations' records are in the index, and how far.
CREATE TABLE activity_progress (
    -- Stands for the organization in the index, in a tenth of the space of its id.
    number          BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id TEXT   NOT NULL UNIQUE REFERENCES organizations (id),
    -- Every record up to this sequence is in the index.
    through         BIGINT NOT NULL DEFAULT 0 CHECK (through >= 0)
);

-- One row for each thing that a record can be found by: who acted, what was done to what, how it went, who sent it.
-- There is no reference to the row above: it would be looked at for each of millions.
CREATE TABLE activity_terms (
    organization BIGINT NOT NULL,
    -- A hash of field and value (domain::activity): the record itself has the last word.
    term         BIGINT NOT NULL,
    sequence     BIGINT NOT NULL,
    PRIMARY KEY (organization, term, sequence)
);

-- The timeline: what was delivered and what failed, by when.
CREATE INDEX delivered_batches_by_time ON batches (organization_id, finished_at, records) WHERE state = 'delivered';
CREATE INDEX failed_attempts_by_time ON delivery_attempts (organization_id, finished_at) WHERE result = 'failed';
