//! The counts of the queue's views (10): kept by differences, so that one that was lost or written twice would stay.

use super::{Finding, Invariant, Result};
use crate::app::App;
use crate::tickets::counts;

/// Promise 10: What is kept for each tenant, status and assignee is what a full count gives. `postroom counts rebuild` puts
/// it right.
pub(super) async fn right(app: &App) -> Result<Finding> {
    let mut finding = Finding::new(Invariant::Counts);
    let (differences, tickets) = counts::differences(&app.db).await?;
    finding.looked(tickets.unsigned_abs());
    for d in differences {
        let snoozed = if d.snoozed { " put off" } else { "" };
        let place =
            format!("tenant {} {}{snoozed} assigned to {}: {:+}", d.tenant_id, d.status, d.assigned_to, d.too_many);
        finding.fault("counts are wrong (postroom counts rebuild)", place);
    }
    Ok(finding)
}
