-- A second step of the login (RFC 6238). Invariants: a secret is sealed, never plain, and counts once it is confirmed;
-- last_step only grows, so that no code is taken twice; of recovery codes only keyed hashes are kept, each used once; a
-- login step stands for a password or link that was right, and is no session.
CREATE TABLE two_factor (
  user_id INTEGER PRIMARY KEY REFERENCES users (id),
  secret BLOB NOT NULL,
  last_step INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  confirmed_at TEXT
) STRICT;

CREATE TABLE recovery_codes (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  code_hash TEXT NOT NULL,
  created_at TEXT NOT NULL,
  used_at TEXT,
  UNIQUE (user_id, code_hash)
) STRICT;

CREATE TABLE login_steps (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id),
  token_hash TEXT NOT NULL UNIQUE,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX login_steps_user ON login_steps (user_id);
CREATE INDEX login_steps_expiry ON login_steps (expires_at);

-- Whether the session may do nothing but set up the second step, which the tenant asks for.
ALTER TABLE sessions ADD COLUMN must_enrol INTEGER NOT NULL DEFAULT 0;

PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''auth.two_factor.enable'', ''auth.two_factor.disable'', ''auth.two_factor.reset'', ''auth.recovery_codes.create'', ''auth.recovery_codes.use''') WHERE name = 'audit_events' AND type = 'table';
PRAGMA writable_schema=RESET;
