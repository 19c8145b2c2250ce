-- What a tenant's agents keep in mind about a customer, beside all their tickets; the customer never sees it. Version counts
-- its changes, so that nobody writes over what they have not read. Invariant: goes when the person is erased.
CREATE TABLE customer_notes (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  user_id INTEGER NOT NULL REFERENCES users (id),
  body TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  noted_by INTEGER REFERENCES users (id),
  noted_at TEXT NOT NULL,
  PRIMARY KEY (user_id, tenant_id)
) STRICT;

PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''customer.note.update''') WHERE name = 'audit_events' AND type = 'table';
PRAGMA writable_schema=RESET;
