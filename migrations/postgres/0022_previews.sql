-- Small pictures of files, made by the worker from the bytes: they can be made again and go with their file. preview says how
-- far that is: null means nobody tried, drawing that somebody began and perhaps never ended, none that there is no picture of
-- it. Invariant: a thumbnail is there where preview is ready.
ALTER TABLE attachments ADD COLUMN preview TEXT CHECK (preview IN ('drawing', 'ready', 'none'));
CREATE INDEX attachments_unseen ON attachments (id) WHERE preview IS NULL AND sha256 IS NOT NULL
  AND sniffed_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp', 'application/pdf');

CREATE TABLE thumbnails (
  attachment_id BIGINT PRIMARY KEY REFERENCES attachments (id) ON DELETE CASCADE,
  tenant_id BIGINT NOT NULL REFERENCES tenants (id),
  content_type TEXT NOT NULL CHECK (content_type IN ('image/png', 'image/jpeg')),
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  bytes BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL
);
