-- Tickets that are put off: hidden from the views that people work through until this moment, or until the customer writes
-- (the last moment of the year 9999). Invariant: a ticket that is put off is neither solved nor closed. NULL: it is not put
-- off; whoever wakes it sets NULL, so that lists and counts agree whatever the time is.
ALTER TABLE tickets ADD COLUMN snoozed_until TIMESTAMPTZ;
CREATE INDEX tickets_snoozed ON tickets (snoozed_until, tenant_id) WHERE snoozed_until IS NOT NULL;

-- A place where tickets are counted (0014) says whether they are put off. What is counted is not lost: nothing is put off yet.
ALTER TABLE ticket_counts ADD COLUMN snoozed BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE ticket_counts ALTER COLUMN snoozed DROP DEFAULT;
ALTER TABLE ticket_counts DROP CONSTRAINT ticket_counts_pkey, ADD PRIMARY KEY (tenant_id, status, assigned_to, snoozed);
ALTER TABLE ticket_count_deltas ADD COLUMN snoozed BOOLEAN NOT NULL DEFAULT FALSE;

DO $$ DECLARE kinds TEXT; BEGIN
  SELECT pg_get_constraintdef(oid) INTO STRICT kinds FROM pg_constraint
    WHERE conrelid = 'ticket_events'::regclass AND conname = 'ticket_events_kind_check';
  kinds := replace(kinds, '''REDACTED''::text', '''REDACTED''::text, ''WOKEN''::text');
  EXECUTE 'ALTER TABLE ticket_events DROP CONSTRAINT ticket_events_kind_check, ADD CONSTRAINT ticket_events_kind_check ' || kinds;
END $$;
