-- Who helps is asked for with every mail that bears a name (E11.4).
CREATE INDEX users_role ON users (role, tenant_id);
