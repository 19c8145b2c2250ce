-- Merges of tickets, each with what undoing it needs: which messages moved and where they stood, who joined, and how both
-- tickets were before. Invariant: a ticket is merged into one other at a time.
CREATE TABLE ticket_merges (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  into_id INTEGER NOT NULL REFERENCES tickets (id),
  undo TEXT NOT NULL,
  merged_at TEXT NOT NULL,
  merged_by INTEGER REFERENCES users (id),
  undone_at TEXT,
  undone_by INTEGER REFERENCES users (id)
) STRICT;
CREATE UNIQUE INDEX ticket_merges_ticket ON ticket_merges (ticket_id) WHERE undone_at IS NULL;
CREATE INDEX ticket_merges_into ON ticket_merges (into_id);
