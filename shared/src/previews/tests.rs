//! The worker makes thumbnails of what may be drawn, once, and never of what breaks it: on both databases.

use super::{Preview, make_one, pdf, picture, thumbnail};
use crate::access::Actor;
use crate::app::App;
use crate::attachments::{self, Attachment};
use crate::doctor::{self, Depth};
use crate::erase;
use crate::ids::{AttachmentId, TicketId};
use crate::mail_in::types::Facts;
use crate::mail_in::{self, Arrival, Door, Ingest};
use crate::store::testing::{on_both_apps, seed};
use crate::store::{Scope, sql};
use crate::tickets::TicketRef;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use image::{ImageBuffer, ImageFormat, Rgb};
use std::io::Cursor;

fn png() -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    ImageBuffer::from_pixel(900, 300, Rgb([20_u8, 90, 200])).write_to(&mut out, ImageFormat::Png).expect("a picture");
    out.into_inner()
}

/// Takes a mail with files (name, declared type, bytes), and returns its ticket and them.
async fn take(app: &App, files: &[(&str, &str, Vec<u8>)]) -> (TicketId, Vec<Attachment>) {
    let mut mail = "From: ada@c.example\r\nTo: support@desk.example\r\nSubject: Files\r\nMessage-ID: <1@c.example>\r\n\
                    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee them.\r\n"
        .to_owned();
    for (name, kind, bytes) in files {
        let bytes = STANDARD.encode(bytes);
        mail += &format!(
            "--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename={name}\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{bytes}\r\n"
        );
    }
    let raw = Bytes::from(mail + "--b--\r\n");
    let arrival = Arrival { door: Door::Raw, door_ref: None, tenant: None, facts: Facts::default(), raw };
    let came = mail_in::receive(app, &Ingest::start(app.clone()), arrival).await.expect("it is received");
    let message = came.ticket_message_id.expect("a message");
    let files = attachments::of_messages(&mut app.db.read(Scope::All), &[message]).await.expect("its files");
    (came.ticket_id.expect("a ticket"), files)
}

async fn states(app: &App, files: &[Attachment]) -> Vec<Option<Preview>> {
    let mut states = Vec::new();
    for file in files {
        states.push(attachments::find(app, &Actor::system(), file.id).await.expect("it is").preview);
    }
    states
}

async fn draw_all(app: &App) -> usize {
    let mut n = 0;
    while make_one(app).await.expect("it works") {
        n += 1;
    }
    n
}

/// E12.6.
#[tokio::test]
async fn e12_6_what_may_be_drawn_is_drawn_once_by_what_its_bytes_are() {
    on_both_apps(async |app| {
        let (ticket, files) = take(
            &app,
            &[
                ("a.png", "image/png", png()),
                ("b.bin", "application/octet-stream", png()),
                ("bomb.png", "image/png", picture::tests::bomb(60_000, 60_000)),
                ("c.pdf", "application/pdf", pdf::tests::pdf(2, (300, 600)).to_vec()),
                ("broken.pdf", "application/pdf", b"%PDF-1.4 broken".to_vec()),
                ("d.txt", "text/plain", b"Hello".to_vec()),
                ("fake.png", "image/png", b"<script>alert(1)</script>".to_vec()),
            ],
        )
        .await;
        assert_eq!(draw_all(&app).await, 5, "text is not drawn");
        let (ready, none) = (Some(Preview::Ready), Some(Preview::None));
        assert_eq!(states(&app, &files).await, [ready, ready, none, ready, none, None, None]);
        assert_eq!(draw_all(&app).await, 0, "nothing is tried again");

        let system = Actor::system();
        let small = thumbnail(&app, &system, files[0].id).await.expect("a thumbnail");
        assert_eq!((small.content_type.as_str(), small.width, small.height), ("image/jpeg", 320, 107));
        assert!(small.bytes.starts_with(b"\xff\xd8\xff"));
        let page = thumbnail(&app, &system, files[3].id).await.expect("a thumbnail");
        assert_eq!((page.width, page.height), (160, 320));
        assert!(thumbnail(&app, &system, files[2].id).await.is_err());
        let bad: Vec<_> = doctor::run(&app, Depth::Quick).await.expect("it looks");
        assert!(bad.iter().all(|f| f.is_ok()), "{bad:?}");

        erase::ticket(&app, &system, &TicketRef::Id(ticket), None).await.expect("it is erased");
        let (left,): (i64,) =
            sql("SELECT COUNT(*) FROM thumbnails").one(&mut app.db.read(Scope::All)).await.expect("a count");
        assert_eq!(left, 0);
        assert_eq!(draw_all(&app).await, 0);
    })
    .await;
}

/// E12.6: a worker whose blob store was away tries again.
#[tokio::test]
async fn e12_6_what_cannot_be_read_now_is_drawn_later() {
    on_both_apps(async |app| {
        let (_, files) = take(&app, &[("a.png", "image/png", png()), ("b.png", "image/png", png())]).await;
        seed(&app.db, "UPDATE attachments SET preview = 'ready' WHERE filename = 'a.png'").await;
        let sha = files[1].sha256.clone().expect("bytes");
        let path = app.config.blob_dir.join(format!("1/{}/{sha}", &sha[..2]));
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("it moves");
        std::os::unix::fs::symlink(&path, &path).expect("a link that leads to itself");
        assert!(make_one(&app).await.is_err(), "the store refuses");
        assert_eq!(states(&app, &files).await, [Some(Preview::Ready), None]);
        std::fs::remove_file(&path).expect("away");
        std::fs::rename(&aside, &path).expect("it moves back");
        assert_eq!(draw_all(&app).await, 1);
        assert_eq!(states(&app, &files).await, [Some(Preview::Ready); 2]);
        assert!(thumbnail(&app, &Actor::system(), AttachmentId(999)).await.is_err());
    })
    .await;
}

/// E12.6: a worker that died leaves its file to others once its claim has lapsed; after three of them it is the file.
#[tokio::test]
async fn e12_6_a_claim_lapses_and_no_file_stops_workers_again_and_again() {
    on_both_apps(async |app| {
        let (_, files) = take(&app, &[("a.png", "image/png", png()), ("b.png", "image/png", png())]).await;
        const HELD: &str = "UPDATE attachments SET preview = 'drawing', preview_tries = 1, \
                            preview_until = '2999-01-01T00:00:00+00:00'";
        seed(&app.db, HELD).await;
        assert_eq!(draw_all(&app).await, 0, "somebody is at them");
        seed(&app.db, "UPDATE attachments SET preview_until = '2026-01-01T00:00:00+00:00'").await;
        seed(&app.db, "UPDATE attachments SET preview_tries = 3 WHERE filename = 'b.png'").await;
        assert_eq!(draw_all(&app).await, 2);
        assert_eq!(states(&app, &files).await, [Some(Preview::Ready), Some(Preview::None)]);
        assert!(thumbnail(&app, &Actor::system(), files[0].id).await.is_ok());
        assert_eq!(draw_all(&app).await, 0, "nothing is tried again");
    })
    .await;
}
