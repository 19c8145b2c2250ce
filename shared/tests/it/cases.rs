//! What becomes of a mail: each file of `tests/cases` is a story of mails and acts, run on both databases.
//!
//! The first line names the rules (and EMAIL.md's torture case) that the story shows, and says what it tells. Then:
//!
//! - `mail [from=] [to=] [door=] [ref=] [auth=]`, followed by the mail's lines, each behind `| `: a mail comes in. Its envelope
//!   is what the words say. `{A.reply_to}` and the like stand for what a ticket's latest mail bore, `{x:00}` for an octet,
//!   `{A.reply_to^}` for capitals and `{A.reply_to~}` for a changed letter.
//!   `auth=pass`, `auth=weak`, `auth=fail` and `auth=fail:reject` are what the desk's own border host, whose
//!   Authentication-Results are trusted, found out about the sender (From's domain): two header lines above the mail's own.
//!   `spam=yes` is what the mail's door says about it.
//! - `= a, b, ...`: what became of it: its outcome; `ticket A` (named at first sight, the same or another later), `class X`,
//!   `reason X`, `spam X`, `ack`, `no ack`, `notice`, `no notice`.
//! - `? text` and `! text`: a line of its trace has, or none has, this text.
//! - `reply A: text`, `note A: text`, `take A`, `close A`, `solve A`, `trash A`, `spam A`: an agent acts.
//! - `schedule A: text`, `undo A: text`: an agent's reply for in an hour, or with an undo window; `send_now A`: the latest
//!   one leaves now.
//! - `answer_at A: address`: an answer to the address that the customer's mail asks for (E8.2).
//! - `requester A: address`: whose it is. `split A: B`: its last message becomes ticket B. `join A: B`, `apart A: B`: the
//!   agent says what the tray asks about it; B is where the message is then.
//! - `desk address field ...`: these switches of the mailbox are on, `body_marker=off` is off. `copy`, `variant` behind `=`:
//!   it is linked with an earlier mail of its Message-ID, which it repeats or differs from (E1.9).
//! - `mailbox address`, `gateway address`, `settings {...}`: the tenant has this. `flood 500 address`: so many mails of one
//!   sender, at once. `rest A`: it is solved, by nobody. `revive A 5`: so often it is, and a mail brings it back.
//! - `release`: somebody lets the last mail out of quarantine.
//! - `sent A`: what waited to be sent for the ticket has left.
//! - `days A 31`: so many days pass for the ticket. `merge A B`: A was merged into B.
//! - `check A key=value ...`: `status`, `folder`, `subject`, `messages`, `participants`, `awaiting` (participants whom nobody
//!   accepted yet), `replies` (queued copies of replies), `event` (kind that the timeline has), `no_event`, `due` (whether the
//!   latest reply has a time to leave at), `text` (what the last message shows), `shows` (what is in that), `tagged` and `marked` (whether
//!   the latest reply has a signed Reply-To, and the mark in its text), `tags` and `ids` (what the mailbox's probe has shown), `files` (its files' names), `to` (whom the latest reply is for), `view` (what its
//!   flags, defects and cards hold). `check - tickets=2 arrivals=3`.

mod run;
mod script;
mod senders;

use script::Script;

macro_rules! cases {
    ($($name:ident)+) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];
        $(
            #[tokio::test]
            async fn $name() {
                run::on_both(&Script::read(include_str!(concat!("../cases/", stringify!($name), ".txt")))).await;
            }
        )+
    };
}

cases! {
    e10_2_no_mailbox
    e1_12_split_per_mailbox
    e1_9_list_footer
    e1_9_pre_empted_and_reused_ids
    e3_1_probe
    e3_8_body_marker
    t48_shown_whole
    e11_4_names_of_others
    e11_5_agents_address_without_proof
    e11_6_agent_answers_by_mail
    e2_14_one_form_of_an_address
    e2_4_no_from
    e4_10_another_matter
    e4_3_two_tokens
    e4_4_strangers_quoting_ids
    e4_4_tray
    e4_5_people_in_cc
    e4_7_merged
    e4_8_split
    e4_9_trash_and_spam
    e5_10_spam_by_rules
    e5_10_spam_by_trusted_fields
    e5_11_who_is_told
    e5_12_floods
    e5_14_who_is_never_answered
    e5_15_notices_obey_suppression
    e5_2_own_loop
    e8_2_foreign_reply_to
    t02_webhook_retry
    t03_two_alarms_in_two_sessions
    t04_same_mail_by_two_doors
    t05_same_id_other_mail
    t08_parser_panics
    t06_two_mailboxes
    t07_two_tenants_two_tokens
    t09_random_octets
    t10_nul
    t11_charsets
    t12_subjects
    t13_nothing_in_it
    t14_mails_in_mails
    t15_winmail_dat
    t16_signed_and_encrypted
    t17_broken_mime
    t18_file_names
    t19_reply_to_the_token
    t20_forged_answer
    t21_token_upper_cased
    t22_token_with_a_bit_flipped
    t24_three_hundred_references
    t25_common_ancestor
    t26_empty_in_reply_to
    t27_colleague_answers
    t28_pid_of_a_stranger
    t29_merged_and_closed
    t30_other_mailbox
    t31_answer_before_its_parent
    t32_auto_reply
    t33_suppress_is_no_evidence
    t34_feedback_id
    t35_out_of_office
    t36_alarm
    t37_mailing_list
    t38_caps
    t39_storm
    t40_bounces
    t41_forged_reports
    t42_agents_out_of_office
    t59_scheduled_reply_held
    t43_agents_forward
    t44_agents_forward_unverified
    t45_whose_mail_it_is
    t67_forged_results
}

#[test]
fn each_file_is_run() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let files = std::fs::read_dir(folder).expect("the cases are there");
    let mut found: Vec<String> = files.map(|f| f.expect("a file").file_name().into_string().expect("a name")).collect();
    let mut run: Vec<String> = NAMES.iter().map(|n| format!("{n}.txt")).collect();
    found.sort();
    run.sort();
    assert_eq!(found, run);
}
