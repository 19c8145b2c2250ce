-- Tickets that are put off: hidden from the views that people work through until this moment, or until the customer writes
-- (the last moment of the year 9999). Invariant: a ticket that is put off is neither solved nor closed. NULL: it is not put
-- off; whoever wakes it sets NULL, so that lists and counts agree whatever the time is.
ALTER TABLE tickets ADD COLUMN snoozed_until TEXT;
CREATE INDEX tickets_snoozed ON tickets (snoozed_until, tenant_id) WHERE snoozed_until IS NOT NULL;

-- A place where tickets are counted (0014) says whether they are put off. What is counted is not lost: nothing is put off yet.
CREATE TABLE ticket_counts_with_snoozed (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  status TEXT NOT NULL CHECK (status IN ('new', 'triaged', 'in_progress', 'waiting_on_customer', 'needs_engineering', 'solved', 'closed')),
  assigned_to INTEGER NOT NULL,
  snoozed INTEGER NOT NULL CHECK (snoozed IN (0, 1)),
  total INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, status, assigned_to, snoozed)
) STRICT;
INSERT INTO ticket_counts_with_snoozed (tenant_id, status, assigned_to, snoozed, total)
  SELECT tenant_id, status, assigned_to, 0, total FROM ticket_counts;
DROP TABLE ticket_counts;
ALTER TABLE ticket_counts_with_snoozed RENAME TO ticket_counts;
ALTER TABLE ticket_count_deltas ADD COLUMN snoozed INTEGER NOT NULL DEFAULT 0 CHECK (snoozed IN (0, 1));

PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''REDACTED''', '''REDACTED'', ''WOKEN''') WHERE name = 'ticket_events' AND type = 'table';
PRAGMA writable_schema=RESET;
