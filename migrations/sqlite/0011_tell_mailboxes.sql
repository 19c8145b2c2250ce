-- What mailboxes can be told about the mail that comes to them, whether their tagged addresses work, and mails that bear
-- one Message-ID.
-- Invariants: tags 'asked' has probe_id and asked_at; 'works' has answered_at, too. A Message-ID that came in has one row
-- in mail_variants, which is locked while the mails that bear it are compared.

-- split_per_mailbox: mail to this mailbox and to others opens a ticket here for itself (E1.12). tags: whether mail to its
-- tagged addresses comes in, as its probe has shown (E3.1): no probe yet, on its way, came back, did not. ids: whether the
-- probe still bore our Message-ID (E3.7).
ALTER TABLE mailboxes ADD COLUMN split_per_mailbox INTEGER NOT NULL DEFAULT 0 CHECK (split_per_mailbox IN (0, 1));
ALTER TABLE mailboxes ADD COLUMN tags TEXT NOT NULL DEFAULT 'untested' CHECK (tags IN ('untested', 'asked', 'works', 'failed'));
ALTER TABLE mailboxes ADD COLUMN ids TEXT CHECK (ids IN ('kept', 'replaced'));
ALTER TABLE mailboxes ADD COLUMN probe_id INTEGER REFERENCES outbox (id);
ALTER TABLE mailboxes ADD COLUMN asked_at TEXT;
ALTER TABLE mailboxes ADD COLUMN answered_at TEXT;

-- own_tickets: its mailbox had tickets of its own when it came (E1.12).
ALTER TABLE inbound_mails ADD COLUMN own_tickets INTEGER NOT NULL DEFAULT 0 CHECK (own_tickets IN (0, 1));

-- Mails with one Message-ID and other content (E1.9). variant_key: the id, and the mailbox where that has tickets of its own.
CREATE TABLE mail_variants (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  variant_key TEXT NOT NULL,
  first_mail_id INTEGER NOT NULL REFERENCES inbound_mails (id),
  newest_mail_id INTEGER NOT NULL REFERENCES inbound_mails (id),
  PRIMARY KEY (tenant_id, variant_key)
) STRICT;
INSERT INTO mail_variants (tenant_id, variant_key, first_mail_id, newest_mail_id)
SELECT tenant_id, message_id, MIN(id), MAX(id) FROM inbound_mails
WHERE message_id IS NOT NULL AND duplicate_of IS NULL AND state IN ('applied', 'quarantined')
GROUP BY tenant_id, message_id;
CREATE INDEX inbound_mails_variants ON inbound_mails (variant_of, id) WHERE variant_of IS NOT NULL;
