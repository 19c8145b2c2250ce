-- Mail that we fetch, and doors that see the connection themselves.
-- Invariant: a message of a fetched folder has at most one arrival, named by account key, folder, UIDVALIDITY and UID
-- (E1.7); the cursor never passes a message that has neither an arrival nor a row in imap_failures (E10.5).

ALTER TABLE inbound_mails ADD COLUMN tls TEXT;

-- A mailbox on another server. secret is sealed with the instance's keys. ref_key is made anew when the account comes to
-- mean another mailbox, so that an old arrival never passes for a new message. since_at: older mail stays where it is.
CREATE TABLE imap_accounts (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  mailbox_id INTEGER NOT NULL REFERENCES mailboxes (id),
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  tls TEXT NOT NULL CHECK (tls IN ('implicit', 'starttls', 'off')),
  username TEXT NOT NULL,
  auth TEXT NOT NULL CHECK (auth IN ('password', 'xoauth2', 'oauthbearer')),
  secret BLOB NOT NULL,
  folder TEXT NOT NULL,
  after_fetch TEXT NOT NULL CHECK (after_fetch IN ('seen', 'move', 'delete')),
  move_to TEXT,
  sent_folder TEXT,
  since_at TEXT,
  ref_key TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  lease_token TEXT,
  lease_until TEXT,
  connected_at TEXT,
  success_at TEXT,
  error TEXT,
  error_at TEXT,
  failures INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  waiting_since TEXT,
  reconcile_asked_at TEXT,
  reconciled_at TEXT,
  reconciled TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX imap_accounts_tenant ON imap_accounts (tenant_id, id);
CREATE INDEX imap_accounts_mailbox ON imap_accounts (mailbox_id);

-- How far a folder was read.
CREATE TABLE imap_cursors (
  account_id INTEGER NOT NULL REFERENCES imap_accounts (id) ON DELETE CASCADE,
  folder TEXT NOT NULL,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  uidvalidity INTEGER NOT NULL,
  last_uid INTEGER NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (account_id, folder)
) STRICT;

-- Messages that could not be fetched: tried three times, then stubbed, and looked at again when reconciling.
CREATE TABLE imap_failures (
  account_id INTEGER NOT NULL REFERENCES imap_accounts (id) ON DELETE CASCADE,
  folder TEXT NOT NULL,
  uidvalidity INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  tries INTEGER NOT NULL,
  next_try_at TEXT,
  stubbed INTEGER NOT NULL CHECK (stubbed IN (0, 1)),
  error TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (account_id, folder, uidvalidity, uid)
) STRICT;

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''mailbox.update''', '''mailbox.update'', ''imap_account.create'', ''imap_account.update'', ''imap_account.delete''') WHERE name = 'audit_events';
PRAGMA writable_schema = RESET;
