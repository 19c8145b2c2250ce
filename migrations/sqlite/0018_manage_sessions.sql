-- Everybody sees where they are signed in and ends single sessions: the audit knows it.
PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = replace(sql, '''audit.export''', '''audit.export'', ''session.revoke''') WHERE name = 'audit_events' AND type = 'table';
PRAGMA writable_schema=RESET;
