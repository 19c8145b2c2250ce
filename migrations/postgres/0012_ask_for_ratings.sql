-- Asking the customer to rate the help (E8.1). Invariants: a ticket is asked about once at most, and a row without an
-- outbox mail stands for one that nobody is asked about; who was not asked cannot rate by mail.
CREATE TABLE ratings (
  ticket_id BIGINT PRIMARY KEY REFERENCES tickets (id),
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  user_id BIGINT NOT NULL REFERENCES users (id),
  outbox_id BIGINT REFERENCES outbox (id),
  asked_at TIMESTAMPTZ NOT NULL,
  score BIGINT CHECK (score BETWEEN 1 AND 5),
  comment TEXT,
  rated_at TIMESTAMPTZ
);
