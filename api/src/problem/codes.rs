//! Every code that an error answer can bear. Clients depend on them: none is ever renamed or given another status.

use axum::http::StatusCode;

/// A kind of error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The stable code.
    pub code: &'static str,
    /// The HTTP status that goes with it.
    pub status: u16,
    /// A short sentence for people, the same for each occurrence (RFC 9457, 3.1.3).
    pub title: &'static str,
}

impl Code {
    /// Returns the HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("the table holds valid ones: a test reads it whole")
    }
}

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $title:literal;)+) => {
        $(#[doc = $title] pub const $name: Code = Code { code: $code, status: $status, title: $title };)+
        /// All codes.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    MALFORMED_REQUEST = 400 "malformed_request" "The request could not be understood";
    INVALID_JSON = 400 "invalid_json" "The body is not valid JSON";
    INVALID_QUERY = 400 "invalid_query" "The query string could not be understood";
    INVALID_CURSOR = 400 "invalid_cursor" "The cursor is not one that this list gave out";
    INVALID_MULTIPART = 400 "invalid_multipart" "The multipart body could not be understood";
    INVALID_HEADER = 400 "invalid_header" "A request header has a wrong value";
    UNAUTHENTICATED = 401 "unauthenticated" "Log in, or send a valid token";
    INVALID_CREDENTIALS = 401 "invalid_credentials" "Address or password is wrong";
    SECOND_FACTOR_REQUIRED = 401 "second_factor_required" "A code of the second step must come along";
    SECOND_FACTOR_INVALID = 401 "second_factor_invalid" "The code is wrong, or was used before";
    SIGNATURE_INVALID = 401 "signature_invalid" "The request's signature, secret or topic is not the provider's";
    FORBIDDEN = 403 "forbidden" "You may not do this";
    SECOND_FACTOR_SETUP_REQUIRED = 403 "second_factor_setup_required" "Set up the second step of the login first";
    TENANT_CLOSED = 403 "tenant_closed" "The tenant is closed: nobody of it can log in, and it takes no new tickets but by mail";
    CSRF_FAILED = 403 "csrf_failed" "The request did not come from a page of this site";
    NOT_FOUND = 404 "not_found" "There is nothing here";
    TICKET_NOT_FOUND = 404 "ticket_not_found" "No such ticket";
    IMAGE_NOT_SHOWN = 404 "image_not_shown" "The image cannot be shown";
    MESSAGE_NOT_FOUND = 404 "message_not_found" "No such message";
    ATTACHMENT_NOT_FOUND = 404 "attachment_not_found" "No such attachment";
    JOIN_NOT_FOUND = 404 "join_not_found" "Nothing of this kind waits for a decision";
    MAIL_NOT_FOUND = 404 "mail_not_found" "No such mail";
    OUTBOX_MAIL_NOT_FOUND = 404 "outbox_mail_not_found" "No such outgoing mail";
    TENANT_NOT_FOUND = 404 "tenant_not_found" "No such tenant";
    USER_NOT_FOUND = 404 "user_not_found" "No such user";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "This address does not take that method";
    LINK_EXPIRED = 410 "link_expired" "The link has expired or was revoked";
    CONFLICT = 409 "conflict" "This exists already, or contradicts what exists";
    STALE_TICKET = 409 "stale_ticket" "The ticket changed since you read it";
    STALE_NOTE = 409 "stale_note" "The note about the customer changed since you read it";
    TICKET_CLOSED = 409 "ticket_closed" "The ticket is closed";
    TICKET_MERGED = 409 "ticket_merged" "The ticket was merged into another one";
    CANNOT_UNDO = 409 "cannot_undo" "This cannot be undone any more";
    TENANT_REQUIRED = 409 "tenant_required" "The address belongs to several tenants: name one";
    MAIL_NOT_RELEASABLE = 409 "mail_not_releasable" "The mail is not held back, or can never be a message";
    TOO_LATE = 409 "too_late" "The mail has left already";
    NOT_CONFIRMED = 422 "not_confirmed" "What was typed to confirm it is something else: nothing was changed";
    TICKET_ERASED = 409 "ticket_erased" "The ticket was erased for good";
    MAIL_ERASED = 410 "mail_erased" "The mail was erased for good";
    MAIL_IN_FLIGHT = 409 "mail_in_flight" "A mail of it is on its way just now: try again in a minute";
    IDEMPOTENCY_KEY_IN_USE = 409 "idempotency_key_in_use" "A request with this Idempotency-Key is still at work";
    BODY_TOO_LARGE = 413 "body_too_large" "The body is too large";
    MAIL_TOO_LARGE = 413 "mail_too_large" "The mail is too large";
    FILE_TOO_LARGE = 413 "file_too_large" "A file is too large";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "The body has a type that is not understood here";
    FILE_TYPE_NOT_ALLOWED = 415 "file_type_not_allowed" "Files of this type may not be uploaded";
    VALIDATION_FAILED = 422 "validation_failed" "Some values are wrong";
    NOTE_IN_REPLY = 422 "note_in_reply" "The reply holds the text of an internal note";
    FILE_MISSING = 422 "file_missing" "The text speaks of a file, and there is none";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another request";
    UNKNOWN_RECIPIENT = 422 "unknown_recipient" "No mailbox here has that address";
    QUOTA_EXCEEDED = 422 "quota_exceeded" "The attachment quota is used up";
    RATE_LIMITED = 429 "rate_limited" "Too many requests";
    INTERNAL_ERROR = 500 "internal_error" "Something went wrong here";
    TIMED_OUT = 503 "timed_out" "The request took too long";
    UNAVAILABLE = 503 "unavailable" "A part that is needed cannot be reached; try again shortly";
}

/// Returns the general code for a status that no handler of ours explained.
pub fn for_status(status: StatusCode) -> Code {
    match status.as_u16() {
        401 => UNAUTHENTICATED,
        403 => FORBIDDEN,
        404 => NOT_FOUND,
        405 => METHOD_NOT_ALLOWED,
        409 => CONFLICT,
        413 => BODY_TOO_LARGE,
        415 => UNSUPPORTED_MEDIA_TYPE,
        422 => VALIDATION_FAILED,
        429 => RATE_LIMITED,
        503 => UNAVAILABLE,
        400..=499 => MALFORMED_REQUEST,
        _ => INTERNAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_never_change() {
        let list: String = ALL.iter().map(|c| format!("{} {}\n", c.status, c.code)).collect();
        insta::assert_snapshot!(list);
    }

    #[test]
    fn a_code_is_unique_and_has_a_valid_status() {
        let mut names: Vec<_> = ALL.iter().map(|c| c.code).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.iter().all(|c| c.status().is_client_error() || c.status().is_server_error()));
    }
}
