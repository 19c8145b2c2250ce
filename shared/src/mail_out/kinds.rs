//! The kinds of outgoing mail and the states of one delivery (E9.2), as rules without I/O.

use crate::text_enum;
use chrono::TimeDelta;

text_enum! {
    /// What sort of mail an outbox mail is.
    pub enum Kind ("mail kind") {
        /// A public message of an agent: the only kind that a human wrote and that is no auto mail.
        Reply = "reply",
        /// The acknowledgement of a new ticket, with its PID.
        Ack = "ack",
        /// Ticket created, assigned, answered, solved; a mention in a note.
        Notice = "notice",
        /// An invitation to a new user.
        Invite = "invite",
        /// A link for setting a new password.
        Password = "password",
        /// A sign-in link.
        Link = "link",
        /// A request to rate the help.
        Csat = "csat",
        /// Several notices in one mail.
        Digest = "digest",
    }
}

impl Kind {
    /// Whether the engine sends it without a human pressing Send ("auto mail" in all caps and suppression rules).
    pub fn is_automatic(self) -> bool {
        self != Kind::Reply
    }

    /// Whether someone waits for it in front of a login page: its link soon expires.
    pub fn is_login(self) -> bool {
        matches!(self, Kind::Password | Kind::Link)
    }

    /// How long it is worth trying (E9.8).
    pub fn lifetime(self) -> TimeDelta {
        match self {
            _ if self.is_login() => TimeDelta::hours(1),
            _ if self.is_automatic() => TimeDelta::hours(24),
            _ => TimeDelta::hours(72),
        }
    }

    /// The order in which due mail leaves, lowest first (E9.10): login, human, notices, the rest.
    pub fn urgency(self) -> i64 {
        match self {
            Kind::Password | Kind::Link | Kind::Invite => 0,
            Kind::Reply => 1,
            Kind::Ack | Kind::Notice => 2,
            Kind::Csat | Kind::Digest => 3,
        }
    }

    /// Whether it is sent once more if nobody knows whether it arrived (E9.9): a lost answer is worse than a double,
    /// a double acknowledgement is noise.
    pub fn is_resent_after_maybe(self) -> bool {
        !matches!(self, Kind::Ack | Kind::Csat)
    }
}

text_enum! {
    /// Where one delivery stands (E9.2). Steps are checked by [`OutboxState::may_become`].
    pub enum OutboxState ("outbox state") {
        /// Waits for its undo window or its scheduled time.
        Held = "held",
        /// Waits for a worker.
        Queued = "queued",
        /// A worker has it under a lease.
        Sending = "sending",
        /// The relay took it (250 after the final dot), or it was captured.
        Sent = "sent",
        /// Could not be handed over now; will be tried again.
        Deferred = "deferred",
        /// The body was handed over and no answer came.
        MaybeSent = "maybe_sent",
        /// Refused for good, or too old.
        Dead = "dead",
        /// Taken, and later reported as not delivered.
        Bounced = "bounced",
        /// Taken, and reported as abuse by its recipient.
        Complained = "complained",
        /// Withdrawn before it left.
        Cancelled = "cancelled",
        /// Not sent because its address is suppressed.
        Suppressed = "suppressed",
    }
}

impl OutboxState {
    /// The states that a worker may claim from once the mail is due. What rests as `MaybeSent` is queued first.
    pub const CLAIMABLE: [OutboxState; 3] = [OutboxState::Held, OutboxState::Queued, OutboxState::Deferred];
    /// The states in which it can still be withdrawn.
    pub const CANCELLABLE: [OutboxState; 3] = [OutboxState::Held, OutboxState::Queued, OutboxState::Deferred];

