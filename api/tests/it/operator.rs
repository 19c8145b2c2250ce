//! The operator's commands, as processes of their own.

use std::process::{Command, Output};

/// Runs `postroom` with the environment of nobody, and a database in `folder`.
fn postroom(folder: &std::path::Path, args: &[&str]) -> (i32, String, String) {
    let url = format!("sqlite://{}/data/p.db", folder.display());
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(args)
        .env_clear()
        .env("DATABASE_URL", url)
        .current_dir(folder)
        .output()
        .expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
    (status.code().expect("it exits"), text(stdout), text(stderr))
}

#[test]
fn doctor_and_audit_answer_by_lines_and_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = postroom(folder.path(), &["doctor"]);
    assert!(code == 1 && out.is_empty() && err.contains("there is no database at"), "{err}");
    assert!(!folder.path().join("data").exists(), "looking makes nothing");

    assert_eq!(postroom(folder.path(), &["migrate"]).0, 0);
    let (code, out, err) = postroom(folder.path(), &["doctor", "--quick"]);
    assert_eq!((code, out.lines().count()), (0, 9), "{out}{err}");
    assert!(out.lines().enumerate().all(|(i, l)| l.starts_with(&format!("ok    {} ", i + 1))), "{out}");
    assert_eq!(postroom(folder.path(), &["audit", "verify"]).1, "whole: 0 events of 0 tickets\n");

    let damage = "INSERT INTO tenants (id, slug, name, audience, pid_prefix, locale, settings, created_at) \
                  VALUES (70, 'x', 'X', 'public', 'X', 'en', '{}', '2026-11-01T00:00:00+00:00'); \
                  INSERT INTO pid_counters (tenant_id, period, last) VALUES (70, '202611', 7)";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let url = format!("sqlite://{}/data/p.db", folder.path().display());
        let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(damage).execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    });
    let (code, out, _) = postroom(folder.path(), &["doctor"]);
    let wrong: Vec<&str> = out.lines().filter(|l| !l.starts_with("ok ")).collect();
    assert_eq!(code, 1);
    assert_eq!(
        wrong,
        ["WRONG 3 PIDs are gapless per tenant and month (0 rows): 7 numbers are missing (tenant 70, 202611-0001, \
          tenant 70, 202611-0002, tenant 70, 202611-0003, tenant 70, 202611-0004, tenant 70, 202611-0005, …)"]
    );
}
