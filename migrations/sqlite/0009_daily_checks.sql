-- Asked for by nobody: made once a day while audit logs are active. Whoever asks for a check ends it.
ALTER TABLE access_checks ADD COLUMN daily INTEGER NOT NULL DEFAULT 0 CHECK (daily IN (0, 1));

-- When the next daily check is due. It counts only while records are collected.
ALTER TABLE integrations ADD COLUMN next_check_at INTEGER;
-- Since when it is known that the role lets anybody in who knows its ARN. Deliveries go on.
ALTER TABLE integrations ADD COLUMN too_open_since INTEGER;

-- Those that are active already are not all checked at once.
UPDATE integrations SET next_check_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000 + abs(random()) % 86400000 WHERE active = 1;

CREATE INDEX integrations_by_daily_check ON integrations (next_check_at, organization_id)
    WHERE next_check_at IS NOT NULL AND active = 1 AND suspended = 0;
