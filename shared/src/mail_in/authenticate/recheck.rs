//! Checks that got no answer are made again, three times (E11.3). What is found is written down and shown; what the mail
//! did meanwhile stays done, and what was withheld stays withheld: somebody may release it.

use super::find_out;
use crate::app::App;
use crate::clock::{Time, now};
use crate::compiled_here;
use crate::ids::MailId;
use crate::mail_in::{Error, Trace, keep, parse, sql};
use chrono::Duration;

/// How many are checked in one round.
const ROUND: i64 = 50;

/// Returns when a check is made again of which so many were made; None after the last one.
pub(in crate::mail_in) fn due_after(checks: i64, at: Time) -> Option<Time> {
    let wait = match checks {
        0 => Duration::minutes(1),
        1 => Duration::minutes(10),
        2 => Duration::hours(1),
        _ => return None,
    };
    Some(at + wait)
}

/// Checks again what is due, as long as a name server answers. Returns how many were checked.
///
/// # Errors
/// If the store or the blob store refuses.
#[compiled_here]
pub async fn recheck(app: &App) -> Result<usize, Error> {
    // While nobody answers, no mail's turn is used up.
    if !app.dns.answers() {
        return Ok(0);
    }
    let due = sql::due_checks(&app.db, now(), ROUND).await?;
    let mut checked = 0;
    for (id, checks) in due {
        if !app.dns.answers() {
            break;
        }
        one(app, id, checks).await?;
        checked += 1;
    }
    Ok(checked)
}

async fn one(app: &App, id: MailId, checks: i64) -> Result<(), Error> {
    let kept = keep::load(app, id).await?;
    let mail = parse::parse_guarded(kept.raw[..].into()).await;
    let found = find_out(app, &kept, &mail).await?;
    let done = checks + 1;
    let mut trace = Trace::default();
    let nth = format!("{}, at check {} of a later time", found.reason, done);
    trace.add("authenticate", "E11.3", found.verdict.as_str(), nth);
    let due = if found.temporary { due_after(done, now()) } else { None };
    Ok(sql::record_check(&app.db, id, &found, done, due, trace).await?)
}
