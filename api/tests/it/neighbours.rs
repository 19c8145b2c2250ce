//! The tickets around one in the list that it was opened from, and where finishing it leads.

use crate::harness::http::Response;
use crate::harness::people::Person;
use crate::harness::{INBOUND_TOKEN, Server, on_both};
use serde_json::{Value, json};
use shared::access::Role;

async fn mail(s: &Server, who: &str, subject: &str) -> String {
    let raw =
        format!("From: {who}\r\nTo: support@postroom.localhost\r\nSubject: {subject}\r\n\r\nText of {subject}\r\n");
    let made = s.post("/api/inbound/raw").bearer(INBOUND_TOKEN).body("message/rfc822", raw).send().await.expect(200);
    made["pid"].as_str().expect("a pid").to_owned()
}

async fn page(s: &Server, who: &Person, path: &str) -> String {
    let answer = s.get(path).bearer(&who.token).send().await;
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

/// Posts a form of a page.
async fn post(s: &Server, who: &Person, path: &str, more: &str) -> Response {
    let form = format!("csrf={}&{more}", who.csrf(s));
    s.post(path).bearer(&who.token).body("application/x-www-form-urlencoded", form).send().await
}

/// The numbers of the column's tickets, in its order; this one in brackets.
fn column(page: &str) -> Vec<String> {
    let Some((_, rest)) = page.split_once("<nav class=\"near\"") else { return Vec::new() };
    let (column, _) = rest.split_once("</nav>").expect("it ends");
    let (_, rows) = column.split_once("<ol>").expect("rows");
    let (rows, _) = rows.split_once("</ol>").expect("their end");
    rows.split("<li")
        .skip(1)
        .map(|row| {
            let (_, path) = row.split_once("/dashboard/support/").expect("a link");
            let pid = path.split(['?', '"', '#']).next().unwrap_or_default();
            if row.contains("aria-current") { format!("[{pid}]") } else { pid.to_owned() }
        })
        .collect()
}

fn all<const N: usize>(pids: [&String; N]) -> Vec<String> {
    pids.into_iter().cloned().collect()
}

/// Where a link of the page leads that stands after `mark`.
fn href(page: &str, mark: &str) -> Option<String> {
    let (_, rest) = page.split_once(mark)?;
    let (_, rest) = rest.split_once("href=\"")?;
    Some(rest.split('"').next()?.replace("&amp;", "&").replace("&#x3D;", "="))
}

/// Neighbours stand in the list's own order, whatever it is sorted by; which list that is stands in the address alone.
#[tokio::test]
async fn the_column_has_the_lists_order() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mut pids = Vec::new();
        for n in 1..=4 {
            pids.push(mail(&s, &format!("c{n}@out.example"), &format!("Matter {n}")).await);
        }
        let [one, two, three, four] = [&pids[0], &pids[1], &pids[2], &pids[3]];
        let urgent = json!({"priority": "urgent"});
        let set = |pid: &str| format!("/api/support/tickets/{pid}/priority");
        s.post(&set(one)).bearer(&boss.token).json(urgent).send().await.expect(200);
        let at = |list: &str| format!("/dashboard/support/{two}?{list}");
        let current = format!("[{two}]");

        let newest = page(&s, &boss, &at("view=all")).await;
        assert_eq!(column(&newest), all([four, three, &current, one]));
        assert!(href(&newest, "id=\"near-previous\"").is_some_and(|h| h.contains(three.as_str())));
        assert_eq!(href(&newest, "id=\"near-next\""), Some(format!("/dashboard/support/{one}?view=all")));
        assert_eq!(column(&page(&s, &boss, &at("view=all&sort=oldest")).await), all([one, &current, three, four]));
        assert_eq!(column(&page(&s, &boss, &at("view=all&sort=priority")).await), all([one, four, three, &current]));
        // A filter that this ticket does not fit shows it in its place all the same.
        assert_eq!(column(&page(&s, &boss, &at("view=all&priority=urgent")).await), all([&current, one]));
        // Without a list, and with one that is gone, what an agent sees first.
        for list in ["", "saved=999", "view=nonsense"] {
            assert_eq!(column(&page(&s, &boss, &at(list)).await).len(), 4, "{list}");
        }
        // The queue leads there, and its forms lead back.
        let queue = page(&s, &boss, "/dashboard/support?view=all&priority=urgent").await;
        let row = format!("/dashboard/support/{one}?view=all&amp;priority=urgent").replace('=', "&#x3D;");
        assert!(queue.contains(&format!("href=\"{row}")), "{queue}");
        let form = format!("/dashboard/support/{one}/priority?view=all&priority=urgent");
        let set = post(&s, &boss, &form, "priority=high").await;
        let lead = format!("/dashboard/support/{one}?view=all&priority=urgent&did=priority");
        assert_eq!(set.header("location"), Some(lead.as_str()));
        s
    })
    .await;
}

