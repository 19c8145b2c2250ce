//! What is new in a reply (E7): a view that hides quotes and signatures and loses nothing.
//!
//! Everything works on whole lines, top to bottom, each looked at a bounded number of times. Who wrote what follows is
//! read by `attribution`, header blocks by `labels`, announcements by `markers`, signatures by `signature`.

pub mod attribution;
pub mod labels;
pub mod markers;
pub mod page;
mod signature;

use super::html;
use labels::Field;
use markers::Marker;

/// Longest body that is trimmed (E7.9).
const MAX_BYTES: usize = 1024 * 1024;
/// Longest line that patterns are tried on (E7.9); longer ones are text.
const MAX_LINE_BYTES: usize = 2000;
/// Quoted runs between answers stay up to this length (E7.3).
const MAX_KEPT_LINES: usize = 20;

/// Why a range is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An older mail.
    Quote,
    /// A signature.
    Signature,
}

/// A hidden range of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Why.
    pub reason: Reason,
    /// What fired, for the trace.
    pub rule: &'static str,
}

/// A body and what of it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// What is shown, blank lines around it removed.
    pub visible: String,
    /// What is not, in order, without overlaps: all bytes of the body outside these ranges are shown.
    pub hidden: Vec<Hidden>,
}

/// Splits a body into what is new and what is hidden. `text` is what the ranges count in; `html` helps only if the
/// text was derived from it, because only then its containers can be found in the text.
pub fn visible(text: &str, html: Option<&str>) -> Trimmed {
    if text.len() > MAX_BYTES {
        return shown_whole(text);
    }
    let lines = Line::all(text);
    let mut marks = vec![Mark::Shown; lines.len()];
    if let Some(html) = html {
        by_containers(text, html, &lines, &mut marks);
    }
    quotes(&lines, &mut marks);
    signature::mark(&lines, &mut marks);
    if !lines.iter().zip(&marks).any(|(l, m)| *m == Mark::Shown && !l.is_blank()) {
        return shown_whole(text);
    }
    collect(text, &lines, &marks)
}

