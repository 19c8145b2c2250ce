//! What lies within a file of a mail and is part of what was written: Outlook's `winmail.dat` (TNEF, E2.10) and the
//! content of an opaque S/MIME signature (E2.12). Pure and bounded: a decoder that cannot go on gives what it has, and the
//! file stays as it is.

pub mod cms;
mod mapi;
mod rtf;
pub mod tnef;

/// Tells whether a part is TNEF: by its type, or by its name if its type says nothing.
pub fn is_tnef(content_type: &str, filename: Option<&str>, bytes: &[u8]) -> bool {
    let typed = matches!(content_type, "application/ms-tnef" | "application/vnd.ms-tnef");
    let named = filename.is_some_and(|n| n.to_ascii_lowercase().ends_with("winmail.dat"));
    (typed || named) && bytes.starts_with(&tnef::SIGNATURE)
}

/// Tells whether a part is a CMS message (S/MIME): by its type, or by its name if its type says nothing.
pub fn is_cms(content_type: &str, filename: Option<&str>) -> bool {
    let named = || filename.is_some_and(|n| n.to_ascii_lowercase().ends_with(".p7m"));
    matches!(content_type, "application/pkcs7-mime" | "application/x-pkcs7-mime")
        || content_type == "application/octet-stream" && named()
}
