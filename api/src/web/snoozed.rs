//! Until when a ticket is put off, as pages show it: by the clock on the reader's wall.

use super::format::When;
use super::reader::Visit;
use crate::Api;
use crate::problem::Problem;
use serde::Serialize;
use shared::clock::Time;
use shared::i18n;
use shared::ids::UserId;
use shared::tickets::snooze::Until;
use shared::users;
use shared::zone::Zone;

/// Until when a ticket is put off.
#[derive(Debug, Clone, Serialize)]
pub struct Snoozed {
    /// For machines: RFC 3339; None: until the customer writes.
    pub iso: Option<String>,
    /// In words.
    pub text: String,
    /// The same where there is little room.
    pub short: String,
    /// Whether the reader chose no time zone: a script shows their browser's.
    pub floating: bool,
}

impl Snoozed {
    /// Returns what is stored of a ticket, by the reader's clock.
    pub fn new(visit: &Visit, stored: Time) -> Snoozed {
        let text = |key: &str, until: &str| i18n::text(visit.locale, key, &[("until", until)]);
        let Some(at) = Until::of(stored).time() else {
            let text = text("snoozed-reply", "");
            return Snoozed { iso: None, short: text.clone(), text, floating: false };
        };
        let when = When::new(visit.locale, at, visit.now);
        Snoozed {
            text: text("snoozed-until", &when.exact),
            short: text("snoozed-until", &when.short),
            iso: Some(when.iso),
            floating: visit.now.floats(),
        }
    }

    /// Returns one for samples of pages.
    #[cfg(test)]
    pub fn sample() -> Snoozed {
        let text = || "until Mon 23 Nov 2026, 08:00".to_owned();
        Snoozed { iso: Some("2026-11-23T08:00:00Z".into()), text: text(), short: text(), floating: true }
    }
}

/// Returns the time zone that a user chose, if they did.
///
/// # Errors
/// 500 where the store cannot be asked.
pub async fn zone_of(api: &Api, user: UserId) -> Result<Option<Zone>, Problem> {
    Ok(users::time_zone(&api.app.db, user).await?.and_then(|name| Zone::named(&name)))
}

#[cfg(test)]
mod tests {
    use shared::i18n::{self, Locale};
    use shared::tickets::snooze::words;

    #[test]
    fn what_pages_offer_is_understood_in_every_language() {
        let now = "2026-11-18T10:30:00".parse().expect("a time");
        for &locale in Locale::ALL {
            for offer in ["later", "tomorrow", "week", "reply"] {
                let text = i18n::text(locale, &format!("snooze-offer-{offer}"), &[]);
                assert!(words::read(&text, now).is_ok(), "{text}");
            }
        }
    }
}
