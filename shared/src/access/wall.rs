//! The wall: the one condition that decides which tickets an actor sees, in every list and for every single ticket.

use crate::ids::{TenantId, UserId};
use crate::store::{Q, Scope};

/// Which tickets an actor sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketScope {
    /// Every tenant's.
    All,
    /// One tenant's.
    Tenant(TenantId),
    /// Those whose requester the user is.
    Own {
        /// None: in all tenants (a platform user).
        tenant: Option<TenantId>,
        /// The requester.
        user: UserId,
    },
    /// Those whose subject, or whose category's slug or one of its ancestors', the user covers (ignoring case), and
    /// those assigned to the user.
    Coverage {
        /// None: in all tenants.
        tenant: Option<TenantId>,
        /// The agent.
        user: UserId,
    },
}

impl TicketScope {
    /// Returns the store's scope that holds all of these tickets.
    pub fn rows(self) -> Scope {
        self.tenant().map_or(Scope::All, Scope::Tenant)
    }

    /// Returns the one tenant that these tickets belong to; None if it is not only one.
    pub fn tenant(self) -> Option<TenantId> {
        match self {
            TicketScope::All => None,
            TicketScope::Tenant(tenant) => Some(tenant),
            TicketScope::Own { tenant, .. } | TicketScope::Coverage { tenant, .. } => tenant,
        }
    }

    /// Whether these are all tickets of a tenant, or of all.
    pub fn is_whole(self) -> bool {
        matches!(self, TicketScope::All | TicketScope::Tenant(_))
    }

