-- Erasing for good (E13.1) and forgetting (E13.2): an erased mail keeps its line and its dedupe key, and loses all else,
-- its octets included; what a ticket or a person said goes, the row and the chain of events stay.
-- Invariant: a received mail has no octets exactly if it is erased; what no row names any more leaves the blob store.
ALTER TABLE tickets ADD COLUMN erased_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN erased_at TIMESTAMPTZ;

-- Bytes that an erasure left without a row: removed after its commit, tried again until they are gone.
CREATE TABLE doomed_blobs (
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  sha256 TEXT NOT NULL,
  since TIMESTAMPTZ NOT NULL,
  due_at TIMESTAMPTZ NOT NULL,
  tries BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, sha256)
);
CREATE INDEX doomed_blobs_due ON doomed_blobs (due_at);
CREATE INDEX outbox_blob ON outbox (tenant_id, mime_blob) WHERE mime_blob IS NOT NULL;
CREATE INDEX outbox_user ON outbox (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX outbox_to ON outbox (tenant_id, to_key);
CREATE INDEX ticket_messages_author ON ticket_messages (author_id) WHERE author_id IS NOT NULL;

CREATE INDEX inbound_mails_erased ON inbound_mails (erased_at) WHERE erased_at IS NOT NULL;
CREATE INDEX inbound_mails_held ON inbound_mails (received_at) WHERE state = 'quarantined' AND erased_at IS NULL;
CREATE INDEX inbound_mails_repeats ON inbound_mails (duplicate_of) WHERE duplicate_of IS NOT NULL AND erased_at IS NULL;
CREATE INDEX inbound_mails_repeated ON inbound_mails (decided_at) WHERE duplicate_of IS NOT NULL AND erased_at IS NULL;
CREATE INDEX tickets_spam ON tickets (updated_at) WHERE folder = 'spam' AND erased_at IS NULL;

ALTER TABLE inbound_mails ALTER COLUMN raw_id DROP NOT NULL;
DO $$
DECLARE kinds TEXT;
BEGIN
  SELECT pg_get_constraintdef(oid) INTO STRICT kinds FROM pg_constraint
    WHERE conrelid = 'audit_events'::regclass AND conname = 'audit_events_kind_check';
  kinds := replace(kinds, '''audit.export''::text', '''audit.export''::text, ''user.erase''::text');
  EXECUTE 'ALTER TABLE audit_events DROP CONSTRAINT audit_events_kind_check, ADD CONSTRAINT audit_events_kind_check ' || kinds;
END $$;
