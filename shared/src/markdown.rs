//! What agents write: Markdown becomes HTML for the page and the mail, and text that reads well without it.
//!
//! HTML within the source is text, not markup: agents paste what customers should see. Line breaks stay line breaks, as
//! people who write mail expect. What comes out of here is stored; it is cleaned whenever it is shown or sent (E12.8).

use crate::mail_in::sanitise;
use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, TextMergeWithOffset};

/// Both views of what somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// As HTML, not cleaned yet: see [`clean`].
    pub html: String,
    /// As plain text: links as `words <address>`, lists with their marks, quotes with `>`.
    pub text: String,
}

/// Finds what is to be marked in a text.
pub type Find<'a> = &'a dyn Fn(&str) -> Option<(usize, usize)>;

/// Deeper lists and quotes than people write. Such a source is taken as plain text: nesting costs every reader dearly.
const DEEPEST: usize = 24;

/// Returns what an agent's Markdown looks like.
pub fn render(source: &str) -> Written {
    render_with(source, &|_| None)
}

/// The same with parts of the text marked: `find` returns where the first of them starts and ends.
pub fn render_with(source: &str, find: Find<'_>) -> Written {
    let Some(events) = events(source, find) else { return plain(source) };
    let mut html = String::with_capacity(source.len() + source.len() / 4);
    pulldown_cmark::html::push_html(&mut html, events.iter().cloned());
    Written { html: html.trim_end().to_owned(), text: Plain::of(events) }
}

/// Returns rendered HTML as it may be shown: by the same sanitiser as received mail (E12.8).
pub fn clean(html: &str) -> String {
    sanitise::html(html, |_| None).html
}

/// What is not read as Markdown: paragraphs of lines.
fn plain(source: &str) -> Written {
    let paragraphs = source.split("\n\n").filter(|p| !p.trim().is_empty()).map(|p| {
        let lines: Vec<String> = p.lines().map(|l| handlebars::html_escape(l.trim_end())).collect();
        format!("<p>{}</p>", lines.join("<br />\n"))
    });
    Written { html: paragraphs.collect::<Vec<_>>().join("\n"), text: source.trim().to_owned() }
}

/// The source's events, with this product's reading of them; None if it nests too deep.
fn events<'a>(source: &'a str, find: Find<'_>) -> Option<Vec<Event<'a>>> {
    let mut out = Vec::new();
    let (mut depth, mut links, mut code) = (0_usize, 0_usize, false);
    // A line of dashes under a text: a signature's mark or a rule, which people mean, and not a heading.
    let mut underline: Option<&str> = None;
    for (event, range) in TextMergeWithOffset::new(Parser::new(source).into_offset_iter()) {
        match event {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEEPEST {
                    return None;
                }
                match tag {
                    Tag::Heading { .. } if !source[range.clone()].trim_start().starts_with('#') => {
                        underline = source[range].trim_end().lines().next_back().map(str::trim);
                        out.push(Event::Start(Tag::Paragraph));
                    }
                    Tag::HtmlBlock => out.push(Event::Start(Tag::Paragraph)),
                    Tag::Link { .. } | Tag::Image { .. } if links > 0 => links += 1,
                    Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                        links += 1;
                        out.push(Event::Start(link(dest_url)));
                    }
                    tag => {
                        code |= matches!(tag, Tag::CodeBlock(_));
                        out.push(Event::Start(tag));
                    }
                }
            }
            Event::End(end) => {
                depth -= 1;
                match end {
                    TagEnd::Heading(_) if underline.is_some() => under(&mut out, underline.take().unwrap_or_default()),
                    TagEnd::HtmlBlock => {
                        if matches!(out.last(), Some(Event::HardBreak)) {
                            out.pop();
                        }
                        out.push(Event::End(TagEnd::Paragraph));
                    }
                    TagEnd::Link | TagEnd::Image => {
                        links -= 1;
                        if links == 0 {
                            out.push(Event::End(TagEnd::Link));
                        }
                    }
                    end => {
                        code &= end != TagEnd::CodeBlock;
                        out.push(Event::End(end));
                    }
                }
            }
            Event::SoftBreak => out.push(Event::HardBreak),
            Event::Html(line) => {
                for line in line.lines() {
                    out.extend([Event::Text(line.to_owned().into()), Event::HardBreak]);
                }
            }
            Event::InlineHtml(tag) => out.push(Event::Text(tag)),
            Event::Text(text) if links == 0 && !code => push_linked(&mut out, text, find),
            event => out.push(event),
        }
    }
    Some(out)
}