    /// Adds ` AND …` to a query with a WHERE clause over `tickets t`.
    pub fn filter(self, q: Q) -> Q {
        let q = match self.tenant() {
            Some(tenant) => q.push(" AND t.tenant_id = ").arg(tenant),
            None => q,
        };
        match self {
            TicketScope::All | TicketScope::Tenant(_) => q,
            TicketScope::Own { user, .. } => q.push(" AND t.requester_id = ").arg(user),
            // The categories below a covered one are found once, not per ticket; UNION ends a cycle, should data
            // have one. `folded` compares without regard to case, in both databases alike, beyond ASCII too.
            TicketScope::Coverage { user, .. } => q
                .push(" AND (t.assigned_to = ")
                .arg(user)
                .push(" OR EXISTS (SELECT 1 FROM coverage v WHERE v.user_id = ")
                .arg(user)
                .push(" AND v.subject = t.subject COLLATE folded)")
                .push(" OR t.category_id IN (WITH RECURSIVE covered (id) AS (")
                .push("SELECT c.id FROM categories c JOIN coverage v ON c.slug = v.subject COLLATE folded")
                .push(" WHERE v.user_id = ")
                .arg(user)
                .push(" UNION SELECT c.id FROM categories c JOIN covered k ON c.parent_id = k.id")
                .push(") SELECT id FROM covered))"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{on_both, seed};
    use crate::store::{Db, Value, insert_many, sql};

    /// Users: 10 and 13 are support agents, of tenant 2 and of the platform; 11 and 12 are customers.
    const ROWS: &str = "
        INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) VALUES
            (1, 'default', 'D', 'public', NULL, 'en', '{}', '2026-11-01T00:00:00+00:00'),
            (2, 'ka', 'K', 'organisation', 'KA', 'en', '{}', '2026-11-01T00:00:00+00:00');
        INSERT INTO users (id, tenant_id, email, email_key, role, member, active, capabilities, preferences, created_at,
                           updated_at) VALUES
            (10, 2, 's@x', 's@x', 'support', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
            (11, 2, 'a@x', 'a@x', 'customer', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
            (12, 2, 'b@x', 'b@x', 'customer', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00'),
            (13, NULL, 'p@x', 'p@x', 'support', TRUE, TRUE, '[]', '{}', '2026-11-01T00:00:00+00:00', '2026-11-01T00:00:00+00:00');
        INSERT INTO categories (id, parent_id, slug, name, created_at) VALUES
            (1, NULL, 'Billing', 'B', '2026-11-01T00:00:00+00:00'),
            (2, 1, 'invoices', 'I', '2026-11-01T00:00:00+00:00'),
            (3, 2, 'reminders', 'R', '2026-11-01T00:00:00+00:00'),
            (4, NULL, 'deploy', 'P', '2026-11-01T00:00:00+00:00');
        INSERT INTO coverage (user_id, subject, subject_key) VALUES
            (10, 'billing', 'billing'), (10, 'BÜRO', 'büro'), (13, 'Website', 'website')";

    type Facts = (i64, i64, i64, &'static str, Option<i64>, Option<i64>);

    /// id, tenant, requester, subject, category, assignee.
    const TICKETS: &[Facts] = &[
        (1, 2, 11, "Büro", None, None),
        (2, 2, 11, "something", Some(3), None),
        (3, 2, 12, "something", Some(4), None),
        (4, 2, 12, "something", None, Some(10)),
        (5, 2, 12, "BILLING", None, None),
        (6, 2, 12, "billing question", None, None),
        (7, 1, 12, "billing", None, None),
        (8, 1, 12, "website", None, None),
        (9, 1, 12, "Buro", None, Some(13)),
    ];

    async fn tickets(db: &Db) {
        let now = crate::clock::now();
        let row = |&(id, tenant, requester, subject, category, assignee): &Facts| -> Vec<Value> {
            vec![
                id.into(),
                tenant.into(),
                requester.into(),
                subject.into(),
                category.into(),
                assignee.into(),
                format!("P-{id}").into(),
                "new".into(),
                "low".into(),
                "support".into(),
                "inbox".into(),
                "web".into(),
                1i64.into(),
                1i64.into(),
                vec![0u8].into(),
                "".into(),
                0i64.into(),
                now.into(),
                now.into(),
                now.into(),
            ]
        };
        let mut tx = db.write(Scope::All).await.unwrap();
        let head = "INSERT INTO tickets (id, tenant_id, requester_id, subject, category_id, assigned_to, pid, status, \
            priority, type, folder, channel, version, last_conflict_seq, chain_head, snippet, message_count, created_at, \
            updated_at, last_activity_at)";
        insert_many(&mut tx, head, TICKETS.iter().map(row).collect(), "").await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Returns the ids that `scope` sees.
    async fn seen(db: &Db, scope: TicketScope) -> Vec<i64> {
        let q = scope.filter(sql("SELECT t.id FROM tickets t WHERE t.id > ").arg(0i64)).push(" ORDER BY t.id");
        let rows: Vec<(i64,)> = q.all(&mut db.read(scope.rows())).await.unwrap();
        rows.into_iter().map(|(id,)| id).collect()
    }

    #[tokio::test]
    async fn each_scope_sees_its_tickets_and_no_other() {
        let (t1, t2) = (TenantId(1), TenantId(2));
        on_both(async |db| {
            seed(&db, ROWS).await;
            tickets(&db).await;
            assert_eq!(seen(&db, TicketScope::All).await, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
            assert_eq!(seen(&db, TicketScope::Tenant(t1)).await, [7, 8, 9]);
            let own = |tenant, user| TicketScope::Own { tenant, user: UserId(user) };
            assert_eq!(seen(&db, own(Some(t2), 11)).await, [1, 2]);
            assert_eq!(seen(&db, own(None, 12)).await, [3, 4, 5, 6, 7, 8, 9]);
            assert_eq!(seen(&db, own(Some(t1), 11)).await, [] as [i64; 0]);
            let covered = |tenant, user| TicketScope::Coverage { tenant, user: UserId(user) };
            assert_eq!(seen(&db, covered(Some(t2), 10)).await, [1, 2, 4, 5]);
            assert_eq!(seen(&db, covered(None, 10)).await, [1, 2, 4, 5, 7]);
            assert_eq!(seen(&db, covered(None, 13)).await, [8, 9]);
            assert_eq!(seen(&db, covered(Some(t2), 13)).await, [] as [i64; 0]);
        })
        .await;
    }
}
