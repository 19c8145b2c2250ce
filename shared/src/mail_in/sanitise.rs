//! HTML that is safe to show (E12.1, E12.2, E12.4). A view: the body as received stays as it is (G3).

use super::{deceit, html as text};
use ammonia::{Builder, UrlRelative};
use regex::Regex;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Largest HTML that is shown (E10.9); the rest is cut.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Largest image within a `data:` URL.
const MAX_DATA_URL_BYTES: usize = 256 * 1024 / 3 * 4;

/// HTML to show and what was left out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safe {
    /// The HTML.
    pub html: String,
    /// Images on other hosts that are not shown.
    pub remote_images: usize,
}

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Elements that go with all they contain.
const EMPTIED: &[&str] =
    &["script", "style", "template", "title", "head", "noscript", "svg", "math", "object", "iframe", "select"];

const ATTRIBUTES: &[&str] = &[
    "align",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "color",
    "colspan",
    "dir",
    "face",
    "height",
    "lang",
    "rowspan",
    "size",
    "style",
    "title",
    "type",
    "valign",
    "width",
];

/// CSS properties that cannot load, cover or hide anything (E12.2).
const STYLES: &[&str] = &[
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-style",
    "border-top",
    "border-width",
    "color",
    "direction",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "min-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-wrap",
];

/// Schemes of links.
const LINKS: &[&str] = &["http", "https", "mailto", "tel"];

/// Gives an image on another host an address of ours that fetches it (E12.4).
pub type Proxy = Box<dyn Fn(&str) -> String + Send + Sync>;

/// Makes a mail's HTML safe. `cid_url` gives the URL of the part with a Content-ID (E12.5); an unknown one, and an
/// image on another host, loses its source. Links open elsewhere and say nothing of us.
pub fn html(raw_html: &str, cid_url: impl Fn(&str) -> Option<String>) -> Safe {
    cleaned(raw_html, cid_url, None)
}

/// The same with images on other hosts, each at the address that `proxy` gives for its own. Images of one pixel, which
/// only tell that the mail was read, stay away (E12.4).
pub fn html_with_images(raw_html: &str, cid_url: impl Fn(&str) -> Option<String>, proxy: Proxy) -> Safe {
    let mut safe = cleaned(raw_html, cid_url, Some(proxy));
    safe.html = without_beacons(&safe.html);
    safe
}

fn cleaned(raw_html: &str, cid_url: impl Fn(&str) -> Option<String>, proxy: Option<Proxy>) -> Safe {
    let cut = raw_html.floor_char_boundary(MAX_BYTES);
    // Found before cleaning: `attribute_filter` must not borrow what the caller's closure does.
    let urls: HashMap<String, String> =
        cids(&raw_html[..cut]).into_iter().filter_map(|cid| cid_url(&cid).map(|url| (cid, url))).collect();
    let remote = std::sync::Arc::new(Counter::default());
    let seen = std::sync::Arc::clone(&remote);
    let mut builder = Builder::empty();
    builder
        .tags(TAGS.iter().copied().collect())
        .clean_content_tags(EMPTIED.iter().copied().collect())
        .generic_attributes(ATTRIBUTES.iter().copied().collect())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "name"])),
            ("img", HashSet::from(["src", "alt"])),
            ("ol", HashSet::from(["start"])),
            ("blockquote", HashSet::from(["class"])),
            ("div", HashSet::from(["class"])),
        ]))
        .url_schemes(["http", "https", "mailto", "tel", "cid", "data"].into())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        .filter_style_properties(STYLES.iter().copied().collect())
        .attribute_filter(move |element, attribute, value| match (element, attribute) {
            ("img", "src") => image_source(value, &urls, &seen, proxy.as_deref()).map(Cow::Owned),
            (_, "style") => Some(harmless_style(value)),
            // Relative addresses pass the builder for the sake of our own images; elsewhere they lead nowhere.
            ("a", "href") => LINKS.iter().any(|s| has_scheme(value, s)).then_some(Cow::Borrowed(value)),
            _ => Some(Cow::Borrowed(value)),
        });
    let html = honest_links(&builder.clean(&raw_html[..cut]).to_string());
    Safe { html, remote_images: remote.get() }
}