fn link(to: CowStr<'_>) -> Tag<'_> {
    Tag::Link { link_type: pulldown_cmark::LinkType::Inline, dest_url: to, title: "".into(), id: "".into() }
}

/// What stood under a text: a rule if it has the length of one, else its own line.
fn under<'a>(out: &mut Vec<Event<'a>>, line: &'a str) {
    if line.len() > 2 && line.starts_with('-') {
        out.extend([Event::End(TagEnd::Paragraph), Event::Rule]);
    } else {
        out.extend([Event::HardBreak, Event::Text(line.into()), Event::End(TagEnd::Paragraph)]);
    }
}

/// Adds text whose web addresses lead there.
fn push_linked<'a>(out: &mut Vec<Event<'a>>, text: CowStr<'a>, find: Find<'_>) {
    let mut rest = text.as_ref();
    while let Some((start, end)) = find_address(rest) {
        let address: CowStr<'a> = rest[start..end].to_owned().into();
        push_marked(out, &rest[..start], find);
        out.extend([Event::Start(link(address.clone())), Event::Text(address), Event::End(TagEnd::Link)]);
        rest = &rest[end..];
    }
    push_marked(out, rest, find);
}

/// Adds text with the parts marked that are found in it.
fn push_marked<'a>(out: &mut Vec<Event<'a>>, text: &str, find: Find<'_>) {
    let mut rest = text;
    let words = |text: &str| Event::Text(text.to_owned().into());
    while let Some((start, end)) = find(rest) {
        let mark = |tag: &'static str| Event::InlineHtml(tag.into());
        out.extend([words(&rest[..start]), mark("<mark>"), words(&rest[start..end]), mark("</mark>")]);
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        out.push(words(rest));
    }
}

