//! From the domain's errors, and from axum's refusals, to problems.

use super::{FieldError, Problem, codes};
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use shared::access::{Denied, Noun, Refused};
use shared::sessions::{AuthError, ChangeError, LoginError};
use shared::{blobs, mail_in, store, system, tickets};

impl From<store::Error> for Problem {
    fn from(e: store::Error) -> Self {
        let code = match &e {
            store::Error::Unavailable(_) | store::Error::Busy(_) => codes::UNAVAILABLE,
            store::Error::NotFound => codes::NOT_FOUND,
            // Verbs answer for the constraints they expect; one that nobody expected is a fault of ours.
            store::Error::Conflict { .. }
            | store::Error::Corrupt(_)
            | store::Error::Migrate(_)
            | store::Error::Driver(_) => codes::INTERNAL_ERROR,
        };
        Problem::new(code).caused_by(e)
    }
}

impl From<blobs::Error> for Problem {
    fn from(e: blobs::Error) -> Self {
        let code = match &e {
            blobs::Error::Name(_) => codes::NOT_FOUND,
            blobs::Error::Store(_) => codes::UNAVAILABLE,
            // A row names a blob that is not there: invariant 6 (DESIGN 11) is broken.
            blobs::Error::Missing { .. } | blobs::Error::Folder { .. } => codes::INTERNAL_ERROR,
        };
        Problem::new(code).caused_by(e)
    }
}

impl From<BytesRejection> for Problem {
    fn from(e: BytesRejection) -> Self {
        match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(codes::BODY_TOO_LARGE),
            _ => Problem::new(codes::MALFORMED_REQUEST).detail("the body ended early").caused_by(e),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(e: QueryRejection) -> Self {
        Problem::new(codes::INVALID_QUERY).detail(e.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(e: PathRejection) -> Self {
        // An id that cannot be one names nothing.
        Problem::new(codes::NOT_FOUND).caused_by(e)
    }
}

impl From<MultipartRejection> for Problem {
    fn from(e: MultipartRejection) -> Self {
        Problem::new(codes::INVALID_MULTIPART).detail(e.body_text())
    }
}

impl From<MultipartError> for Problem {
    fn from(e: MultipartError) -> Self {
        match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(codes::BODY_TOO_LARGE),
            _ => Problem::new(codes::INVALID_MULTIPART).detail(e.body_text()),
        }
    }
}

impl From<Denied> for Problem {
    fn from(e: Denied) -> Self {
        Problem::new(codes::FORBIDDEN).detail(e.to_string())
    }
}

impl From<system::Error> for Problem {
    fn from(e: system::Error) -> Problem {
        match e {
            system::Error::Denied(e) => e.into(),
            system::Error::Store(e) => e.into(),
        }
    }
}

impl From<mail_in::Error> for Problem {
    fn from(e: mail_in::Error) -> Self {
        match e {
            mail_in::Error::Store(e) => e.into(),
            mail_in::Error::Blobs(e) => e.into(),
            mail_in::Error::NotFound => Problem::new(codes::MAIL_NOT_FOUND),
            mail_in::Error::Overtaken => {
                Problem::new(codes::UNAVAILABLE).detail("another mail with its id came at once")
            }
            mail_in::Error::Closed => Problem::new(codes::UNAVAILABLE).detail("the server is stopping"),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(e: AuthError) -> Self {
        match e {
            AuthError::Unauthenticated => Problem::new(codes::UNAUTHENTICATED),
            AuthError::NoTenant => Problem::new(codes::TENANT_NOT_FOUND),
            AuthError::Store(e) => e.into(),
        }
    }
}

impl From<LoginError> for Problem {
    fn from(e: LoginError) -> Self {
        match e {
            LoginError::Wrong => Problem::new(codes::INVALID_CREDENTIALS),
            LoginError::SecondFactor { .. } => Problem::new(codes::SECOND_FACTOR_REQUIRED),
            LoginError::WrongCode => Problem::new(codes::SECOND_FACTOR_INVALID),
            LoginError::TenantRequired => Problem::new(codes::TENANT_REQUIRED),
            LoginError::TenantClosed => Problem::new(codes::TENANT_CLOSED),
            LoginError::Throttled { retry_after_s } => Problem::new(codes::RATE_LIMITED).retry_after(retry_after_s),
            LoginError::Store(e) => e.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(e: ChangeError) -> Self {
        match e {
            ChangeError::Refused(e) => e.into(),
            ChangeError::Throttled(e) => e.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(e: Refused) -> Self {
        match e {
            Refused::NotFound(Noun::Tenant) => Problem::new(codes::TENANT_NOT_FOUND),
            Refused::NotFound(Noun::User) => Problem::new(codes::USER_NOT_FOUND),
            Refused::NotFound(noun) => Problem::new(codes::NOT_FOUND).detail(format!("no such {noun}")),
            Refused::Denied(e) => e.into(),
            Refused::Invalid(wrong) => {
                let field = |w: shared::access::Wrong| FieldError::new(w.field, w.code, w.message);
                Problem::validation(wrong.into_iter().map(field).collect())
            }
            Refused::InFlight => Problem::new(codes::MAIL_IN_FLIGHT),
            Refused::Taken { field } => {
                Problem::new(codes::CONFLICT).with_errors(vec![FieldError::new(field, "taken", "is taken")])
            }
            Refused::Store(e) => e.into(),
        }
    }
}

impl From<tickets::Error> for Problem {
    fn from(e: tickets::Error) -> Self {
        match e {
            tickets::Error::NotFound => Problem::new(codes::TICKET_NOT_FOUND),
            tickets::Error::Denied(e) => e.into(),
            tickets::Error::Stale { version, since } => {
                let since: Vec<_> = since.iter().map(crate::json::events::plain).collect();
                Problem::new(codes::STALE_TICKET).with("version", version).with("since", since)
            }
            tickets::Error::StaleNote(now) => {
                Problem::new(codes::STALE_NOTE).with("now", crate::json::customers::shape(now.as_deref()))
            }
            tickets::Error::Closed => Problem::new(codes::TICKET_CLOSED),
            tickets::Error::TenantClosed => Problem::new(codes::TENANT_CLOSED),
            tickets::Error::Merged { pid } => Problem::new(codes::TICKET_MERGED).with("pid", pid),
            tickets::Error::CannotUndo(why) => Problem::new(codes::CANNOT_UNDO).detail(why),
            tickets::Error::TooLate => Problem::new(codes::TOO_LATE),
            tickets::Error::Erased => Problem::new(codes::TICKET_ERASED),
            tickets::Error::InFlight => Problem::new(codes::MAIL_IN_FLIGHT),
            tickets::Error::Invalid { field, code, message } => invalid(field, code, message),
            tickets::Error::Store(e) => e.into(),
        }
    }
}

/// Files that are too large or of a kind that is not taken have statuses of their own.
fn invalid(field: &'static str, code: &'static str, message: String) -> Problem {
    let problem = match code {
        "file_too_large" => Problem::new(codes::FILE_TOO_LARGE),
        "note_in_reply" => Problem::new(codes::NOTE_IN_REPLY),
        "file_missing" => Problem::new(codes::FILE_MISSING),
        "type_not_allowed" | "type_mismatch" => Problem::new(codes::FILE_TYPE_NOT_ALLOWED),
        _ => Problem::new(codes::VALIDATION_FAILED),
    };
    problem.with_errors(vec![FieldError::new(field, code, message)])
}
