use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
}

fn lines(pairs: &[(&str, &str)]) -> Vec<String> {
    read(pairs).expect_err("a wrong value").0
}

#[test]
fn nothing_set_is_a_developers_machine() {
    let c = read(&[]).unwrap();
    assert_eq!(c.mode, Mode::Development);
    assert_eq!(c.worker, WorkerMode::Inline);
    assert_eq!(c.data_dir, PathBuf::from("data"));
    assert_eq!(c.blob_dir, PathBuf::from("data/blobs"));
    assert_eq!(c.base_url, "http://127.0.0.1:8080");
    assert_eq!(c.mail_from, "support@postroom.localhost");
}

#[test]
fn whatever_leaves_the_machine_is_production() {
    for (name, value) in [
        ("POSTROOM_LISTEN", "0.0.0.0:80"),
        ("POSTROOM_BASE_URL", "https://help.example.com"),
        ("SMTP_URL", "smtp://relay.example.com"),
    ] {
        assert_eq!(read(&[(name, value)]).unwrap().mode, Mode::Production, "{name}");
    }
    for base in ["http://localhost:1", "http://[::1]:8080", "http://a.localhost", "http://127.3.2.1"] {
        assert_eq!(read(&[("POSTROOM_BASE_URL", base)]).unwrap().mode, Mode::Development, "{base}");
    }
    assert_eq!(read(&[("POSTROOM_MODE", "production")]).unwrap().mode, Mode::Production);
}

#[test]
fn a_queue_sends_the_worker_out_of_the_server() {
    assert_eq!(read(&[("REDIS_URL", "redis://h")]).unwrap().worker, WorkerMode::Off);
    assert_eq!(read(&[("REDIS_URL", "redis://h"), ("POSTROOM_WORKER", "inline")]).unwrap().worker, WorkerMode::Inline);
}

#[test]
fn each_wrong_value_has_a_line() {
    let wrong = lines(&[
        ("POSTROOM_MODE", "staging"),
        ("DATABASE_URL", "mysql://u:geheim@h/d"),
        ("REDIS_URL", "http://h"),
        ("SMTP_URL", "smtp://u:geheim@h?tls=maybe"),
        ("POSTROOM_LISTEN", "8080"),
        ("POSTROOM_BASE_URL", "https://h/path"),
        ("POSTROOM_MAIL_DOMAIN", "a b"),
        ("POSTROOM_MAIL_FROM", "nobody"),
        ("POSTROOM_SECRET", "short"),
        ("POSTROOM_MAX_MAIL_BYTES", "300MiB"),
        ("POSTROOM_MAYBE_RETRY_S", "-1"),
        ("POSTROOM_ALLOWED_TYPES", "image"),
        ("BLOB_URL", "s3://bucket"),
    ]);
    insta::assert_snapshot!(wrong.join("\n"), @r#"
    DATABASE_URL="mysql://u:****@h/d": the scheme must be postgres or postgresql; expected sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME
    REDIS_URL="http://h/": the scheme must be redis or rediss
    SMTP_URL="smtp://u:****@h?tls=maybe": tls must be off or required
    POSTROOM_LISTEN="8080": expected ADDRESS:PORT, for example 127.0.0.1:8080
    POSTROOM_BASE_URL="https://h/path": a path is not supported: give Postroom a host name of its own
    POSTROOM_MAIL_DOMAIN="a b": not a domain name
    POSTROOM_MAIL_FROM="nobody": not a mail address
    POSTROOM_MODE="staging": unknown mode "staging"; expected one of: development, production
    BLOB_URL="s3://bucket": expected file://FOLDER
    POSTROOM_SECRET="****": too short, needs 16 letters or more
    POSTROOM_MAYBE_RETRY_S="-1": expected a number from 1 to 604800
    POSTROOM_MAX_MAIL_BYTES="300MiB": expected bytes, or a number with KiB or MiB, at most 256 MiB
    POSTROOM_ALLOWED_TYPES="image": "image" is no media type
    "#);
}

#[test]
fn a_database_in_memory_is_refused() {
    assert!(lines(&[("DATABASE_URL", "sqlite::memory:")])[0].contains("name a file"));
}

#[test]
fn secrets_are_masked() {
    let c = read(&[
        ("POSTROOM_SECRET", "0123456789abcdef"),
        ("DATABASE_URL", "postgres://u:geheim@h/d?sslpassword=geheim"),
        ("SMTP_URL", "smtps://u:geheim@relay.example.com"),
        ("POSTROOM_INBOUND_TOKEN", "geheim-geheim"),
    ])
    .unwrap();
    let shown: String = c.effective().iter().map(|(n, v)| format!("{n}={v}\n")).collect();
    assert!(!shown.contains("geheim") && !shown.contains("0123456789abcdef"), "{shown}");
    assert!(!format!("{c:?}").contains("0123456789abcdef"));
    assert!(shown.contains("DATABASE_URL=postgres://u:****@h/d"), "{shown}");
}

#[test]
fn port_zero_becomes_the_real_port() {
    let c = read(&[("POSTROOM_LISTEN", "127.0.0.1:0")]).unwrap().bound_to("127.0.0.1:4711".parse().unwrap());
    assert_eq!(c.base_url, "http://127.0.0.1:4711");
    let c = read(&[("POSTROOM_BASE_URL", "https://h.example/")]).unwrap().bound_to("127.0.0.1:4711".parse().unwrap());
    assert_eq!(c.base_url, "https://h.example");
}

#[test]
fn sizes_take_units() {
    let c = read(&[("POSTROOM_MAX_MAIL_BYTES", "2 MiB"), ("POSTROOM_MAX_FILE_BYTES", "4096")]).unwrap();
    assert_eq!((c.max_mail_bytes, c.max_file_bytes), (2 * 1024 * 1024, 4096));
}

#[test]
fn media_types_match_by_kind() {
    let c = read(&[("POSTROOM_ALLOWED_TYPES", "image/*, application/pdf")]).unwrap();
    assert!(c.allows_type("image/png") && c.allows_type("application/pdf"));
    assert!(!c.allows_type("application/pdfx") && !c.allows_type("text/html"));
}

#[test]
fn flags_have_the_settings_names() {
    let flags: Vec<String> = SETTINGS.iter().map(settings::Setting::flag).collect();
    assert!(flags.contains(&"database-url".to_owned()) && flags.contains(&"listen".to_owned()));
    let unique: std::collections::BTreeSet<&String> = flags.iter().collect();
    assert_eq!(unique.len(), flags.len());
}
