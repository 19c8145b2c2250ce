-- What the doors of providers, the pipe and the import need to remember.

-- Facts that a door has beside the envelope, as JSON: flags of its own (E10.4), the time that an imported mail bears.
ALTER TABLE inbound_mails ADD COLUMN door_facts TEXT;
-- A sweep asks which of a bucket's objects, an import which of a folder's mails, came in already.
CREATE INDEX inbound_mails_door ON inbound_mails (door, door_ref) WHERE door_ref IS NOT NULL;

-- What a door takes once, over all processes: tokens of signatures, ids of relay events, the minutes of sweeps. content
-- tells a repeat of the same delivery from another one that bears its token.
CREATE TABLE door_tokens (
  door TEXT NOT NULL,
  token TEXT NOT NULL,
  content TEXT NOT NULL,
  used_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (door, token)
);
CREATE INDEX door_tokens_age ON door_tokens (used_at);

-- Bad signatures per door and hour, over all processes: a rotation gone wrong loses mail (E10.2).
CREATE TABLE door_refusals (
  door TEXT NOT NULL,
  hour TEXT NOT NULL,
  refused BIGINT NOT NULL,
  PRIMARY KEY (door, hour)
);

-- Relays name a mail by the id that they gave it (E9.11).
CREATE INDEX outbox_relay ON outbox (relay_id) WHERE relay_id IS NOT NULL;
