-- Messages that were taken back: searching leaves out these few, and reads no row to learn of one that it is not.
CREATE INDEX ticket_messages_withdrawn ON ticket_messages (id) WHERE withdrawn_at IS NOT NULL;
