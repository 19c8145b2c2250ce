-- Canned replies, and who was named in a note. Invariants: a shortcut names one text within its tenant and owner; a mention
-- belongs to a note's message and one agent.
CREATE TABLE canned_replies (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  owner_id INTEGER REFERENCES users (id),
  name TEXT NOT NULL,
  shortcut TEXT NOT NULL,
  body TEXT NOT NULL,
  usage_count INTEGER NOT NULL,
  used_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX canned_replies_shortcut ON canned_replies (COALESCE(tenant_id, 0), COALESCE(owner_id, 0), shortcut);

-- The message is written at the end of its transaction, its mentions before.
CREATE TABLE mentions (
  ticket_message_id INTEGER NOT NULL REFERENCES ticket_messages (id) DEFERRABLE INITIALLY DEFERRED,
  user_id INTEGER NOT NULL REFERENCES users (id),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  created_at TEXT NOT NULL,
  PRIMARY KEY (ticket_message_id, user_id)
) STRICT;
CREATE INDEX mentions_user ON mentions (user_id, created_at DESC);

PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''REDACTED''', '''REDACTED'', ''MENTIONED''') WHERE name = 'ticket_events' AND type = 'table';
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''canned_reply.create'', ''canned_reply.update'', ''canned_reply.delete''') WHERE name = 'audit_events' AND type = 'table';
PRAGMA writable_schema=RESET;
