-- Everybody sees where they are signed in and ends single sessions: the audit knows it.
DO $$
DECLARE kinds TEXT;
BEGIN
  SELECT pg_get_constraintdef(oid) INTO STRICT kinds FROM pg_constraint
    WHERE conrelid = 'audit_events'::regclass AND conname = 'audit_events_kind_check';
  kinds := replace(kinds, '''audit.export''::text', '''audit.export''::text, ''session.revoke''::text');
  EXECUTE 'ALTER TABLE audit_events DROP CONSTRAINT audit_events_kind_check, ADD CONSTRAINT audit_events_kind_check ' || kinds;
END $$;
