//! The page of the lab, and what of it follows the settings.

use maud::{Markup, html};

use super::choice::Own;
use super::form::form;
use super::parts::Parts;
use super::setup::Setup;
use super::story::stories;
use super::take::take;
use super::theory::theory;
use super::told::cards;
use crate::shell::{Document, Live};
use crate::text::{Text, lab as text};

const LIVE: Live = Live {
    style: include_str!("lab.css"),
    script: include_str!("lab.js"),
};

/// The page; it opens with the learner's own data, if there are any.
pub fn page(own: Option<&Own>) -> String {
    let setup = Setup::on(own);
    let document = Document {
        title: text::TITLE,
        main: html! {
            h1 { (text::TITLE) }
            p.lead { (text::LEAD) }
            noscript { p { (text::SCRIPTS) } }
            (told_stories())
            div.bench {
                section.controls aria-labelledby="settings-name" {
                    h2 id="settings-name" { (text::SETTINGS) }
                    (form(&setup, own))
                }
                div.results {
                    (part("theory", text::THEORY))
                    section {
                        h2 { (text::LOSS) }
                        div id="loss" {}
                    }
                    section {
                        h2 { (text::LAYERS) }
                        p.lead { (text::LAYERS_WHAT) }
                        div id="layers" {}
                    }
                    (part("outcome", text::OUTCOME))
                    (part("take", text::EXPORT))
                }
            }
            (messages())
        },
        live: Some(LIVE),
    };
    document.html()
}

fn part(id: &str, name: Text) -> Markup {
    html! {
        section {
            h2 id={ (id) "-name" } { (name) }
            div id=(id) {}
        }
    }
}

fn told_stories() -> Markup {
    html! {
        section aria-labelledby="stories-name" {
            h2 id="stories-name" { (text::STORIES) }
            div.stories {
                @for story in stories() {
                    button.story type="button" data-setup=(story.setup.query())
                        data-story={ "story-" (story.key) } aria-pressed="false" { (story.title) }
                }
            }
            @for story in stories() {
                p.told id={ "story-" (story.key) } hidden { (story.told) }
            }
        }
    }
}

/// What the script may have to say.
fn messages() -> Markup {
    html! {
        div hidden {
            span id="lost" { (text::LOST) }
            span id="elsewhere" { (text::ELSEWHERE) }
        }
    }
}

/// The parts that follow the settings: the theory, and what to take along.
///
/// # Errors
/// A network that cannot be made, in a sentence.
pub fn preview(setup: &Setup) -> Result<Parts, Text> {
    let mut parts = Parts::default();
    parts.put("theory", cards(setup, &theory(setup)?));
    parts.put("take", take(setup));
    Ok(parts)
}

/// A sentence that says what is wrong.
pub fn complaint(said: &Text) -> Parts {
    let mut parts = Parts::default();
    parts.put("complaint", html! { (said) });
    parts
}