/// What a reader must not see stands beside nothing; who works on no lists has no column.
#[tokio::test]
async fn the_column_ends_at_the_wall() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let cover = s.person("cover@example.com", Role::Support, None).await;
        let (one, two) = (mail(&s, "a@out.example", "Mine").await, mail(&s, "b@out.example", "Not mine").await);
        let to = json!({"assigned_to": cover.id});
        let assign = format!("/api/support/tickets/{one}/assign");
        s.post(&assign).bearer(&boss.token).json(to).send().await.expect(200);
        let path = format!("/dashboard/support/{one}?view=all");
        assert_eq!(column(&page(&s, &boss, &path).await), [two.clone(), format!("[{one}]")]);
        let theirs = page(&s, &cover, &path).await;
        assert_eq!(column(&theirs), [format!("[{one}]")]);
        assert!(!theirs.contains("Not mine") && !theirs.contains(&two));
        // The next one must be seen, too.
        let closed = post(&s, &cover, &format!("/dashboard/support/{one}/close?view=all&sort=oldest"), "").await;
        let list = format!("/dashboard/support?view=all&sort=oldest&did=closed&was={one}&undo=");
        assert!(closed.header("location").is_some_and(|l| l.starts_with(&list)), "{:?}", closed.header("location"));
        s
    })
    .await;
}

/// Further ones come by pages that neither repeat nor leave out a ticket.
#[tokio::test]
async fn the_column_is_leafed_through_without_gaps() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mut pids = Vec::new();
        for n in 0..50 {
            pids.push(mail(&s, &format!("c{n}@out.example"), &format!("Matter {n}")).await);
        }
        pids.reverse();
        let first = page(&s, &boss, &format!("/dashboard/support/{}?view=all", pids[0])).await;
        assert!(href(&first, "data-leaf=\"above\"").is_none());
        let (mut seen, mut shown) = (column(&first), first);
        seen[0] = pids[0].clone();
        while let Some(further) = href(&shown, "data-leaf=\"below\"") {
            shown = page(&s, &boss, &further).await;
            seen.extend(column(&shown));
        }
        assert_eq!(seen, pids);
        // And back up from there.
        let (mut up, mut shown) = (column(&shown), shown);
        while let Some(further) = href(&shown, "data-leaf=\"above\"") {
            shown = page(&s, &boss, &further).await;
            up.splice(0..0, column(&shown));
        }
        up[0] = pids[0].clone();
        assert_eq!(up, pids);
        s
    })
    .await;
}

