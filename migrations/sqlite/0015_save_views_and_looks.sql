-- Searches that people keep in the queue's rail, for themselves or for all of their tenant (UI 3). Invariants: query is of
-- the one grammar of searches, and is read anew at each use, so that an old one may stop being understood; a view without a
-- tenant is a platform user's across all of them.
CREATE TABLE saved_views (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  owner_id INTEGER NOT NULL REFERENCES users (id),
  shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  sort TEXT NOT NULL,
  position INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX saved_views_owner ON saved_views (owner_id);
CREATE INDEX saved_views_shared ON saved_views (tenant_id) WHERE shared;

-- How far an agent has read a ticket: the seq of the last message that was on their page.
CREATE TABLE ticket_reads (
  user_id INTEGER NOT NULL REFERENCES users (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  seq INTEGER NOT NULL,
  PRIMARY KEY (user_id, ticket_id)
) STRICT;
CREATE INDEX ticket_reads_ticket ON ticket_reads (ticket_id);
