-- Incidents: outages that tickets can be linked to, of one tenant or (tenant_id NULL) of the platform. Each change that people
-- are to hear of is a row of incident_changes, told to one linked ticket after the other; incident_told says which have heard,
-- so that nobody hears twice, whoever goes on telling. Invariant: done_at NULL exactly while tickets may not have heard.
CREATE TABLE incidents (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  title TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
  state TEXT NOT NULL CHECK (state IN ('open', 'monitoring', 'resolved')),
  external_id TEXT,
  created_by INTEGER REFERENCES users (id),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  resolved_at TEXT
) STRICT;
CREATE UNIQUE INDEX incidents_external ON incidents (COALESCE(tenant_id, 0), external_id) WHERE external_id IS NOT NULL;

CREATE TABLE incident_changes (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  incident_id INTEGER NOT NULL REFERENCES incidents (id),
  data TEXT NOT NULL,
  body TEXT,
  changed_by INTEGER REFERENCES users (id),
  changed_at TEXT NOT NULL,
  due_at TEXT NOT NULL,
  tries INTEGER NOT NULL,
  done_at TEXT
) STRICT;
CREATE INDEX incident_changes_due ON incident_changes (due_at) WHERE done_at IS NULL;
CREATE INDEX incident_changes_incident ON incident_changes (incident_id, id);

-- The message is written at the end of its transaction.
CREATE TABLE incident_told (
  change_id INTEGER NOT NULL REFERENCES incident_changes (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  ticket_message_id INTEGER REFERENCES ticket_messages (id) DEFERRABLE INITIALLY DEFERRED,
  told_at TEXT NOT NULL,
  PRIMARY KEY (change_id, ticket_id)
) STRICT;

ALTER TABLE tickets ADD COLUMN incident_id INTEGER REFERENCES incidents (id);
CREATE INDEX tickets_incident ON tickets (incident_id, id) WHERE incident_id IS NOT NULL;

PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''REDACTED''', '''REDACTED'', ''INCIDENT_CHANGED''') WHERE name = 'ticket_events' AND type = 'table';
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''incident.create'', ''incident.update''') WHERE name = 'audit_events' AND type = 'table';
PRAGMA writable_schema=RESET;
