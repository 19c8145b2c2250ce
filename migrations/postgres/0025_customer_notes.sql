-- What a tenant's agents keep in mind about a customer, beside all their tickets; the customer never sees it. Version counts
-- its changes, so that nobody writes over what they have not read. Invariant: goes when the person is erased.
CREATE TABLE customer_notes (
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  user_id BIGINT NOT NULL REFERENCES users (id),
  body TEXT NOT NULL,
  version BIGINT NOT NULL CHECK (version > 0),
  noted_by BIGINT REFERENCES users (id),
  noted_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, tenant_id)
);

DO $$
DECLARE
  kinds TEXT;
BEGIN
  SELECT pg_get_constraintdef(oid) INTO STRICT kinds FROM pg_constraint
    WHERE conrelid = 'audit_events'::regclass AND conname = 'audit_events_kind_check';
  kinds := replace(kinds, '''audit.export''::text', '''audit.export''::text, ''customer.note.update''::text');
  EXECUTE 'ALTER TABLE audit_events DROP CONSTRAINT audit_events_kind_check, ADD CONSTRAINT audit_events_kind_check ' || kinds;
END $$;
