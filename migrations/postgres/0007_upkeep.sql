-- What ended long ago is forgotten: these find it without looking at what is young.
CREATE INDEX batches_by_end ON batches (finished_at);
CREATE INDEX access_checks_by_end ON access_checks (finished_at);

-- Whether this database can be written is found out by writing: a row of a probe comes and goes in one transaction.
CREATE TABLE write_probes (
    id         TEXT    NOT NULL PRIMARY KEY,
    written_at BIGINT  NOT NULL
);
