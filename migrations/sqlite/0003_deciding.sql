-- Deciding, completely: doubtful joins wait for an agent (E4.4), moved messages keep their ids (E4.8), same Message-ID
-- with other content (E1.9), agents' forwards (E6), spam (E5.10), floods (E5.12) and storms (E5.13).

-- The tray: a ticket whose mail may belong to another one (linked), somebody new on a ticket (new_sender), a message that
-- seems to be about something else (split; E4.10). Open until an agent says join or new.
CREATE TABLE ticket_joins (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  kind TEXT NOT NULL CHECK (kind IN ('linked', 'new_sender', 'split')),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  other_id INTEGER REFERENCES tickets (id),
  user_id INTEGER REFERENCES users (id),
  ticket_message_id INTEGER REFERENCES ticket_messages (id),
  why TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'joined', 'apart')),
  created_at TEXT NOT NULL,
  decided_at TEXT,
  decided_by INTEGER REFERENCES users (id)
) STRICT;
CREATE INDEX ticket_joins_open ON ticket_joins (tenant_id, id DESC) WHERE state = 'open';
CREATE INDEX ticket_joins_ticket ON ticket_joins (ticket_id);
CREATE INDEX ticket_joins_other ON ticket_joins (other_id);

-- Who forwarded a requester's message, and when it was written (E6.2, E6.3).
ALTER TABLE ticket_messages ADD COLUMN forwarded_by INTEGER REFERENCES users (id);
ALTER TABLE ticket_messages ADD COLUMN written_at TEXT;

-- The ticket that an id's message was split from: an answer to it follows the message, whatever its token says (E4.8).
ALTER TABLE message_ids ADD COLUMN moved_from INTEGER REFERENCES tickets (id);

-- variant_of: an earlier arrival with the same Message-ID and other content. also_mailboxes: further mailboxes of the
-- tenant that the mail names, JSON. from_key: the sender's address as compared, for storms. released_*: let out of
-- quarantine by somebody. erased_at: its octets are gone, the line stays.
ALTER TABLE inbound_mails ADD COLUMN variant_of INTEGER REFERENCES inbound_mails (id);
ALTER TABLE inbound_mails ADD COLUMN also_mailboxes TEXT;
ALTER TABLE inbound_mails ADD COLUMN from_key TEXT;
ALTER TABLE inbound_mails ADD COLUMN spam TEXT CHECK (spam IN ('none', 'suspected', 'held'));
ALTER TABLE inbound_mails ADD COLUMN released_at TEXT;
ALTER TABLE inbound_mails ADD COLUMN erased_at TEXT;
CREATE INDEX inbound_mails_sender ON inbound_mails (tenant_id, from_key, received_at) WHERE from_key IS NOT NULL;

-- body_marker: the ticket's signed marker is the last line of what we send (E3.8). gateways: senders of web forms whose
-- Reply-To is the requester (E6.6), JSON. ack_forms: whether those requesters get an acknowledgement.
ALTER TABLE mailboxes ADD COLUMN body_marker INTEGER NOT NULL DEFAULT 0 CHECK (body_marker IN (0, 1));
ALTER TABLE mailboxes ADD COLUMN gateways TEXT NOT NULL DEFAULT '[]';
ALTER TABLE mailboxes ADD COLUMN ack_forms INTEGER NOT NULL DEFAULT 0 CHECK (ack_forms IN (0, 1));

-- What an acknowledged mail says but for its digits, as a digest: a robot with ever new addresses is one address (E5.12).
ALTER TABLE outbox ADD COLUMN pattern TEXT;
CREATE INDEX outbox_pattern ON outbox (tenant_id, to_domain, pattern, created_at) WHERE pattern IS NOT NULL;

-- Senders of more than 20 mails in 10 minutes (E5.13). Between began_at and ended_at their tickets are one line of the
-- queue page, lead_ticket_id's; until quiet_until they are sent nothing automatic.
CREATE TABLE storms (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  user_id INTEGER NOT NULL REFERENCES users (id),
  email_key TEXT NOT NULL,
  lead_ticket_id INTEGER REFERENCES tickets (id),
  began_at TEXT NOT NULL,
  ended_at TEXT NOT NULL,
  quiet_until TEXT NOT NULL
) STRICT;
CREATE INDEX storms_sender ON storms (tenant_id, email_key, quiet_until);
CREATE INDEX storms_user ON storms (user_id, began_at);
CREATE INDEX storms_lead ON storms (lead_ticket_id);

-- New kinds of events and of the audit.
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''REDACTED''', '''REDACTED'', ''REQUESTER_CHANGED'', ''PARTICIPANT_CHANGED'', ''KEPT_APART''') WHERE name = 'ticket_events';
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''mail.purge'', ''mail.storm'', ''mail.complaints''') WHERE name = 'audit_events';
PRAGMA writable_schema=RESET;
