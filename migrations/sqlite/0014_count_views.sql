-- The counts of the queue's views (DESIGN 12). Invariants: totals and deltas together are what a full count of the inbox
-- gives; a delta is written in the transaction that moves a ticket, and is a new row always, so that no two transactions
-- meet at one; only the worker changes totals. assigned_to 0: nobody.
CREATE TABLE ticket_counts (
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  status TEXT NOT NULL CHECK (status IN ('new', 'triaged', 'in_progress', 'waiting_on_customer', 'needs_engineering', 'solved', 'closed')),
  assigned_to INTEGER NOT NULL,
  total INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, status, assigned_to)
) STRICT;
CREATE TABLE ticket_count_deltas (
  id INTEGER PRIMARY KEY,
  tenant_id INTEGER NOT NULL REFERENCES tenants (id),
  status TEXT NOT NULL CHECK (status IN ('new', 'triaged', 'in_progress', 'waiting_on_customer', 'needs_engineering', 'solved', 'closed')),
  assigned_to INTEGER NOT NULL,
  change INTEGER NOT NULL
) STRICT;
INSERT INTO ticket_counts (tenant_id, status, assigned_to, total)
  SELECT tenant_id, status, COALESCE(assigned_to, 0), COUNT(*) FROM tickets WHERE folder = 'inbox' GROUP BY 1, 2, 3;

-- From when on a ticket is at risk: the last quarter of the clock that gets there first. NULL while no clock runs.
ALTER TABLE tickets ADD COLUMN risk_at TEXT;
UPDATE tickets SET risk_at = strftime('%Y-%m-%dT%H:%M:%S+00:00', MIN(
    CASE WHEN first_response_at IS NULL AND response_due_at IS NOT NULL
      THEN julianday(response_due_at) - (julianday(response_due_at) - julianday(created_at)) / 4 ELSE 9e9 END,
    CASE WHEN resolution_due_at IS NOT NULL
      THEN julianday(resolution_due_at) - (julianday(resolution_due_at) - julianday(created_at)) / 4 ELSE 9e9 END))
  WHERE status NOT IN ('waiting_on_customer', 'solved', 'closed')
    AND (resolution_due_at IS NOT NULL OR (first_response_at IS NULL AND response_due_at IS NOT NULL));
CREATE INDEX tickets_risk ON tickets (folder, risk_at, tenant_id) WHERE risk_at IS NOT NULL;
