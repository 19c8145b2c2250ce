//! T61: the store is down.

use super::client::Doors;
use super::{DESK, ON, mail, mails};
use crate::harness::{Server, on_both_with};
use shared::store::{Scope, sql};

async fn change(s: &Server, text: &'static str) {
    let mut tx = s.app.db.write(Scope::All).await.expect("a transaction begins");
    sql(text).exec(&mut tx).await.expect("the statement runs");
    tx.commit().await.expect("it commits");
}

/// E10.1 (T61): 451 while mail cannot be kept, to each recipient by LMTP; nothing is left behind, and the sender's next
/// try is one mail.
#[tokio::test]
async fn t61_the_sender_comes_again() {
    on_both_with(ON, |s| async move {
        let doors = Doors::open(&s).await;
        let (mut smtp, mut lmtp) = (doors.smtp().await, doors.lmtp().await);
        smtp.expect("EHLO c", "250").await;
        lmtp.expect("LHLO c", "250").await;
        change(&s, "ALTER TABLE raw_mails RENAME TO away").await;
        let answer = smtp.deliver("ann@example.com", DESK, &mail("a")).await;
        assert!(answer.starts_with("451 4.3.0"), "{answer}");
        lmtp.expect("MAIL FROM:<ann@example.com>", "250").await;
        lmtp.expect(&format!("RCPT TO:<{DESK}>"), "250").await;
        lmtp.expect("RCPT TO:<support+x@postroom.localhost>", "250").await;
        lmtp.expect("DATA", "354").await;
        lmtp.send(mail("b")).await;
        assert!(lmtp.say(".").await.starts_with("451 4.3.0"));
        assert!(lmtp.answer().await.starts_with("451 4.3.0"), "one answer for each recipient");
        // Recipients cannot be looked up either.
        change(&s, "ALTER TABLE mailboxes RENAME TO gone").await;
        smtp.expect("MAIL FROM:<ann@example.com>", "250").await;
        smtp.expect(&format!("RCPT TO:<{DESK}>"), "451 4.3.0").await;
        smtp.expect("RSET", "250").await;
        change(&s, "ALTER TABLE gone RENAME TO mailboxes").await;
        change(&s, "ALTER TABLE away RENAME TO raw_mails").await;
        let answer = smtp.deliver("ann@example.com", DESK, &mail("a")).await;
        assert!(answer.starts_with("250 2.0.0"), "{answer}");
        mails(&s, 1).await;
        doors.close().await;
        s
    })
    .await;
}
