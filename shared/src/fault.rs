//! Named points at which a test kills the process, to prove that nothing is lost there.
//!
//! `POSTROOM_FAULT=after_claim` makes the process die at that point, the first time it comes there. Compiled into
//! debug builds only.

/// Whether the environment names this point. Never in release builds.
#[inline]
pub fn is_armed(_name: &str) -> bool {
    #[cfg(debug_assertions)]
    return armed() == Some(_name);
    #[cfg(not(debug_assertions))]
    false
}

/// Dies here if the environment names this point.
#[inline]
pub fn point(_name: &str) {
    #[cfg(debug_assertions)]
    if is_armed(_name) {
        tracing::error!(point = _name, "dying here, as POSTROOM_FAULT asks");
        kill();
    }
}

#[cfg(debug_assertions)]
fn armed() -> Option<&'static str> {
    static ARMED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ARMED.get_or_init(|| std::env::var("POSTROOM_FAULT").ok()).as_deref()
}

/// As if the machine took the process away: no destructor runs, no buffer is flushed.
#[cfg(debug_assertions)]
fn kill() {
    let pid = std::process::id().to_string();
    let _ = std::process::Command::new("kill").args(["-9", &pid]).status();
    std::process::abort();
}