/// Closing and solving lead to the next ticket, the last one to the list; both can be taken back there (UI 4).
#[tokio::test]
async fn a_finished_ticket_leads_to_the_next() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let mut pids = Vec::new();
        for n in 0..3 {
            pids.push(mail(&s, &format!("c{n}@out.example"), &format!("Matter {n}")).await);
        }
        let [last, middle, first] = [&pids[0], &pids[1], &pids[2]];
        let path = |pid: &str, act: &str| format!("/dashboard/support/{pid}/{act}?view=open");
        let status = |pid: &str| {
            let path = format!("/api/support/tickets/{pid}");
            let (s, token) = (&s, boss.token.clone());
            async move {
                let found: Value = s.get(&path).bearer(&token).send().await.expect(200);
                found["status"].as_str().expect("a status").to_owned()
            }
        };

        // An answer moves it to the list's beginning, and yet the next one is what stood below it.
        let sent = post(&s, &boss, &path(middle, "messages"), "kind=reply&body=Done&status_after=solved").await;
        let next = sent.header("location").expect("a way").to_owned();
        let expected = format!("/dashboard/support/{last}?view=open&did=solved&was={middle}&sent=");
        assert!(next.starts_with(&expected), "{next}");
        let shown = page(&s, &boss, &next).await;
        let back = shown.split_once(&format!("/dashboard/support/{middle}/messages/")).expect("a form").1;
        let id = back.split('/').next().expect("an id");
        let taken = post(&s, &boss, &path(middle, &format!("messages/{id}/withdraw")), "").await;
        assert!(taken.header("location").is_some_and(|l| l.starts_with(&format!("/dashboard/support/{middle}?"))));
        assert_ne!(status(middle).await, "solved");

        // Setting the status does the same, and is taken back by what stands there.
        let set = post(&s, &boss, &path(first, "status"), "status=solved").await;
        let next = set.header("location").expect("a way").to_owned();
        assert!(
            next.starts_with(&format!("/dashboard/support/{last}?view=open&did=solved&was={first}&undo=")),
            "{next}"
        );
        let undo = next.split("undo=").nth(1).expect("an undo");
        let form = format!("undo={undo}&back=/dashboard/support/{first}?view=open");
        let undone = post(&s, &boss, "/dashboard/support/bulk/undo", &form).await;
        assert!(undone.header("location").is_some_and(|l| l.contains("did=bulk-undone")));
        assert_eq!(status(first).await, "new");

        // Other statuses stay where they are.
        let waits = post(&s, &boss, &path(last, "status"), "status=waiting_on_customer").await;
        assert_eq!(waits.header("location"), Some(format!("/dashboard/support/{last}?view=open&did=status").as_str()));

        // After the last one comes the list, which says so.
        let set = post(&s, &boss, &path(last, "close"), "").await;
        let list = set.header("location").expect("a way").to_owned();
        assert!(list.starts_with(&format!("/dashboard/support?view=open&did=closed&was={last}&undo=")), "{list}");
        let shown = page(&s, &boss, &list).await;
        assert!(shown.contains("it was the last one of this list") && shown.contains("bulk/undo"), "{shown}");

        // An address cannot make the page say what is no number.
        let shown = page(&s, &boss, "/dashboard/support?view=open&did=closed&was=%3Cb%3Ex").await;
        assert!(!shown.contains("it was the last one"));
        // What is refused stays on the page.
        let late = post(&s, &boss, &path(first, "close"), "expected_version=1").await;
        assert_eq!((late.status, late.header("location")), (409, None));
        s
    })
    .await;
}

/// The customer card has the requester's other tickets as far as the reader sees them, and their clock where they said so.
#[tokio::test]
async fn the_customer_card_ends_at_the_wall() {
    on_both(|s| async move {
        let boss = s.person("boss@example.com", Role::Owner, None).await;
        let cover = s.person("cover@example.com", Role::Support, None).await;
        let (one, two) = (mail(&s, "a@out.example", "First").await, mail(&s, "a@out.example", "Second").await);
        mail(&s, "b@out.example", "Of somebody else").await;
        let to = json!({"assigned_to": cover.id});
        s.post(&format!("/api/support/tickets/{one}/assign")).bearer(&boss.token).json(to).send().await.expect(200);
        let card = |page: &str| {
            let (_, rest) = page.split_once("id=\"s-requester\"").expect("a card");
            rest.split_once("</section>").expect("its end").0.to_owned()
        };
        let path = format!("/dashboard/support/{one}");
        let shown = card(&page(&s, &boss, &path).await);
        assert!(shown.contains(&two) && shown.contains("Second"), "{shown}");
        assert!(
            !shown.contains(&format!("href=\"{path}\""))
                && !shown.contains("Of somebody else")
                && !shown.contains("Local time"),
            "{shown}"
        );
        let theirs = card(&page(&s, &cover, &path).await);
        assert!(!theirs.contains(&two) && !theirs.contains("Second"), "{theirs}");
        s
    })
    .await;
}