fn shown_whole(text: &str) -> Trimmed {
    Trimmed { visible: text.trim().to_owned(), hidden: Vec::new() }
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Shown,
    Hidden(Reason, &'static str),
}

/// A line of the body.
struct Line<'a> {
    start: usize,
    /// Behind its line end.
    end: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn all(text: &'a str) -> Vec<Line<'a>> {
        let mut pos = 0;
        text.split_inclusive('\n')
            .map(|line| {
                let start = pos;
                pos += line.len();
                Line { start, end: pos, text: line.trim_end_matches(['\n', '\r']) }
            })
            .collect()
    }

    fn is_blank(&self) -> bool {
        self.text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').is_empty()
    }

    fn is_quoted(&self) -> bool {
        let trimmed = self.text.trim_start_matches([' ', '\t', '\u{feff}']);
        self.text.len() - trimmed.len() <= 4 && trimmed.starts_with('>')
    }
}

/// Hides what the HTML's containers say is quote or signature, if the text comes from that HTML.
fn by_containers(text: &str, html: &str, lines: &[Line<'_>], marks: &mut [Mark]) {
    let derived = html::read(html);
    if derived.text != text || derived.marks.is_empty() {
        return;
    }
    // Behind the last line with words of its own everything is quote; a signature's are none.
    let signed = |line: &Line<'_>| {
        derived.marks.iter().any(|m| m.kind == html::Kind::Signature && m.start <= line.start && line.end <= m.end + 1)
    };
    let own = |line: &Line<'_>| !line.is_blank() && !line.is_quoted() && !signed(line);
    let words_end = lines[..signature::begins(lines)].iter().rposition(own).map_or(0, |n| lines[n].end);
    let first_words = lines.iter().find(|l| !l.is_blank()).map_or(0, |l| l.end);
    let mut covered = 0;
    for mark in &derived.marks {
        // What lies within a container that was looked at needs no look of its own.
        if mark.start < covered {
            continue;
        }
        covered = mark.end;
        let from = lines.partition_point(|l| {
            l.end <= mark.start || text[l.start.max(mark.start)..l.end].trim().is_empty() && l.start < mark.start
        });
        // A line that the container shares with words before it stays.
        let from = if from < lines.len()
            && lines[from].start < mark.start
            && !text[lines[from].start..mark.start].trim().is_empty()
        {
            from + 1
        } else {
            from
        };
        let to = lines.partition_point(|l| l.start < mark.end);
        if from >= to {
            continue;
        }
        // Answers follow: interleaved, or below the quote. Only what is no new word may go.
        let answered = mark.kind == html::Kind::Quote && words_end > lines[to - 1].end;
        if answered && first_words <= mark.start && to - from <= MAX_KEPT_LINES {
            continue;
        }
        let reason = match mark.kind {
            html::Kind::Quote => Reason::Quote,
            html::Kind::Signature => Reason::Signature,
        };
        hide(marks, from, to, reason, mark.rule);
    }
}

/// Hides quotes: a cut to the end where nothing but quote can follow, else the quoted runs.
fn quotes(lines: &[Line<'_>], marks: &mut [Mark]) {
    let texts: Vec<&str> = lines.iter().map(|l| if l.text.len() > MAX_LINE_BYTES { "x" } else { l.text }).collect();
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    let mut written_above = false;
    while at < lines.len() {
        if marks[at] != Mark::Shown || lines[at].is_blank() {
            at += 1;
            continue;
        }
        if let Some(rule) = cuts_to_end(&texts, at)
            && written_above
        {
            let from = with_rule_above(lines, at);
            hide(marks, from, lines.len(), Reason::Quote, rule);
            break;
        }
        if let Some(found) = attribution::at(&texts, at).or_else(|| attribution::unknown(&texts, at)) {
            let next = (found.end..lines.len()).find(|&n| !lines[n].is_blank());
            match next {
                Some(next) if lines[next].is_quoted() || lines[at].is_quoted() => {
                    let end = run_end(lines, if lines[at].is_quoted() { at } else { next });
                    runs.push(Run { start: at, end, leads: !written_above, rule: "attribution" });
                    at = end;
                    continue;
                }
                // Without marks all below is the quote, if anything new stands above.
                _ if written_above => {
                    let from = with_rule_above(lines, at);
                    hide(marks, from, lines.len(), Reason::Quote, "attribution");
                    break;
                }
                _ => {}
            }
        }
        if lines[at].is_quoted() {
            let end = run_end(lines, at);
            runs.push(Run { start: at, end, leads: !written_above, rule: "> lines" });
            at = end;
            continue;
        }
        written_above = true;
        at += 1;
    }
    hide_runs(lines, marks, &runs);
}

/// A run of quoted lines with its attribution.
struct Run {
    start: usize,
    end: usize,
    /// Nothing new stands above it.
    leads: bool,
    rule: &'static str,
}

/// The last run goes if nothing new follows; a sole first one goes, as the answer stands below it; runs between
/// answers stay unless they are long.
fn hide_runs(lines: &[Line<'_>], marks: &mut [Mark], runs: &[Run]) {
    let mut in_run = vec![false; lines.len()];
    for run in runs {
        in_run[run.start..run.end].fill(true);
    }
    let signature = signature::begins(lines);
    let is_new = |n: &usize| marks[*n] == Mark::Shown && !lines[*n].is_blank() && !in_run[*n];
    let last_new = (0..signature).rev().find(is_new);
    let answered = |run: &Run| last_new.is_some_and(|n| n >= run.end);
    let several = runs.iter().filter(|r| answered(r)).count() > 1;
    for run in runs {
        let long = run.end - run.start > MAX_KEPT_LINES;
        if !answered(run) || long || run.leads && !several {
            hide(marks, run.start, run.end, Reason::Quote, run.rule);
        }
    }
}

fn hide(marks: &mut [Mark], from: usize, to: usize, reason: Reason, rule: &'static str) {
    for mark in &mut marks[from..to] {
        if *mark == Mark::Shown {
            *mark = Mark::Hidden(reason, rule);
        }
    }
}

/// Tells whether a line begins a block below which everything is the older mail.
fn cuts_to_end(texts: &[&str], at: usize) -> Option<&'static str> {
    if texts[at].trim_start().starts_with('>') {
        return None;
    }
    if let Some((Marker::Original, _)) = markers::marker(texts[at]) {
        return Some("original message");
    }
    if is_reply_line(texts[at]) {
        return Some("reply line");
    }
    let (Field::From | Field::Date | Field::Subject | Field::To, _) = labels::field(texts[at])? else { return None };
    let block = labels::block(texts, at)?;
    (block.strength() >= 3 && block.get(Field::From).is_some()).then_some("header block")
}

/// A help desk's own line: "reply above this line" (E7.6).
fn is_reply_line(line: &str) -> bool {
    let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '#' | '=' | '_' | '*' | '~'));
    if line.len() > 160 || line.is_empty() {
        return false;
    }
    let lower = line.to_lowercase();
    REPLY_LINES.iter().any(|p| lower.starts_with(p))
}

