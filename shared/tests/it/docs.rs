//! The operator's guide tells what the program does.

use shared::config::settings::SETTINGS;

const GUIDE: &str = include_str!("../../../docs/operations.md");

#[test]
fn the_guide_has_each_setting_with_its_default() {
    let row = |s: &shared::config::settings::Setting| format!("| `{}` | {} | {} |", s.name, s.default, s.about);
    let missing: Vec<String> = SETTINGS.iter().map(row).filter(|row| !GUIDE.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks these rows:\n{}", missing.join("\n"));
    let rows = GUIDE.lines().filter(|line| line.starts_with("| `") && line.contains("_")).count();
    assert!(rows >= SETTINGS.len());
}
