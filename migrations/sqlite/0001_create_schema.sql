-- The first schema. Invariants: every tenant-owned row names its tenant; enums are held by CHECKs; a ticket's
-- events, and kept mail, are append-only (triggers at the end); times are UTC.

-- Facts about this installation: secret (where the data folder does not hold it), epoch, ...
CREATE TABLE instance (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE tenants (
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  audience TEXT NOT NULL CHECK (audience IN ('public', 'organisation')),
  pid_prefix TEXT UNIQUE,
  locale TEXT NOT NULL CHECK (locale IN ('en', 'de')),
  settings TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
-- Only one tenant (the default one) may have no prefix, so that PIDs are unique over all tenants.
CREATE UNIQUE INDEX tenants_one_without_prefix ON tenants ((1)) WHERE pid_prefix IS NULL;

-- Anybody with an address. tenant_id NULL: a platform user, member of every tenant.
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  email TEXT NOT NULL,
  email_key TEXT NOT NULL,
  name TEXT,
  role TEXT NOT NULL CHECK (role IN ('customer', 'staff', 'manager', 'support', 'agent', 'sub_admin', 'admin', 'owner')),
  member INTEGER NOT NULL CHECK (member IN (0, 1)),
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  locale TEXT CHECK (locale IN ('en', 'de')),
  password_hash TEXT,
  capabilities TEXT NOT NULL,
  preferences TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_tenant_email ON users (COALESCE(tenant_id, 0), email_key);
CREATE INDEX users_email ON users (email_key);

-- Browser sessions; only the token's hash is kept.
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  token_hash TEXT NOT NULL UNIQUE,
  address TEXT,
  user_agent TEXT,
  created_at TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- capabilities: what the token may do at most; NULL: all that its user may.
CREATE TABLE api_tokens (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  capabilities TEXT,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  last_used_at TEXT,
  revoked_at TEXT
) STRICT;
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- Single-use links: invitation, password reset, sign-in.
CREATE TABLE links (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL CHECK (kind IN ('invite', 'password', 'link')),
  token_hash TEXT NOT NULL UNIQUE,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  used_at TEXT
) STRICT;

-- Failed logins, counted in the database so that several processes agree.
CREATE TABLE login_failures (
  id INTEGER PRIMARY KEY,
  account_key TEXT NOT NULL,
  address TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX login_failures_account ON login_failures (account_key, at);
CREATE INDEX login_failures_address ON login_failures (address, at);

-- Answers to POSTs that carried an Idempotency-Key, so that a repeat gets the same one.
CREATE TABLE idempotency_keys (
  owner TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status INTEGER,
  body TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (owner, idempotency_key)
) STRICT;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE mailboxes (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  address TEXT NOT NULL,
  address_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  tag_separator TEXT CHECK (tag_separator IN ('+', '-', '=')),
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX mailboxes_tenant ON mailboxes (tenant_id);

-- Nested subjects of tickets; tenant_id NULL: for all tenants.
CREATE TABLE categories (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  parent_id INTEGER REFERENCES categories (id),
  slug TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  default_assignee INTEGER REFERENCES users (id),
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX categories_slug ON categories (COALESCE(tenant_id, 0), slug);

-- The subjects that a support agent covers.
CREATE TABLE coverage (
  user_id INTEGER NOT NULL REFERENCES users (id),
  subject TEXT NOT NULL,
  subject_key TEXT NOT NULL,
  PRIMARY KEY (user_id, subject_key)
) STRICT;

-- One row per tenant and UTC month: incremented inside the transaction that inserts the ticket, so that PIDs are
-- gapless and never reused.
CREATE TABLE pid_counters (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  period TEXT NOT NULL,
  last INTEGER NOT NULL CHECK (last >= 1),
  PRIMARY KEY (tenant_id, period)
) STRICT;

CREATE TABLE tickets (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  pid TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  sub_subject TEXT,
  status TEXT NOT NULL CHECK (status IN ('new', 'triaged', 'in_progress', 'waiting_on_customer', 'needs_engineering', 'solved', 'closed')),
  priority TEXT NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
  type TEXT NOT NULL,
  folder TEXT NOT NULL CHECK (folder IN ('inbox', 'spam', 'trash')),
  channel TEXT NOT NULL CHECK (channel IN ('email', 'web', 'api', 'chat')),
  category_id INTEGER REFERENCES categories (id),
  mailbox_id INTEGER REFERENCES mailboxes (id),
  requester_id INTEGER NOT NULL REFERENCES users (id),
  created_by INTEGER REFERENCES users (id),
  assigned_to INTEGER REFERENCES users (id),
  version INTEGER NOT NULL,
  last_conflict_seq INTEGER NOT NULL,
  chain_head BLOB NOT NULL,
  merged_into INTEGER REFERENCES tickets (id),
  follow_up_of INTEGER REFERENCES tickets (id),
  snippet TEXT NOT NULL,
  message_count INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  last_activity_at TEXT NOT NULL,
  first_response_at TEXT,
  response_due_at TEXT,
  resolution_due_at TEXT,
  solved_at TEXT,
  solved_by INTEGER REFERENCES users (id),
  closed_at TEXT,
  closed_by INTEGER REFERENCES users (id),
  resolution_notes TEXT
) STRICT;
CREATE INDEX tickets_activity ON tickets (folder, last_activity_at DESC, id DESC);
CREATE INDEX tickets_tenant_activity ON tickets (tenant_id, folder, last_activity_at DESC, id DESC);
CREATE INDEX tickets_status_activity ON tickets (folder, status, last_activity_at DESC, id DESC);
CREATE INDEX tickets_tenant_status_activity ON tickets (tenant_id, folder, status, last_activity_at DESC, id DESC);
CREATE INDEX tickets_created ON tickets (tenant_id, created_at DESC, id DESC);
CREATE INDEX tickets_updated ON tickets (tenant_id, updated_at DESC, id DESC);
CREATE INDEX tickets_assignee ON tickets (assigned_to, folder, last_activity_at DESC, id DESC);
CREATE INDEX tickets_requester ON tickets (requester_id, last_activity_at DESC, id DESC);
CREATE INDEX tickets_category ON tickets (category_id, last_activity_at DESC, id DESC);
-- A tenant's tickets without an agent (a view of the queue): few rows among many.
CREATE INDEX tickets_unassigned ON tickets (tenant_id, folder, last_activity_at DESC, id DESC) WHERE assigned_to IS NULL AND status NOT IN ('solved', 'closed');

-- Requester, cc and followers. state new_sender: wrote to the ticket but is sent nothing until an agent accepts (E4.4).
CREATE TABLE ticket_participants (
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  user_id INTEGER NOT NULL REFERENCES users (id),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  kind TEXT NOT NULL CHECK (kind IN ('requester', 'cc', 'follower')),
  state TEXT NOT NULL CHECK (state IN ('accepted', 'new_sender')),
  created_at TEXT NOT NULL,
  PRIMARY KEY (ticket_id, user_id)
) STRICT;
CREATE INDEX ticket_participants_user ON ticket_participants (user_id);

CREATE TABLE tags (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  name TEXT NOT NULL,
  UNIQUE (tenant_id, name)
) STRICT;
CREATE TABLE ticket_tags (
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  tag_id INTEGER NOT NULL REFERENCES tags (id),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  PRIMARY KEY (ticket_id, tag_id)
) STRICT;
CREATE INDEX ticket_tags_tag ON ticket_tags (tag_id);

-- One entry of the conversation. seq is that of its event.
CREATE TABLE ticket_messages (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('reply', 'note', 'system')),
  side TEXT NOT NULL CHECK (side IN ('customer', 'staff', 'agent', 'system')),
  author_id INTEGER REFERENCES users (id),
  author_name TEXT,
  author_email TEXT,
  body TEXT NOT NULL,
  body_html TEXT,
  visible_text TEXT NOT NULL,
  class TEXT CHECK (class IN ('person', 'own_loop', 'dsn', 'mdn', 'arf', 'auto_reply', 'auto_generated', 'list_bulk')),
  verdict TEXT CHECK (verdict IN ('pass', 'weak', 'none', 'fail')),
  mail_id INTEGER,
  message_id TEXT,
  withdrawn_at TEXT,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_messages_ticket ON ticket_messages (ticket_id, seq);
CREATE INDEX ticket_messages_mail ON ticket_messages (mail_id);

-- The timeline: append-only, seq gapless per ticket, each hash over the one before. data holds ids, enum values and
-- salted digests; text and addresses lie in event_values, which erasing empties.
CREATE TABLE ticket_events (
  ticket_id INTEGER NOT NULL REFERENCES tickets (id),
  seq INTEGER NOT NULL,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  kind TEXT NOT NULL CHECK (kind IN (
    'CREATED', 'MESSAGE_ADDED', 'MESSAGE_WITHDRAWN', 'STATUS_CHANGED', 'PRIORITY_CHANGED', 'ASSIGNED',
    'CATEGORY_CHANGED', 'UPDATED', 'TAGGED', 'PARTICIPANT_ADDED', 'PARTICIPANT_REMOVED', 'INCIDENT_LINKED',
    'TICKET_LINKED', 'MERGED', 'UNMERGED', 'SPLIT', 'SNOOZED', 'TRASHED', 'MARKED_SPAM', 'RESTORED', 'ERASED',
    'MAIL_SENT', 'MAIL_DEFERRED', 'MAIL_MAYBE_SENT', 'MAIL_FAILED', 'MAIL_CANCELLED', 'MAIL_SUPPRESSED',
    'MAIL_BOUNCED', 'MAIL_REPORTED', 'AUTO_SUPPRESSED', 'MAIL_RETRIED', 'LOOP_IGNORED', 'MAIL_QUARANTINED',
    'ATTACHMENT_REFUSED', 'SLA_BREACHED', 'ESCALATED', 'RATED', 'REDACTED'
  )),
  actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'system', 'mail', 'worker')),
  actor_id INTEGER,
  data TEXT NOT NULL,
  at TEXT NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (ticket_id, seq)
) STRICT;
CREATE INDEX ticket_events_tenant_time ON ticket_events (tenant_id, at DESC);
CREATE INDEX ticket_events_time ON ticket_events (at DESC);
CREATE TABLE event_values (
  ticket_id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  content TEXT NOT NULL,
  PRIMARY KEY (ticket_id, seq)
) STRICT;

-- What concerns no ticket: logins, tokens, users, settings, raw mail viewed.
CREATE TABLE audit_events (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER REFERENCES tenants (id),
  kind TEXT NOT NULL CHECK (kind IN (
    'auth.login', 'auth.login.fail', 'auth.logout', 'auth.password.update', 'auth.link.create', 'token.create',
    'token.revoke', 'user.create', 'user.update', 'tenant.create', 'tenant.update', 'mailbox.create',
    'mailbox.update', 'category.create', 'category.update', 'team.coverage.update', 'mail.raw.view',
    'mail.replay', 'mail.release', 'audit.export'
  )),
  actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'system', 'mail', 'worker')),
  actor_id INTEGER,
  subject TEXT NOT NULL,
  address TEXT,
  request_id TEXT,
  data TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX audit_events_tenant_time ON audit_events (tenant_id, at DESC);
CREATE INDEX audit_events_time ON audit_events (at DESC);

-- Bytes of received mail, as received: in the row up to 64 KiB (compressed if that helps), else in the blob store.
CREATE TABLE raw_mails (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  encoding TEXT NOT NULL CHECK (encoding IN ('plain', 'deflate', 'blob')),
  bytes BLOB,
  created_at TEXT NOT NULL,
  UNIQUE (tenant_id, sha256),
  CHECK ((encoding = 'blob') = (bytes IS NULL))
) STRICT;

-- One arrival of a mail by one door, and what was decided about it.
CREATE TABLE inbound_mails (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  raw_id INTEGER NOT NULL REFERENCES raw_mails (id),
  mailbox_id INTEGER REFERENCES mailboxes (id),
  door TEXT NOT NULL CHECK (door IN ('raw', 'mock', 'smtp', 'lmtp', 'imap', 'pipe', 'import', 'mailgun', 'postmark', 'sendgrid', 'ses', 'cloudflare', 'postal')),
  door_ref TEXT,
  envelope_from TEXT,
  envelope_to TEXT NOT NULL,
  peer_ip TEXT,
  helo TEXT,
  received_at TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('kept', 'applied', 'quarantined', 'failed')),
  outcome TEXT CHECK (outcome IN ('ticket_created', 'message_added', 'duplicate', 'quarantined', 'bounce_recorded', 'auto_reply_stored', 'loop_ignored', 'report_recorded', 'spam_held', 'kept_unparsed', 'failed')),
  class TEXT CHECK (class IN ('person', 'own_loop', 'dsn', 'mdn', 'arf', 'auto_reply', 'auto_generated', 'list_bulk')),
  verdict TEXT CHECK (verdict IN ('pass', 'weak', 'none', 'fail')),
  reason TEXT,
  message_id TEXT,
  from_email TEXT,
  from_name TEXT,
  subject TEXT,
  flags TEXT NOT NULL,
  trace TEXT NOT NULL,
  ticket_id INTEGER REFERENCES tickets (id),
  ticket_message_id INTEGER REFERENCES ticket_messages (id),
  duplicate_of INTEGER REFERENCES inbound_mails (id),
  tries INTEGER NOT NULL,
  next_try_at TEXT,
  error TEXT,
  decided_at TEXT,
  UNIQUE (tenant_id, door, door_ref)
) STRICT;
CREATE INDEX inbound_mails_state ON inbound_mails (state, received_at);
CREATE INDEX inbound_mails_tenant ON inbound_mails (tenant_id, id DESC);
CREATE INDEX inbound_mails_raw ON inbound_mails (raw_id);
CREATE INDEX inbound_mails_ticket ON inbound_mails (ticket_id);

-- The uniqueness of mails, whatever became of them (E1.7, E1.8).
CREATE TABLE mail_keys (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  dedupe_key TEXT NOT NULL,
  mail_id INTEGER NOT NULL REFERENCES inbound_mails (id),
  PRIMARY KEY (tenant_id, dedupe_key)
) STRICT;
CREATE INDEX mail_keys_mail ON mail_keys (mail_id);

-- Message-IDs that lead to tickets: received ones, ours, those a relay gave instead of ours (E3.7), and those that a
-- mail of the ticket refers to, though nobody here has them (E4.1(5)).
CREATE TABLE message_ids (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  message_id TEXT NOT NULL,
  ticket_id INTEGER NOT NULL REFERENCES tickets (id) DEFERRABLE INITIALLY DEFERRED,
  ticket_message_id INTEGER,
  kind TEXT NOT NULL CHECK (kind IN ('received', 'sent', 'alias', 'referenced')),
  public INTEGER NOT NULL CHECK (public IN (0, 1)),
  created_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, message_id, ticket_id)
) STRICT;
CREATE INDEX message_ids_ticket ON message_ids (ticket_id, created_at);