/// Says behind each link where it leads, if its text names another host (E12.3) or its host is not what it looks like
/// (E12.7). Works on the builder's output, where every attribute is quoted.
fn honest_links(html: &str) -> String {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?s)<a (?:[^>]*? )?href="([^"]*)"[^>]*>(.*?)</a>"#).expect("a pattern of ours"));
    let told = |c: &regex::Captures<'_>| {
        let href = text::entities(&c[1]);
        let Some(host) = deceit::host(&href) else { return c[0].to_owned() };
        let words = text::to_text(&c[2]);
        let named = deceit::named_host(&words);
        let other = named.is_some_and(|n| !deceit::same_site(&n, &host));
        let shown = deceit::ascii_host(&host);
        match other || shown != host {
            true => format!("{} <b class=\"leads-to\">[{}]</b>", &c[0], text::from_text(&shown)),
            false => c[0].to_owned(),
        }
    };
    LINK.replace_all(html, told).into_owned()
}

#[derive(Default)]
struct Counter(std::sync::atomic::AtomicUsize);

impl Counter {
    fn add(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn get(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

type ProxyRef<'a> = &'a (dyn Fn(&str) -> String + Send + Sync);

fn image_source(
    src: &str,
    urls: &HashMap<String, String>,
    remote: &Counter,
    proxy: Option<ProxyRef<'_>>,
) -> Option<String> {
    let src = src.trim();
    if has_scheme(src, "cid") {
        return urls.get(src[4..].trim()).cloned();
    }
    if has_scheme(src, "data") {
        let kind = src[5..].trim_start().to_ascii_lowercase();
        let image =
            ["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"].iter().any(|i| kind.starts_with(i));
        return (image && src.len() <= MAX_DATA_URL_BYTES).then(|| src.to_owned());
    }
    if has_scheme(src, "http") || has_scheme(src, "https") || src.starts_with("//") {
        remote.add();
        let whole = if src.starts_with("//") { format!("https:{src}") } else { src.to_owned() };
        return proxy.map(|proxy| proxy(&whole));
    }
    None
}

/// Tells whether HTML seems to have images on other hosts, without cleaning it.
pub fn has_remote_images(raw_html: &str) -> bool {
    static REMOTE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?i)<img\s[^>]*?src\s*=\s*["']?\s*(?:https?:)?//"#).expect("a pattern of ours"));
    REMOTE.is_match(raw_html)
}

/// Takes the source from images that are said to be a pixel high or wide. Works on the builder's output, where every
/// attribute is quoted.
fn without_beacons(html: &str) -> String {
    static IMAGE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"<img(?: [a-z-]+="[^"]*")*>"#).expect("a pattern of ours"));
    static PIXEL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#" (?:width|height)="\s*0*[01](?:px)?\s*"|[ ";](?:max-)?(?:width|height):\s*0*[01](?:px)?\s*[;"]"#)
            .expect("a pattern of ours")
    });
    static SOURCE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#" src="[^"]*""#).expect("a pattern of ours"));
    let sourceless = |c: &regex::Captures<'_>| match PIXEL.is_match(&c[0]) {
        true => SOURCE.replace(&c[0], "").into_owned(),
        false => c[0].to_owned(),
    };
    IMAGE.replace_all(html, sourceless).into_owned()
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    let url = url.trim_start();
    url.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)) && url[scheme.len()..].starts_with(':')
}

/// Drops declarations that call functions with addresses, or that escapes could hide one in.
fn harmless_style(style: &str) -> Cow<'_, str> {
    let bad = |d: &str| {
        let d = d.to_ascii_lowercase();
        d.contains('\\')
            || d.contains("/*")
            || ["url", "expression", "image(", "image-set", "@import", "attr(", "var("].iter().any(|b| d.contains(b))
    };
    let hidden = text::hides(style);
    if !bad(style) && !hidden {
        return Cow::Borrowed(style);
    }
    // What hides text goes, so that it is seen (E12.2).
    Cow::Owned(style.split(';').filter(|d| !bad(d) && !text::hides_by(d)).collect::<Vec<_>>().join(";"))
}

