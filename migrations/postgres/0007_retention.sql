-- What ended long ago is forgotten: these find it without looking at what is young.
CREATE INDEX batches_by_end ON batches (finished_at);
CREATE INDEX access_checks_by_end ON access_checks (finished_at);