-- Random short forms of tokens that do not fit behind a long mailbox name (E3.2).
CREATE TABLE address_handles (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  handle TEXT NOT NULL,
  token TEXT NOT NULL,
  PRIMARY KEY (tenant_id, handle)
) STRICT;

-- Bytes of files, addressed by content; the bytes themselves lie in the blob store.
CREATE TABLE blobs (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, sha256)
) STRICT;
CREATE TABLE attachments (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  ticket_id INTEGER REFERENCES tickets (id),
  ticket_message_id INTEGER REFERENCES ticket_messages (id),
  uploaded_by INTEGER REFERENCES users (id),
  filename TEXT NOT NULL,
  original_filename TEXT,
  content_type TEXT NOT NULL,
  sniffed_type TEXT,
  size_bytes INTEGER NOT NULL,
  sha256 TEXT,
  inline INTEGER NOT NULL CHECK (inline IN (0, 1)),
  content_id TEXT,
  meta TEXT,
  created_at TEXT NOT NULL,
  FOREIGN KEY (tenant_id, sha256) REFERENCES blobs (tenant_id, sha256)
) STRICT;
CREATE INDEX attachments_message ON attachments (ticket_message_id);
CREATE INDEX attachments_ticket ON attachments (ticket_id);
CREATE INDEX attachments_blob ON attachments (tenant_id, sha256);