/// Returns where the first web address of a text starts and ends. What ends a sentence does not belong to it.
pub fn find_address(text: &str) -> Option<(usize, usize)> {
    let least = |scheme: &str| {
        text.match_indices(scheme)
            .map(|(i, m)| (i, i + m.len()))
            .find(|(_, end)| text[*end..].chars().next().is_some_and(char::is_alphanumeric))
    };
    let (start, _) = [least("https://"), least("http://")].into_iter().flatten().min()?;
    let link = &text[start..];
    let end = link.find(|c: char| c.is_whitespace() || "<>\"'`".contains(c)).unwrap_or(link.len());
    Some((start, start + link[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']).len()))
}

/// Writes events as plain text.
#[derive(Default)]
struct Plain {
    /// Blocks that are open, each with the lines it has so far.
    open: Vec<Block>,
    /// Where the open link leads, and where its words began.
    link: Option<(String, usize)>,
}

#[derive(Default)]
struct Block {
    kind: Kind,
    lines: Vec<String>,
    /// The line being written.
    line: Option<String>,
}

#[derive(Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Flow,
    Quote,
    /// The next item's number, if it has one; whether paragraphs part its items.
    List {
        next: Option<u64>,
        loose: bool,
    },
    Item,
    Code,
}

impl Plain {
    fn of(events: Vec<Event<'_>>) -> String {
        let mut this = Plain { open: vec![Block::default()], link: None };
        for event in events {
            this.take(event);
        }
        let mut whole = this.open.swap_remove(0);
        whole.end_line();
        whole.lines.join("\n").trim_matches('\n').to_owned()
    }

    fn block(&mut self) -> &mut Block {
        self.open.last_mut().expect("the whole is a block, which never ends")
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(text) => self.block().write(&text),
            Event::Code(code) => self.block().write(&format!("`{code}`")),
            Event::HardBreak | Event::SoftBreak => self.block().break_line(),
            Event::Rule => {
                self.block().part();
                self.block().lines.push("---".to_owned());
            }
            // Neither raw HTML nor what is switched off is left here.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } => {
                self.block().part();
                if self.block().kind == Kind::Item
                    && let Some(Kind::List { loose, .. }) = self.open.iter_mut().rev().nth(1).map(|b| &mut b.kind)
                {
                    *loose = true;
                }
            }
            Tag::BlockQuote(_) => self.open(Kind::Quote),
            Tag::List(next) => self.open(Kind::List { next, loose: false }),
            Tag::Item => self.open.push(Block { kind: Kind::Item, ..Block::default() }),
            Tag::CodeBlock(_) => self.open(Kind::Code),
            Tag::Emphasis => self.block().write("_"),
            Tag::Strong => self.block().write("*"),
            Tag::Link { dest_url, .. } => {
                let at = self.block().line.as_ref().map_or(0, String::len);
                self.link = Some((dest_url.into_string(), at));
            }
            _ => {}
        }
    }

    fn open(&mut self, kind: Kind) {
        // A list within an item stands right below the item's words.
        if !(matches!(kind, Kind::List { .. }) && self.block().kind == Kind::Item) {
            self.block().part();
        }
        self.block().end_line();
        self.open.push(Block { kind, ..Block::default() });
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph | TagEnd::Heading(_) => self.block().end_line(),
            TagEnd::Emphasis => self.block().write("_"),
            TagEnd::Strong => self.block().write("*"),
            TagEnd::Link => {
                let Some((to, at)) = self.link.take() else { return };
                let block = self.block();
                let words = block.line.as_deref().and_then(|l| l.get(at..)).unwrap_or_default();
                let bare = |a: &str| a.trim_start_matches("mailto:").trim_end_matches('/').to_owned();
                if bare(words) != bare(&to) {
                    let space = if words.is_empty() { "" } else { " " };
                    block.write(&format!("{space}<{to}>"));
                }
            }
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item | TagEnd::CodeBlock => self.close(),
            _ => {}
        }
    }

    fn close(&mut self) {
        let Some(mut done) = self.open.pop() else { return };
        done.end_line();
        if done.kind == Kind::Code {
            while done.lines.last().is_some_and(String::is_empty) {
                done.lines.pop();
            }
        }
        let marked = |first: &str, rest: &str| -> Vec<String> {
            let line =
                |(n, l): (usize, &String)| format!("{}{l}", if n == 0 { first } else { rest }).trim_end().to_owned();
            done.lines.iter().enumerate().map(line).collect()
        };
        let into = self.block();
        match done.kind {
            Kind::Quote => into.lines.extend(marked("> ", "> ")),
            Kind::Code => into.lines.extend(marked("    ", "    ")),
            Kind::Item => {
                let Kind::List { next, loose } = &mut into.kind else { return };
                let mark = next.as_mut().map_or_else(
                    || "- ".to_owned(),
                    |n| {
                        *n += 1;
                        format!("{}. ", *n - 1)
                    },
                );
                let parted = *loose && !into.lines.is_empty();
                let lines = marked(&mark, &" ".repeat(mark.len()));
                into.lines.extend(parted.then(String::new));
                into.lines.extend(lines);
            }
            Kind::List { .. } | Kind::Flow => into.lines.extend(done.lines),
        }
    }
}

impl Block {
    fn write(&mut self, text: &str) {
        let mut lines = text.split('\n');
        self.line.get_or_insert_default().push_str(lines.next().unwrap_or_default());
        for line in lines {
            self.break_line();
            self.line.get_or_insert_default().push_str(line);
        }
    }

    fn break_line(&mut self) {
        let line = self.line.take().unwrap_or_default();
        self.lines.push(line.trim_end().to_owned());
        self.line = Some(String::new());
    }

    fn end_line(&mut self) {
        if let Some(line) = self.line.take() {
            self.lines.push(line.trim_end().to_owned());
        }
    }

    /// Parts what comes from what is there by an empty line.
    fn part(&mut self) {
        self.end_line();
        if self.lines.last().is_some_and(|l| !l.is_empty()) {
            self.lines.push(String::new());
        }
    }
}

#[cfg(test)]
mod tests;
