//! What templates can call beside the catalogue: icons and times.

use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason, html_escape};

/// Adds `{{icon "name"}}` (its parameters are joined to the icon's name) and `{{time at}}`.
pub fn register(registry: &mut Handlebars<'_>) {
    registry.register_helper("icon", Box::new(icon));
    registry.register_helper("time", Box::new(time));
}

/// An icon of the sprite, hidden from screen readers: a word always stands beside it or in its parent's label.
fn icon(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let name: String = helper.params().iter().filter_map(|p| p.value().as_str()).collect();
    if name.is_empty() {
        return Err(RenderErrorReason::Other("an icon needs a name".into()).into());
    }
    let name = html_escape(&name);
    write!(out, r##"<svg class="i" aria-hidden="true"><use href="#i-{name}"/></svg>"##)?;
    Ok(())
}

/// A [`When`](super::format::When): short to read, exact on hover and for machines.
fn time(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let when = helper.param(0).map(|p| p.value());
    let field = |name: &str| when.and_then(|w| w.get(name)).and_then(|v| v.as_str()).map(html_escape);
    let (Some(iso), Some(exact), Some(short)) = (field("iso"), field("exact"), field("short")) else {
        return Err(RenderErrorReason::Other("a time needs iso, exact and short".into()).into());
    };
    write!(out, r#"<time datetime="{iso}" title="{exact}">{short}</time>"#)?;
    Ok(())
}
