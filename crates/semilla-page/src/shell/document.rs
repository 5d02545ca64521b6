//! A whole page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::policy::policy;
use crate::text::{self, Lang, Text};

/// The style and the script. They hold no text of a model.
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A page.
pub struct Document {
    /// What the window is called.
    pub title: Text,
    /// The content.
    pub main: Markup,
    /// What a page has that asks the server which it comes from; `None` of a file.
    pub live: Option<Live>,
}

/// The style and the script of a page that asks its server.
pub struct Live {
    /// Style beside that of all pages.
    pub style: &'static str,
    /// Script beside that of all pages.
    pub script: &'static str,
}

impl Document {
    /// The page as one HTML file.
    pub fn html(&self) -> String {
        let [en, es] = [Lang::En, Lang::Es].map(|lang| self.title.in_lang(lang));
        let styles = [Some(STYLE), self.live.as_ref().map(|live| live.style)];
        let scripts = [Some(SCRIPT), self.live.as_ref().map(|live| live.script)];
        let (styles, scripts) = (styles.into_iter().flatten(), scripts.into_iter().flatten());
        let policy = policy(styles.clone(), scripts.clone(), self.live.is_some());
        let page = html! {
            (DOCTYPE)
            html lang="en" data-title-en=(en) data-title-es=(es) {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (en) }
                    @for style in styles { style { (PreEscaped(style)) } }
                }
                body {
                    a.skip href="#content" { (text::SKIP) }
                    header.bar {
                        span.brand { (seedling()) "semilla" }
                        div.tools {
                            button type="button" id="language" { (text::LANGUAGE) }
                            button type="button" id="theme" aria-labelledby="theme-name" {
                                (halves())
                                span.unseen id="theme-name" { (text::THEME) }
                            }
                        }
                    }
                    main id="content" tabindex="-1" { (self.main) }
                    footer { (text::MADE_BY) }
                    div id="tooltip" role="status" hidden {}
                    @for script in scripts { script { (PreEscaped(script)) } }
                }
            }
        };
        page.into_string()
    }
}

/// A text to copy, with a button that does it.
pub fn copied(id: &str, content: &str) -> Markup {
    html! {
        div.copied {
            button type="button" data-copy=(id) {
                span.idle { (text::COPY) }
                span.done aria-live="polite" { (text::COPIED) }
            }
            pre id=(id) tabindex="0" { code { (content) } }
        }
    }
}

fn seedling() -> Markup {
    html! {
        svg.seedling viewBox="0 0 24 24" aria-hidden="true" {
            path d="M12 21v-9M12 13C12 8 8 6 3.5 6.500 4 11 7 13.500 12 13zM12 11c0-4 3-7 8-7.500 0 5-3 8-8 7.500z" {}
        }
    }
}

/// A disc, half of it filled.
fn halves() -> Markup {
    html! {
        svg.halves viewBox="0 0 16 16" aria-hidden="true" {
            circle cx="8" cy="8" r="6" {}
            path d="M8 2a6 6 0 0 1 0 12z" {}
        }
    }
}
