//! The binary `postroom`.

use std::process::ExitCode;

/// A mail is a thousand small strings on several threads: the system's allocator takes an eighth of the time it takes in.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Once per process, before anything speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match api::commands::run() {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("postroom: {}", one_line(&e));
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong and why in one line; a cause that an error already told is not told twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line.push_str(if line.is_empty() { "" } else { ": " });
            line.push_str(&cause);
        }
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_once_in_one_line() {
        let error =
            anyhow::anyhow!("no such host").context("asking: no such host").context("the database\n cannot be had");
        assert_eq!(one_line(&error), "the database cannot be had: asking: no such host");
    }
}