/// Beginnings of such lines, lower case.
const REPLY_LINES: &[&str] = &[
    "reply above this line",
    "please reply above this line",
    "write above this line",
    "please type your reply above this line",
    "type your reply above this line",
    "reply above. do not",
    "enter your reply above this line",
    "bitte antworten sie oberhalb dieser zeile",
    "bitte oberhalb dieser zeile antworten",
    "antworten sie über dieser linie",
    "bitte schreiben sie ihre antwort über diese zeile",
    "répondre au-dessus de cette ligne",
    "répondez au-dessus de cette ligne",
    "veuillez répondre au-dessus de cette ligne",
    "responda por encima de esta línea",
    "responda encima de esta línea",
    "rispondi sopra questa riga",
    "responda acima desta linha",
    "antwoord boven deze lijn",
    "svara ovanför denna rad",
    "svar over denne linje",
];

/// Moves a cut up over the rule that a client draws and the blank lines around it.
fn with_rule_above(lines: &[Line<'_>], at: usize) -> usize {
    let mut from = at;
    while from > 0 && (lines[from - 1].is_blank() || markers::is_rule_line(lines[from - 1].text)) {
        from -= 1;
    }
    from
}

/// Where a run of quoted lines ends. Blank lines within and wrapped ends of quoted lines belong to it.
fn run_end(lines: &[Line<'_>], start: usize) -> usize {
    let mut end = start;
    let mut at = start;
    while at < lines.len() {
        if lines[at].is_quoted() {
            at += 1;
            end = at;
            continue;
        }
        let ahead = (at..lines.len().min(at + 4)).find(|&n| lines[n].is_quoted());
        match ahead {
            // Blank lines between quoted ones.
            Some(next) if lines[at..next].iter().all(Line::is_blank) => at = next,
            // A quoted line that a mailer wrapped: its rest has no mark, the next line has one again.
            Some(next) if next - at <= 2 && at == end && is_wrapped_rest(&lines[at - 1], &lines[at..next]) => at = next,
            _ => break,
        }
    }
    end
}

/// The line above was long enough to be wrapped, and no blank line stands between.
fn is_wrapped_rest(above: &Line<'_>, rest: &[Line<'_>]) -> bool {
    above.text.chars().count() >= 60 && rest.iter().all(|l| !l.is_blank())
}

fn collect(text: &str, lines: &[Line<'_>], marks: &[Mark]) -> Trimmed {
    let mut trimmed = Trimmed::default();
    for (line, mark) in lines.iter().zip(marks) {
        match *mark {
            Mark::Shown => trimmed.visible.push_str(&text[line.start..line.end]),
            Mark::Hidden(reason, rule) => match trimmed.hidden.last_mut() {
                Some(last) if last.end == line.start && last.reason == reason && last.rule == rule => {
                    last.end = line.end
                }
                _ => trimmed.hidden.push(Hidden { start: line.start, end: line.end, reason, rule }),
            },
        }
    }
    trimmed.visible = trimmed.visible.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_owned();
    trimmed
}

#[cfg(test)]
mod tests;
