//! What was set, to take along: a command and recipes.

use maud::{Markup, html};

use super::form::sign;
use super::setup::Setup;
use super::start::Start;
use crate::shell::copied;
use crate::text::lab as text;

impl Setup {
    /// The command that compares the same starts on many seeds.
    pub(super) fn command(&self) -> String {
        let names: Vec<&str> = self.starts.iter().map(|&start| self.named(start)).collect();
        let mut command = format!(
            "semilla compare {} --data {} --recipes {}",
            self.model(),
            self.data_name(),
            names.join(",")
        );
        if self.labels > 0 {
            command += &format!(" --labels {}", self.labels);
        }
        command += &format!(
            " --optimizer {} --steps {} --batch {}",
            self.optimizer.name(),
            self.steps,
            self.batch
        );
        command
    }

    /// How `--recipes` names a start: by the name that compare knows, or by the file that its recipe
    /// is saved to.
    fn named(&self, start: Start) -> &'static str {
        match start {
            Start::Own => "own.toml",
            other => other.key(),
        }
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
