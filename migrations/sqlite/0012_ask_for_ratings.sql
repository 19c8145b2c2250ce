-- Asking the customer to rate the help (E8.1). Invariants: a ticket is asked about once at most, and a row without an
-- outbox mail stands for one that nobody is asked about; who was not asked cannot rate by mail.
CREATE TABLE ratings (
  ticket_id INTEGER PRIMARY KEY REFERENCES tickets (id),
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  user_id INTEGER NOT NULL REFERENCES users (id),
  outbox_id INTEGER REFERENCES outbox (id),
  asked_at TEXT NOT NULL,
  score INTEGER CHECK (score BETWEEN 1 AND 5),
  comment TEXT,
  rated_at TEXT
) STRICT;
