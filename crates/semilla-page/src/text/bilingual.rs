//! A text in both languages.

use std::borrow::Cow;

use maud::{Markup, Render, html};

/// A language of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Spanish.
    Es,
}

/// A text in both languages. On a page both are there, and the style shows the one that is chosen.
///
/// ```
/// use maud::Render;
/// use semilla_page::text::Text;
///
/// const SEED: Text = Text::new("seed", "semilla");
/// assert_eq!(
///     SEED.render().into_string(),
///     r#"<span lang="en">seed</span><span lang="es">semilla</span>"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    en: Cow<'static, str>,
    es: Cow<'static, str>,
}

impl Text {
    /// A text that is always the same.
    pub const fn new(en: &'static str, es: &'static str) -> Self {
        Self {
            en: Cow::Borrowed(en),
            es: Cow::Borrowed(es),
        }
    }

    /// A text that has to be put together.
    pub fn of(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self {
            en: Cow::Owned(en.into()),
            es: Cow::Owned(es.into()),
        }
    }

    /// It in one language.
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Es => &self.es,
        }
    }

    /// It within a `text` element of a drawing.
    pub(crate) fn tspans(&self) -> Markup {
        html! {
            tspan lang="en" { (self.en) }
            tspan lang="es" { (self.es) }
        }
    }

    /// It within a drawing: `text` elements at a place.
    pub(crate) fn drawn(&self, x: f64, y: f64, class: &str) -> Markup {
        html! {
            text lang="en" x=(x) y=(y) class=(class) { (self.en) }
            text lang="es" x=(x) y=(y) class=(class) { (self.es) }
        }
    }
}

impl Render for Text {
    fn render(&self) -> Markup {
        html! {
            @if self.en == self.es {
                (self.en)
            } @else {
                span lang="en" { (self.en) }
                span lang="es" { (self.es) }
            }
        }
    }
}
