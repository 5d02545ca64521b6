//! What was set, to take along: a command and recipes.

use maud::{Markup, html};

use super::form::sign;
use super::setup::Setup;
use super::start::Start;
use crate::shell::copied;
use crate::text::lab as text;

impl Setup {
    /// The command that compares the same starts on many seeds, each at its own learning rate.
    pub(super) fn command(&self) -> String {
        let random = self
            .starts
            .iter()
            .filter(|start| **start != Start::Pretrained);
        let names: Vec<String> = random.map(|&start| self.initializer(start)).collect();
        let data = self.source.data();
        let mut command = format!(
            "semilla compare {} --data {}",
            self.model(),
            quoted(&data.source)
        );
        if let Some(labels) = &data.labels {
            command += &format!(" --labels {}", quoted(labels));
        }
        if !names.is_empty() {
            command += &format!(" --recipes '{}'", names.join(","));
        }
        if self.transfers() {
            command += " --classes 5,6,7,8,9 --trunk 0,1,2,3,4";
        }
        if self.labels > 0 {
            command += &format!(" --samples {}", self.labels);
        }
        let (optimizer, seed) = (self.optimizer.name(), self.seed);
        command += &format!(
            " --optimizer {optimizer} --steps {} --batch {} --seed {seed} -o report.html",
            self.steps, self.batch
        );
        command
    }
}

/// A word of a command, in quotes if a shell would take it apart.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The section's content.
pub(super) fn take(setup: &Setup) -> Markup {
    html! {
        h3 { (text::COMMAND) }
        (copied("command", &setup.command()))
        @for &start in setup.starts.iter().filter(|start| **start != Start::Pretrained) {
            details {
                summary { (sign(start)) (start.name()) ", " (text::RECIPE) }
                (copied(&format!("recipe-{}", start.key()), &setup.recipe(start)))
            }
        }
    }
}
