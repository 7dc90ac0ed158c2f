-- How S3 is asked to encrypt: as the bucket does by itself, until an owner says otherwise. A key goes with KMS and
-- with nothing else.
ALTER TABLE integrations ADD COLUMN encryption TEXT CHECK (encryption IN ('bucket_default', 'sse_s3', 'kms'));

UPDATE integrations SET encryption = 'bucket_default' WHERE configured = 1;

ALTER TABLE integrations ADD COLUMN kms_key_arn TEXT
    CHECK (configured = 0 OR encryption IS NOT NULL)
    CHECK ((kms_key_arn IS NOT NULL) = (encryption IS NOT NULL AND encryption = 'kms'));

ALTER TABLE access_checks ADD COLUMN encryption TEXT NOT NULL DEFAULT 'bucket_default'
    CHECK (encryption IN ('bucket_default', 'sse_s3', 'kms'));
ALTER TABLE access_checks ADD COLUMN kms_key_arn TEXT
    CHECK ((kms_key_arn IS NOT NULL) = (encryption = 'kms'));

-- As the try asked for it: settings change, and a file in the bucket stays what it is.
ALTER TABLE delivery_attempts ADD COLUMN encryption TEXT NOT NULL DEFAULT 'bucket_default'
    CHECK (encryption IN ('bucket_default', 'sse_s3', 'kms'));
ALTER TABLE delivery_attempts ADD COLUMN kms_key_arn TEXT
    CHECK ((kms_key_arn IS NOT NULL) = (encryption = 'kms'));
