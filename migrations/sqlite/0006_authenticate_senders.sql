-- What was found out about a mail's sender (E11), by which version of the pipeline the mail was decided (E14.4), and
-- when a check that no name server answered is due again (E11.3).

-- What the door vouches for of its own knowledge, and what the check found: both JSON.
ALTER TABLE inbound_mails ADD COLUMN vouched TEXT;
ALTER TABLE inbound_mails ADD COLUMN authentication TEXT;
-- A check that got no answer is made again at this time, so many times.
ALTER TABLE inbound_mails ADD COLUMN check_due_at TEXT;
ALTER TABLE inbound_mails ADD COLUMN checks INTEGER NOT NULL DEFAULT 0;
-- The version of the pipeline that decided or read it last; and whether it could not be read in full.
ALTER TABLE inbound_mails ADD COLUMN pipeline INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound_mails ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0 CHECK (degraded IN (0, 1));
UPDATE inbound_mails SET degraded = 1 WHERE flags LIKE '%"degraded"%';

CREATE INDEX inbound_mails_checks ON inbound_mails (check_due_at) WHERE check_due_at IS NOT NULL;
CREATE INDEX inbound_mails_unread ON inbound_mails (pipeline, id) WHERE degraded OR state = 'failed';
