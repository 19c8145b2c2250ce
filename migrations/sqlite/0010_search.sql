-- Full-text search: one document for each message, made of words of our own tokeniser (shared/src/search). The worker
-- fills it; indexed_at NULL is what waits. The triggers see to it that nothing that changes a text can forget to.
ALTER TABLE ticket_messages ADD COLUMN indexed_at TEXT;
CREATE INDEX ticket_messages_unindexed ON ticket_messages (id) WHERE indexed_at IS NULL;
CREATE INDEX users_email_start ON users (email_key);
CREATE INDEX tickets_subject_start ON tickets (LOWER(subject));
CREATE INDEX users_name_start ON users (LOWER(name));

CREATE VIRTUAL TABLE search_index USING fts5(terms, content = '', contentless_delete = 1, tokenize = 'ascii');

CREATE TRIGGER ticket_messages_reindex AFTER UPDATE OF body, visible_text, ticket_id, author_name, author_email ON ticket_messages
WHEN new.indexed_at IS NOT NULL
BEGIN UPDATE ticket_messages SET indexed_at = NULL WHERE id = new.id; END;
CREATE TRIGGER ticket_messages_unindex AFTER DELETE ON ticket_messages
BEGIN DELETE FROM search_index WHERE rowid = old.id; END;
CREATE TRIGGER tickets_reindex AFTER UPDATE OF subject ON tickets WHEN new.subject IS NOT old.subject
BEGIN UPDATE ticket_messages SET indexed_at = NULL WHERE ticket_id = new.id AND indexed_at IS NOT NULL; END;
