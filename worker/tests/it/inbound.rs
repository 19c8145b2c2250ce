//! Mail that could not be decided when it came.

use bytes::Bytes;
use shared::app::App;
use shared::ids::MailId;
use shared::mail_in::types::Facts;
use shared::mail_in::{self, Arrival, Door, InboundMail, Ingest, MailState, Outcome};
use shared::store::Scope;
use shared::store::testing::on_both_apps;
use worker::dispatch::{Dispatcher, Transport};

use crate::desk::change;

async fn row(app: &App, id: MailId) -> InboundMail {
    mail_in::get(app, Scope::All, id).await.expect("the store answers").expect("it is there")
}

/// E1.3: what cannot be applied stays visible with its error, and is tried again until it is.
#[tokio::test]
async fn a_failed_mail_is_visible_and_tried_again() {
    on_both_apps(async |app| {
        let ingest = Ingest::start(app.clone());
        let transport = Transport::from_config(&app.config).expect("captured");
        let dispatcher = Dispatcher::new(app.clone(), transport).expect("the templates are fine");
        change(&app, "ALTER TABLE ticket_messages RENAME TO hidden").await;
        let raw = Bytes::from_static(b"From: Ada <ada@customer.example>\r\nTo: support@desk.example\r\n\r\nHelp.\r\n");
        let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
        let applied = mail_in::receive(&app, &ingest, arrival).await.expect("it is kept");
        assert_eq!((applied.outcome, applied.ticket_id), (Some(Outcome::Failed), None));
        let failed = row(&app, applied.mail_id).await;
        assert_eq!((failed.state, failed.tries), (MailState::Failed, 1));
        assert!(failed.error.is_some_and(|e| e.contains("ticket_messages")), "the cause is told");
        // Not before its time.
        worker::run_once(&dispatcher, &ingest).await.expect("the worker works");
        assert_eq!(row(&app, applied.mail_id).await.tries, 1);
        change(&app, "UPDATE inbound_mails SET next_try_at = '2026-01-01T00:00:00+00:00'").await;
        worker::run_once(&dispatcher, &ingest).await.expect("the worker works");
        assert_eq!(row(&app, applied.mail_id).await.tries, 2);
        // Three times, then somebody must look.
        for tries in [3, 4] {
            change(&app, "UPDATE inbound_mails SET next_try_at = '2026-01-01T00:00:00+00:00'").await;
            worker::run_once(&dispatcher, &ingest).await.expect("the worker works");
            let now = row(&app, applied.mail_id).await;
            assert_eq!((now.tries, now.next_try_at.is_some()), (tries, tries < 4));
        }
        change(&app, "ALTER TABLE hidden RENAME TO ticket_messages").await;
        change(&app, "UPDATE inbound_mails SET next_try_at = '2026-01-01T00:00:00+00:00'").await;
        worker::run_once(&dispatcher, &ingest).await.expect("the worker works");
        let done = row(&app, applied.mail_id).await;
        assert_eq!((done.state, done.outcome), (MailState::Applied, Some(Outcome::TicketCreated)));
    })
    .await;
}