-- One mail to one recipient. What it says is fixed when it is made: Message-ID, threading, recipient, reply address.
-- mime is what goes out, built once, the same octets at every attempt (E9.1).
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  kind TEXT NOT NULL CHECK (kind IN ('reply', 'ack', 'notice', 'invite', 'password', 'link', 'csat', 'digest')),
  ticket_id INTEGER REFERENCES tickets (id),
  ticket_message_id INTEGER REFERENCES ticket_messages (id),
  user_id INTEGER REFERENCES users (id),
  cause_mail_id INTEGER REFERENCES inbound_mails (id),
  to_email TEXT NOT NULL,
  to_key TEXT NOT NULL,
  to_domain TEXT NOT NULL,
  to_name TEXT,
  automatic INTEGER NOT NULL CHECK (automatic IN (0, 1)),
  subject TEXT NOT NULL,
  message_id TEXT NOT NULL,
  envelope_from TEXT NOT NULL,
  letter TEXT NOT NULL,
  mime BLOB,
  mime_blob TEXT,
  state TEXT NOT NULL CHECK (state IN ('held', 'queued', 'sending', 'sent', 'deferred', 'maybe_sent', 'dead', 'bounced', 'complained', 'cancelled', 'suppressed')),
  phase TEXT CHECK (phase IN ('before_body', 'body')),
  lease_token TEXT,
  lease_until TEXT,
  due_at TEXT,
  urgency INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  maybes INTEGER NOT NULL,
  reply_code INTEGER,
  enhanced TEXT,
  reply_text TEXT,
  relay_id TEXT,
  created_at TEXT NOT NULL,
  sent_at TEXT,
  updated_at TEXT NOT NULL
) STRICT;
-- What a claim looks for: the few rows that wait, among the many that rest (their due_at is NULL).
CREATE INDEX outbox_due ON outbox (urgency, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_leases ON outbox (lease_until) WHERE state = 'sending';
CREATE INDEX outbox_state ON outbox (state, id DESC);
CREATE INDEX outbox_tenant ON outbox (tenant_id, id DESC);
CREATE INDEX outbox_ticket ON outbox (ticket_id);
CREATE INDEX outbox_message ON outbox (ticket_message_id);
CREATE INDEX outbox_message_id ON outbox (tenant_id, message_id);
CREATE INDEX outbox_automatic_address ON outbox (tenant_id, to_key, created_at) WHERE automatic;
CREATE INDEX outbox_automatic_domain ON outbox (tenant_id, to_domain, created_at) WHERE automatic;

CREATE TABLE outbox_attempts (
  outbox_id INTEGER NOT NULL REFERENCES outbox (id),
  n INTEGER NOT NULL,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  at TEXT NOT NULL,
  phase TEXT NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('sent', 'temporary', 'permanent', 'relay_fault', 'unknown', 'lost', 'cancelled')),
  code INTEGER,
  enhanced TEXT,
  text TEXT NOT NULL,
  PRIMARY KEY (outbox_id, n)
) STRICT;

