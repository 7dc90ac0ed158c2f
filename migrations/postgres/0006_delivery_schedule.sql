-- One column says when an organization's oldest undelivered batch is to be tried, so that a writer finds the next one by
-- an index, however many organizations there are: NULL while nothing is sealed, the end of the wait after a failure, and the end of the lease while a writer has it.
ALTER TABLE integrations ADD COLUMN due_at BIGINT;

UPDATE integrations SET due_at = CASE
        WHEN lease_owner IS NULL THEN retry_at
        WHEN lease_expires_at > retry_at THEN lease_expires_at
        ELSE retry_at
    END
 WHERE EXISTS (SELECT 1 FROM batches b WHERE b.organization_id = integrations.organization_id AND b.state = 'sealed');

ALTER TABLE integrations DROP COLUMN retry_at;

-- Those whose deliveries fail have turns of their own: they never keep the others waiting.
CREATE INDEX due_healthy_integrations ON integrations (due_at, organization_id)
    WHERE due_at IS NOT NULL AND failures = 0;
CREATE INDEX due_failing_integrations ON integrations (due_at, organization_id)
    WHERE due_at IS NOT NULL AND failures > 0;

-- Somebody asked for a try while another was under way: should that fail, the next one follows at once.
ALTER TABLE integrations ADD COLUMN again_at_once BIGINT NOT NULL DEFAULT 0 CHECK (again_at_once IN (0, 1));

-- Since when AWS has refused us the role, without a break. Many at once are not their owners' doing.
ALTER TABLE integrations ADD COLUMN denied_since BIGINT;

CREATE INDEX denied_integrations ON integrations (denied_since) WHERE denied_since IS NOT NULL;