    /// The states that may follow.
    pub fn next(self) -> &'static [OutboxState] {
        use OutboxState::*;
        match self {
            // Due: queued by the sweep or claimed at once.
            Held => &[Queued, Sending, Cancelled, Suppressed],
            // `Sent` here and below: a worker that lost its lease still records its 250 (E9.4).
            Queued => &[Held, Sending, Sent, Cancelled, Suppressed],
            // `Queued`: the lease ran out before the body, or the relay is at fault (E9.7). A report can be faster
            // than the worker's own record of the 250.
            Sending => &[Queued, Sent, Deferred, MaybeSent, Dead, Bounced, Complained],
            Deferred => &[Queued, Sending, Sent, Dead, Cancelled],
            // `Queued`: its one automatic retry is due (E9.9), or a person said "resend".
            MaybeSent => &[Queued, Sent, Bounced, Complained],
            Sent => &[Bounced, Complained],
            // `Queued`: an operator tries again, perhaps with a corrected address.
            Dead => &[Queued, Sent],
            Bounced => &[Queued, Complained],
            Suppressed => &[Queued],
            Complained | Cancelled => &[],
        }
    }

    /// Whether a delivery may go from this state to `next`.
    pub fn may_become(self, next: OutboxState) -> bool {
        self.next().contains(&next)
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_at_rest(self) -> bool {
        use OutboxState::*;
        matches!(self, Sent | Dead | Bounced | Complained | Cancelled | Suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OutboxState::*;

    /// Rows: from; columns: to. `x` is allowed.
    /// E9.2.
    #[test]
    fn transitions_are_those_of_the_table() {
        let table = "
                        held queued sending sent deferred maybe_sent dead bounced complained cancelled suppressed
            held         .     x      x      .      .         .       .      .        .          x         x
            queued       x     .      x      x      .         .       .      .        .          x         x
            sending      .     x      .      x      x         x       x      x        x          .         .
            sent         .     .      .      .      .         .       .      x        x          .         .
            deferred     .     x      x      x      .         .       x      .        .          x         .
            maybe_sent   .     x      .      x      .         .       .      x        x          .         .
            dead         .     x      .      x      .         .       .      .        .          .         .
            bounced      .     x      .      .      .         .       .      .        x          .         .
            complained   .     .      .      .      .         .       .      .        .          .         .
            cancelled    .     .      .      .      .         .       .      .        .          .         .
            suppressed   .     x      .      .      .         .       .      .        .          .         .";
        let mut lines = table.lines().filter(|l| !l.trim().is_empty());
        let to: Vec<OutboxState> = lines.next().unwrap().split_whitespace().map(|s| s.parse().unwrap()).collect();
        let mut cells = 0;
        for line in lines {
            let mut words = line.split_whitespace();
            let from: OutboxState = words.next().unwrap().parse().unwrap();
            for (mark, to) in words.zip(&to) {
                assert_eq!(from.may_become(*to), mark == "x", "{from} to {to}");
                cells += 1;
            }
        }
        assert_eq!(cells, OutboxState::ALL.len().pow(2));
    }

    /// Whatever else happens, what a relay took is not sent again unless it was reported as not delivered.
    #[test]
    fn a_sent_mail_is_not_sent_again() {
        let mut reached = vec![Sent];
        while let Some(next) =
            reached.iter().filter(|s| **s != Bounced).flat_map(|s| s.next()).find(|s| !reached.contains(s))
        {
            reached.push(*next);
        }
        reached.sort();
        assert_eq!(reached, [Sent, Bounced, Complained]);
    }

    #[test]
    fn lists_agree_with_the_table() {
        for state in OutboxState::ALL.iter().copied() {
            assert_eq!(OutboxState::CLAIMABLE.contains(&state), state.may_become(Sending), "{state}");
            assert_eq!(OutboxState::CANCELLABLE.contains(&state), state.may_become(Cancelled), "{state}");
            assert!(!state.may_become(Suppressed) || state.may_become(Cancelled), "{state}");
            assert!(!state.is_at_rest() || !state.may_become(Sending), "{state}");
            assert!(!state.may_become(state), "{state}");
        }
    }

    #[test]
    fn every_kind_has_its_place() {
        let hours: Vec<_> = Kind::ALL.iter().map(|k| (k.as_str(), k.lifetime().num_hours(), k.urgency())).collect();
        assert_eq!(
            hours,
            [
                ("reply", 72, 1),
                ("ack", 24, 2),
                ("notice", 24, 2),
                ("invite", 24, 0),
                ("password", 1, 0),
                ("link", 1, 0),
                ("csat", 24, 3),
                ("digest", 24, 3)
            ]
        );
    }
}
