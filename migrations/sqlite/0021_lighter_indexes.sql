-- Fewer indexes on what every mail writes. One over address and time serves both who was mailed and how often of late; what
-- has no message or ticket yet is in no index over it; the count of a pattern goes by the index of its domain.
DROP INDEX outbox_to;
DROP INDEX outbox_automatic_address;
CREATE INDEX outbox_to ON outbox (tenant_id, to_key, created_at);
DROP INDEX outbox_pattern;
DROP INDEX outbox_message;
CREATE INDEX outbox_message ON outbox (ticket_message_id) WHERE ticket_message_id IS NOT NULL;
DROP INDEX inbound_mails_ticket;
CREATE INDEX inbound_mails_ticket ON inbound_mails (ticket_id) WHERE ticket_id IS NOT NULL;
