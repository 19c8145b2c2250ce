-- What somebody began to write and has not sent: kept from keystroke to keystroke, so that no closed page, lost session or
-- other machine loses it. Invariant: one draft per person, ticket and kind; it goes in the transaction that posts it.
CREATE TABLE drafts (
  user_id INTEGER NOT NULL REFERENCES users (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  kind TEXT NOT NULL CHECK (kind IN ('reply', 'note')),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  body TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (user_id, ticket_id, kind)
) STRICT;
CREATE INDEX drafts_ticket ON drafts (ticket_id);
