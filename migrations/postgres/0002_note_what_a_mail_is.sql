-- What a page shows of a received mail beside its text: flags, defects, cards of enclosed mails and invitations (JSON).
-- A view over the raw octets, kept so that a conversation is read without opening them; null where there is nothing to tell.
ALTER TABLE ticket_messages ADD COLUMN mail_view TEXT;
