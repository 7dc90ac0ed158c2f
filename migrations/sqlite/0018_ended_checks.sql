-- Why it ended without its stages having failed: somebody cancelled it, or changed what it was about.
ALTER TABLE access_checks ADD COLUMN ended_because TEXT;
-- When the access to the settings in force was proved last, also by a daily check, whose row goes when it passes.
ALTER TABLE integrations ADD COLUMN access_proved_at INTEGER;