/// Content-IDs that the HTML names.
fn cids(html: &str) -> HashSet<String> {
    let lower = html.to_ascii_lowercase();
    let mut found = HashSet::new();
    let mut pos = 0;
    while let Some(at) = lower[pos..].find("cid:") {
        let start = pos + at + 4;
        let end = html[start..].find(['"', '\'', '>', ' ', ')']).map_or(html.len(), |n| start + n);
        found.insert(html[start..end].trim().to_owned());
        pos = start;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E12.3, E12.7: a link whose text names another host, or whose host only looks like one, says where it leads.
    #[test]
    fn links_say_where_they_lead() {
        let shown = |h: &str| html(h, |_| None).html;
        assert!(shown("<a href='https://evil.example/x'>https://bank.example</a>").contains("[evil.example]"));
        assert!(shown("<a href='https://evil.example'>www.<b>bank</b>.example</a>").contains("[evil.example]"));
        assert!(shown("<a href='https://b\u{430}nk.example/'>my bank</a>").contains("[xn--"));
        for honest in [
            "<a href='https://bank.example/login'>bank.example</a>",
            "<a href='https://www.bank.example'>https://bank.example/x</a>",
            "<a href='https://login.bank.example'>bank.example</a>",
            "<a href='https://bank.example'>click here</a>",
            "<a href='mailto:a@b.example'>a@b.example</a>",
            "<a href='https://b.example'>version 1.2.3 and e.g. this</a>",
        ] {
            assert!(!shown(honest).contains('['), "{}", shown(honest));
        }
    }

    /// E12.2: text that a style hides is shown.
    #[test]
    fn invisible_text_is_shown() {
        let raw = "<p style='font-size:0px;color:red'>secret</p><p style='display:none'>more</p><p style='text-indent:-9999px'>out</p>";
        let shown = html(raw, |_| None).html;
        assert!(shown.contains("secret") && shown.contains("more") && shown.contains("color:red"), "{shown}");
        assert!(!shown.contains("font-size") && !shown.contains("indent"), "{shown}");
        assert!(text::read(raw).invisible && !text::read("<p>x</p><img style='display:none'>").invisible);
    }

    fn clean(raw: &str) -> Safe {
        html(raw, |cid| (cid == "logo@x").then(|| "/parts/7".to_owned()))
    }

    /// E12.1.
    #[test]
    fn active_content_goes() {
        let hostile = "<p onclick=x()>a<script>alert(1)</script><iframe src=//e></iframe><style>p{}</style>\
            <svg><script>1</script></svg><a href=\"javascript:x\">b</a><form action=x><input></form>\
            <meta http-equiv=refresh content=0><base href=//e><a href=\"data:text/html,x\">c</a></p>";
        let safe = clean(hostile).html;
        for gone in ["script", "onclick", "iframe", "style", "svg", "form", "input", "meta", "base", "data:", "alert"] {
            assert!(!safe.contains(gone), "{gone} in {safe}");
        }
        assert!(safe.contains('a') && safe.contains('b'));
    }

    /// E12.4.
    #[test]
    fn remote_images_are_counted() {
        let safe = clean("<img src=\"https://t.example/1.png\" srcset=\"x 2x\"><img src=\"http://169.254.169.254/\">");
        assert_eq!(safe.remote_images, 2);
        assert!(!safe.html.contains("example") && !safe.html.contains("169.254"));
    }

    /// E12.4: asked for, they come by way of us; a pixel that only tells who read it never.
    #[test]
    fn remote_images_come_by_the_proxy_but_for_pixels() {
        let raw = "<img src=\"https://a.example/1.png\" width=200><img src='//b.example/2.png'>\
                   <img src=\"https://t.example/1.gif\" width=\"1\" height=1><img src=https://t.example/2 height=0>\
                   <img src=https://t.example/3 style='width:1px;height:1px'><img src=https://c.example/10 width=10 alt=ten>";
        let safe = html_with_images(raw, |_| None, Box::new(|url| format!("/image?u={url}")));
        for shown in ["/image?u=https://a.example/1.png", "/image?u=https://b.example/2.png", "c.example/10"] {
            assert!(safe.html.contains(shown), "{shown}: {}", safe.html);
        }
        assert!(!safe.html.contains("t.example"), "{}", safe.html);
        assert_eq!(safe.remote_images, 6);
    }

    /// E12.5.
    #[test]
    fn own_images_stay() {
        let safe = clean(
            "<img src=\"cid:logo@x\"><img src=\"cid:none\"><img src=\"data:image/png;base64,AA==\"><img src=\"data:image/svg+xml,x\">",
        );
        assert!(safe.html.contains("src=\"/parts/7\""), "{}", safe.html);
        assert!(safe.html.contains("data:image/png") && !safe.html.contains("svg"));
        assert_eq!(safe.remote_images, 0);
    }

    /// E12.2.
    #[test]
    fn styles_cannot_load() {
        let safe = clean("<p style=\"color:red;background-image:url(//e/x);position:fixed;width:url(//e)\">a</p>").html;
        assert!(safe.contains("color:red") && !safe.contains("url") && !safe.contains("position"), "{safe}");
    }

    #[test]
    fn links_open_elsewhere() {
        let safe = clean("<a href=\"https://e.example/\">x</a>").html;
        assert!(safe.contains("noopener") && safe.contains("_blank"), "{safe}");
    }
}