-- Addresses that we no longer send to, with the evidence (E9.13).
CREATE TABLE suppressions (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  email_key TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('hard_bounce', 'full', 'complaint', 'manual')),
  evidence TEXT NOT NULL,
  created_at TEXT NOT NULL,
  until_at TEXT NOT NULL,
  PRIMARY KEY (tenant_id, email_key)
) STRICT;

-- A relay at fault is paused, its mail stays queued (E9.7).
CREATE TABLE relays (
  relay TEXT NOT NULL PRIMARY KEY,
  paused_until TEXT,
  reason TEXT,
  updated_at TEXT NOT NULL
) STRICT;

-- Living workers, for /readyz.
CREATE TABLE workers (
  name TEXT NOT NULL PRIMARY KEY,
  started_at TEXT NOT NULL,
  seen_at TEXT NOT NULL
) STRICT;

-- What was written stays written.
CREATE TRIGGER ticket_events_no_update BEFORE UPDATE ON ticket_events BEGIN SELECT RAISE(ABORT, 'ticket_events is append-only'); END;
CREATE TRIGGER ticket_events_no_delete BEFORE DELETE ON ticket_events BEGIN SELECT RAISE(ABORT, 'ticket_events is append-only'); END;
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END;
CREATE TRIGGER raw_mails_no_update BEFORE UPDATE ON raw_mails BEGIN SELECT RAISE(ABORT, 'raw_mails is insert-only'); END;
