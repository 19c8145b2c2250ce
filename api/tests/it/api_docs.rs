//! `docs/api.md` tells what the server does: its routes, its codes, and its examples, which are run.

use crate::harness::people::PASSWORD;
use crate::harness::{Server, on_both};
use shared::access::Role;
use std::fmt::Write;
use std::process::Command;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
const BEGIN: &str = "<!-- codes -->\n";
const END: &str = "<!-- end of codes -->";

fn document() -> String {
    std::fs::read_to_string(FILE).expect("docs/api.md is there")
}

/// The same handlers by other names, pages, and what is the operator's: docs/access.md and docs/operations.md have them.
fn is_elsewhere(path: &str) -> bool {
    const OTHERS: [&str; 19] = [
        "/tickets",
        "/platform-admin/",
        "/dashboard/",
        "/new",
        "/account",
        "/portal",
        "/login",
        "/forgot",
        "/link",
        "/invite/",
        "/reset/",
        "/logout",
        "/dev/",
        "/assets/",
        "/theme",
        "/metrics",
        "/unsubscribe/",
        "/files/",
        "/rate/",
    ];
    OTHERS.iter().any(|p| path.starts_with(p)) || ["/", "/healthz", "/readyz"].contains(&path)
}

#[test]
fn every_route_is_there() {
    let text = document();
    let missing: Vec<String> = api::routes::list()
        .iter()
        .filter(|r| !is_elsewhere(r.path))
        .map(|r| format!("`{} {}`", r.method, r.path))
        .filter(|r| !text.contains(r.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/api.md lacks {}", missing.join(", "));
}

/// `UPDATE_DOCS=1` writes the table.
#[test]
fn every_code_is_there() {
    let mut table = "| code | status | |\n|---|---|---|\n".to_owned();
    for code in api::problem::codes::ALL {
        let _ = writeln!(table, "| `{}` | {} | {} |", code.code, code.status, code.title);
    }
    let text = document();
    let (before, rest) = text.split_once(BEGIN).expect("the codes begin");
    let (found, after) = rest.split_once(END).expect("the codes end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(FILE, format!("{before}{BEGIN}{table}{END}{after}")).expect("docs/api.md is written");
    } else {
        assert_eq!(found, table);
    }
}

#[tokio::test]
async fn the_examples_work() {
    let text = document();
    let examples: Vec<&str> = text.split("```sh\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    assert!(examples.len() > 5);
    // Each line is told as it is run, so that a failure names its own.
    let script = format!("set -euo pipefail\nset -x\n{}", examples.join("\n"));
    on_both(|s: Server| {
        let script = script.clone();
        async move {
            let admin = s.person("admin@example.com", Role::Owner, None).await;
            drop(admin);
            let folder = tempfile::tempdir().expect("a folder");
            let base = format!("http://{}", s.addr);
            let run = tokio::task::spawn_blocking(move || {
                Command::new("bash")
                    .args(["-c", &script])
                    .current_dir(folder.path())
                    .envs([("BASE", base.as_str()), ("EMAIL", "admin@example.com"), ("PASSWORD", PASSWORD)])
                    .output()
                    .expect("bash and curl are there")
            });
            let output = run.await.expect("it ends");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            s
        }
    })
    .await;
}
