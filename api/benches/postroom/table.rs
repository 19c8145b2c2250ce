//! Tables on the terminal that are Markdown as well.

/// Prints a headed table; the first column is text, the others are figures.
pub fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let width =
        |i: usize| rows.iter().map(|r| r[i].chars().count()).chain([head[i].chars().count()]).max().unwrap_or_default();
    let line = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    let pad = |i: usize, text: &str| match i {
        0 => format!("{text:<w$}", w = width(i)),
        _ => format!("{text:>w$}", w = width(i)),
    };
    println!("\n## {title}\n");
    line(head.iter().enumerate().map(|(i, h)| pad(i, h)).collect());
    line(
        (0..head.len())
            .map(|i| if i == 0 { "-".repeat(width(i)) } else { format!("{}:", "-".repeat(width(i) - 1)) })
            .collect(),
    );
    for row in rows {
        line(row.iter().enumerate().map(|(i, c)| pad(i, c)).collect());
    }
}

/// Returns the middle one of several figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns `part` as a share of `whole`, in percent.
pub fn percent(part: f64, whole: f64) -> String {
    format!("{:.0} %", 100.0 * part / whole)
}
