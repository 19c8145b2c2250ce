//! The registry of audit kinds: each with its upper-case and its dotted name.

use crate::text_enum;

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $upper:literal, $dotted:literal;)+) => {
        text_enum! {
            /// What happened beside tickets. Stored by its dotted name.
            pub enum AuditKind ("audit kind") { $($(#[$meta])* $variant = $dotted),+ }
        }
        impl AuditKind {
            /// Returns both names: upper case and dotted.
            pub fn audit(self) -> [&'static str; 2] {
                match self { $(AuditKind::$variant => [$upper, $dotted]),+ }
            }
        }
    };
}

kinds! {
    /// Somebody logged in.
    LoggedIn = "LOGIN_SUCCEEDED", "auth.login";
    /// Somebody failed to.
    LoginFailed = "LOGIN_FAILED", "auth.login.fail";
    /// Somebody logged out.
    LoggedOut = "LOGGED_OUT", "auth.logout";
    /// A password was set.
    PasswordChanged = "PASSWORD_CHANGED", "auth.password.update";
    /// A link to log in or to set a password was asked for.
    LinkMade = "LOGIN_LINK_CREATED", "auth.link.create";
    /// An API token was made.
    TokenMade = "API_TOKEN_CREATED", "token.create";
    /// An API token was revoked.
    TokenRevoked = "API_TOKEN_REVOKED", "token.revoke";
    /// A session was ended from elsewhere.
    SessionRevoked = "SESSION_REVOKED", "session.revoke";
    /// The second step of the login was switched on.
    TwoFactorOn = "TWO_FACTOR_ENABLED", "auth.two_factor.enable";
    /// It was switched off by its user.
    TwoFactorOff = "TWO_FACTOR_DISABLED", "auth.two_factor.disable";
    /// It was taken away from a user who had lost it.
    TwoFactorReset = "TWO_FACTOR_RESET", "auth.two_factor.reset";
    /// New recovery codes were made.
    RecoveryCodesMade = "RECOVERY_CODES_CREATED", "auth.recovery_codes.create";
    /// Somebody logged in with one.
    RecoveryCodeUsed = "RECOVERY_CODE_USED", "auth.recovery_codes.use";
    /// A user was made or invited.
    UserMade = "USER_CREATED", "user.create";
    /// A user was changed.
    UserChanged = "USER_UPDATED", "user.update";
    /// A person was erased for good (E13.1).
    UserErased = "USER_ERASED", "user.erase";
    /// A tenant was made.
    TenantMade = "TENANT_CREATED", "tenant.create";
    /// A tenant was changed.
    TenantChanged = "TENANT_UPDATED", "tenant.update";
    /// A mailbox was made.
    MailboxMade = "MAILBOX_CREATED", "mailbox.create";
    /// A mailbox was changed.
    MailboxChanged = "MAILBOX_UPDATED", "mailbox.update";
    /// A mailbox on another server was added.
    ImapAccountMade = "IMAP_ACCOUNT_CREATED", "imap_account.create";
    /// A mailbox on another server was changed.
    ImapAccountChanged = "IMAP_ACCOUNT_UPDATED", "imap_account.update";
    /// A mailbox on another server is fetched no more.
    ImapAccountRemoved = "IMAP_ACCOUNT_DELETED", "imap_account.delete";
    /// A category was made.
    CategoryMade = "CATEGORY_CREATED", "category.create";
    /// A category was changed.
    CategoryChanged = "CATEGORY_UPDATED", "category.update";
    /// A canned reply of all was made.
    CannedMade = "CANNED_REPLY_CREATED", "canned_reply.create";
    /// A canned reply of all was changed.
    CannedChanged = "CANNED_REPLY_UPDATED", "canned_reply.update";
    /// A canned reply of all was removed.
    CannedRemoved = "CANNED_REPLY_DELETED", "canned_reply.delete";
    /// The note about a customer was written or emptied.
    CustomerNoted = "CUSTOMER_NOTE_UPDATED", "customer.note.update";
    /// What an agent covers was changed.
    CoverageChanged = "TEAM_COVERAGE_UPDATED", "team.coverage.update";
    /// The bytes of a mail were looked at.
    RawViewed = "RAW_MAIL_VIEWED", "mail.raw.view";
    /// A received mail was run through the pipeline again.
    MailReplayed = "MAIL_REPLAYED", "mail.replay";
    /// A mail was released from quarantine.
    MailReleased = "MAIL_RELEASED", "mail.release";
    /// An incident was made.
    IncidentMade = "INCIDENT_CREATED", "incident.create";
    /// An incident was changed.
    IncidentChanged = "INCIDENT_UPDATED", "incident.update";
    /// The audit was exported.
    Exported = "AUDIT_EXPORTED", "audit.export";
    /// A key that signs mail was added.
    DkimMade = "DKIM_KEY_CREATED", "dkim.create";
    /// A key signs no more mail.
    DkimRetired = "DKIM_KEY_RETIRED", "dkim.retire";
    /// An address was suppressed by hand.
    SuppressionMade = "SUPPRESSION_CREATED", "suppression.create";
    /// An address gets mail again.
    SuppressionLifted = "SUPPRESSION_DELETED", "suppression.delete";
    /// The link to a sent file was revoked.
    FileLinkRevoked = "FILE_LINK_REVOKED", "file_link.revoke";
    /// Held mail and spam was forgotten after its time.
    MailPurged = "MAIL_PURGED", "mail.purge";
    /// A sender sends more than a person can.
    MailStorm = "MAIL_STORM", "mail.storm";
    /// Too many of those we write to complain.
    MailComplaints = "MAIL_COMPLAINTS", "mail.complaints";
}
