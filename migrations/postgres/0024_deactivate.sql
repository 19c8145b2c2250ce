-- What is switched off, and what must not stay as it is for ever.
--
-- Tenants and categories can be switched off and on again. A category that is off is offered for nothing new; tickets that
-- have it keep it. A tenant that is off is closed to its own people: they cannot sign in and its public form refuses, while
-- its mail is kept and becomes tickets as ever, so that nothing is lost. Invariant: one tenant at least is on.
ALTER TABLE tenants ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE categories ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE;

-- Who draws a file's small picture (0022) has until preview_until; then somebody else may try. preview_tries is how often
-- somebody began, so that no file stops workers again and again. Invariant: preview_until is set where preview is drawing.
ALTER TABLE attachments ADD COLUMN preview_until TIMESTAMPTZ;
ALTER TABLE attachments ADD COLUMN preview_tries BIGINT NOT NULL DEFAULT 0;
UPDATE attachments SET preview_until = created_at, preview_tries = 1 WHERE preview = 'drawing';
CREATE INDEX attachments_drawing ON attachments (preview_until) WHERE preview = 'drawing';

-- Whose mail comes in faster than a person writes (E5.13) is counted without what was imported: that came in elsewhere.
DROP INDEX inbound_mails_sender;
CREATE INDEX inbound_mails_sender ON inbound_mails (tenant_id, from_key, received_at)
  WHERE from_key IS NOT NULL AND door <> 'import';
