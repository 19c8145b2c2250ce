-- What sending needs beside the outbox: DKIM keys, links for files that are too large to send, domains that asked for
-- less mail, failures that are counted before an address is suppressed, and notices that wait for a digest.
-- Invariants: a private key is stored sealed, never in clear; a file has at most one link; a domain without a row is
-- not slowed down.

-- Keys that sign mail (E8.9). tenant_id NULL: for all tenants that send from the domain.
CREATE TABLE dkim_keys (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  domain TEXT NOT NULL,
  selector TEXT NOT NULL,
  algorithm TEXT NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
  sealed_key BLOB NOT NULL,
  public_key TEXT NOT NULL,
  created_at TEXT NOT NULL,
  retired_at TEXT,
  UNIQUE (domain, selector)
) STRICT;
CREATE INDEX dkim_keys_tenant ON dkim_keys (tenant_id, id);

-- Files that went out as links (E8.5): one link for a file, whoever gets it.
CREATE TABLE file_links (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  attachment_id INTEGER NOT NULL UNIQUE REFERENCES attachments (id),
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  revoked_at TEXT,
  downloads INTEGER NOT NULL
) STRICT;
CREATE INDEX file_links_ticket ON file_links (ticket_id, id);

-- Domains that asked for less mail (E9.10): how many a minute they get now, and when the next may leave.
CREATE TABLE slow_domains (
  relay TEXT NOT NULL,
  domain TEXT NOT NULL,
  per_minute INTEGER NOT NULL CHECK (per_minute >= 1),
  next_at TEXT NOT NULL,
  faster_at TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (relay, domain)
) STRICT;

-- Proven failures of addresses that are full or fail for a time: five in a week suppress (E9.13).
CREATE TABLE delivery_failures (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  email_key TEXT NOT NULL,
  outbox_id INTEGER NOT NULL REFERENCES outbox (id),
  kind TEXT NOT NULL CHECK (kind IN ('hard', 'full', 'soft')),
  at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, email_key, outbox_id)
) STRICT;
CREATE INDEX delivery_failures_time ON delivery_failures (at);

-- Notices over an agent's cap, to be told in one mail (E5.12).
CREATE TABLE digest_items (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  user_id INTEGER NOT NULL REFERENCES users (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  template TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX digest_items_user ON digest_items (tenant_id, user_id, id);

-- Mail that waits for its time on a ticket: a customer's mail looks for it (E9.3).
CREATE INDEX outbox_held ON outbox (ticket_id) WHERE state = 'held';

PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''REDACTED''', '''REDACTED'', ''MAIL_HELD'', ''FILE_LINKED''') WHERE name = 'ticket_events';
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''dkim.create'', ''dkim.retire'', ''suppression.create'', ''suppression.delete'', ''file_link.revoke''') WHERE name = 'audit_events';
UPDATE sqlite_schema SET sql = replace(sql, '''follower''', '''follower'', ''bcc''') WHERE name = 'ticket_participants';
PRAGMA writable_schema=RESET;
