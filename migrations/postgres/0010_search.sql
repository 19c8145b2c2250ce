-- Full-text search: one document for each message, made of words of our own tokeniser (shared/src/search). The worker
-- fills it; indexed_at NULL is what waits. The triggers see to it that nothing that changes a text can forget to.
ALTER TABLE ticket_messages ADD COLUMN indexed_at TIMESTAMPTZ;
CREATE INDEX ticket_messages_unindexed ON ticket_messages (id) WHERE indexed_at IS NULL;
CREATE INDEX users_email_start ON users (email_key COLLATE "C");
CREATE INDEX tickets_subject_start ON tickets (LOWER(subject) COLLATE "C");
CREATE INDEX users_name_start ON users (LOWER(name) COLLATE "C");

CREATE TABLE search_index (
  message_id BIGINT PRIMARY KEY,
  terms TSVECTOR NOT NULL
);
CREATE INDEX search_index_terms ON search_index USING GIN (terms);

CREATE FUNCTION ticket_messages_reindex() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.indexed_at := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER ticket_messages_reindex BEFORE UPDATE OF body, visible_text, ticket_id, author_name, author_email ON ticket_messages
FOR EACH ROW EXECUTE FUNCTION ticket_messages_reindex();

CREATE FUNCTION ticket_messages_unindex() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM search_index WHERE message_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER ticket_messages_unindex AFTER DELETE ON ticket_messages
FOR EACH ROW EXECUTE FUNCTION ticket_messages_unindex();

CREATE FUNCTION tickets_reindex() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ticket_messages SET indexed_at = NULL WHERE ticket_id = NEW.id AND indexed_at IS NOT NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER tickets_reindex AFTER UPDATE OF subject ON tickets FOR EACH ROW
WHEN (NEW.subject IS DISTINCT FROM OLD.subject) EXECUTE FUNCTION tickets_reindex();
