//! What trainings start from.

use semilla::{Initializer, Recipe, Role};
use semilla_checkpoint::ops::read_recipe;
use semilla_signal::{candidates, recommend};

use super::error::CompareError;
use crate::error::LabError;
use crate::problem::Problem;
use crate::trial::{Trial, Trunk};

/// What trainings start from: an arm of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// What people call it.
    pub name: String,
    /// A recipe's name, or its TOML.
    pub recipe: String,
    /// A training before this one from which weights are taken. It gets the seeds of each trial.
    pub trunk: Option<Trunk>,
}

impl Start {
    /// The start of a recipe's name, an initializer's (of every weight matrix, biases 0) or a
    /// recipe's file, whose text is taken as it is now.
    ///
    /// # Errors
    /// [`CompareError::Start`]: there is none, or it is wrong.
    ///
    /// ```
    /// use semilla_lab::Start;
    ///
    /// assert_eq!(Start::named("auto")?.recipe, "auto");
    /// assert!(Start::named("normal(std=0.01)")?.recipe.contains("role = \"matrix\""));
    /// # Ok::<(), semilla_lab::CompareError>(())
    /// ```
    pub fn named(text: &str) -> Result<Self, CompareError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| CompareError::Start {
            name: text.to_owned(),
            error,
        };
        if !text.ends_with(".toml") {
            return match (Recipe::named(text), text.parse::<Initializer>()) {
                (Ok(_), _) => Ok(Self::of(text, text.to_owned())),
                (_, Ok(initializer)) => Ok(Self::scheme(text, &initializer.to_string())),
                (Err(error), _) => Err(failed(error.into())),
            };
        }
        read_recipe(text).map_err(|error| failed(error.into()))?;
        let recipe = std::fs::read_to_string(text).map_err(|error| failed(error.into()))?;
        Recipe::from_toml(&recipe).map_err(|error| failed(error.into()))?;
        let stem = std::path::Path::new(text).file_stem();
        let name = stem.map_or_else(
            || text.to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        );
        Ok(Self::of(&name, format!("{recipe}\n")))
    }

    /// The classical starts: all zeros, normal weights that are too small, too large and of one
    /// deviation for every layer, Xavier, He, orthogonal.
    pub fn classics() -> Vec<Self> {
        [
            ("zeros", "zeros"),
            ("too small", "normal(std=0.01)"),
            ("too large", "normal(std=1)"),
            ("random", "normal(std=0.1)"),
            ("Xavier", "xavier_normal"),
            ("He", "kaiming_normal"),
            ("orthogonal", "orthogonal"),
        ]
        .map(|(name, initializer)| Self::scheme(name, initializer))
        .to_vec()
    }

    /// What [`recommend`] says of a problem, on a batch of its data.
    ///
    /// # Errors
    /// The model runs with the weights of no candidate.
    pub fn recommended(problem: &Problem) -> Result<Self, CompareError> {
        let (model, graph) = (problem.model(), problem.graph());
        let ((inputs, _), _) = problem.first_batch(&problem.split(0));
        let found = recommend(
            model,
            graph,
            &inputs,
            &[0, 1, 2],
            &candidates(model),
            |_, _| {},
        );
        let found = found.map_err(LabError::from)?;
        let best = found.best().map_or("auto", |best| &best.name);
        Ok(match best {
            "auto" => Self::of("auto (recommended)", "auto".to_owned()),
            best => Self::of(&format!("{best} (recommended)"), found.recipe),
        })
    }

    /// The trunk of a training on other classes, all of their samples, for so many steps; the head is
    /// new. `None` if the model has no head.
    pub fn pretrained(
        problem: &Problem,
        trial: &Trial,
        classes: &[u32],
        steps: u64,
    ) -> Option<Self> {
        let is_head = |tensor: &&semilla::Tensor| {
            tensor.role == Role::Head || tensor.bias_of == Some(Role::Head)
        };
        let head = problem.model().tensors.iter().filter(is_head);
        let fresh: Vec<String> = head.map(|tensor| tensor.name.clone()).collect();
        if fresh.is_empty() {
            return None;
        }
        let mut before = trial.clone();
        before.data.classes = classes.to_vec();
        before.data.training = None;
        before.steps = steps;
        "auto".clone_into(&mut before.recipe);
        Some(Self {
            name: "pretrained".to_owned(),
            recipe: "auto".to_owned(),
            trunk: Some(Trunk {
                trial: Box::new(before),
                fresh,
            }),
        })
    }

    fn of(name: &str, recipe: String) -> Self {
        Self {
            name: name.to_owned(),
            recipe,
            trunk: None,
        }
    }

    /// One initializer for every weight matrix, as a recipe's text.
    fn scheme(name: &str, initializer: &str) -> Self {
        let recipe = format!(
            "name = \"{initializer}\"\ndefaults = true\nunused_rules = \"allow\"\n\n\
             [[rule]]\nrole = \"matrix\"\ninit = \"{initializer}\"\nreason = \"the scheme\"\n\n\
             [[rule]]\nrole = [\"embedding\", \"position_embedding\", \"token\"]\n\
             init = \"normal(std=0.02)\"\nreason = \"tables and tokens\"\n"
        );
        Self::of(name, recipe)
    }
}

#[cfg(test)]
mod tests {
    use semilla::model::Spec;

    use super::*;

    #[test]
    fn every_classic_is_the_scheme() {
        let model = Spec::parse("transformer:1x64:20").unwrap();
        for start in Start::classics() {
            let recipe = Recipe::from_toml(&start.recipe).unwrap();
            let scheme: Initializer = recipe.name.parse().unwrap();
            let (own, plain) = (
                recipe.plan(&model, 0),
                Recipe::scheme(scheme).plan(&model, 0),
            );
            let (own, plain) = (own.unwrap(), plain.unwrap());
            for (own, plain) in own.tensors.iter().zip(&plain.tensors) {
                assert_eq!(own.fill, plain.fill, "{}: {}", start.name, own.name);
            }
        }
    }

    #[test]
    fn names() {
        assert_eq!(Start::named("llama").unwrap().recipe, "llama");
        assert!(
            Start::named("he")
                .unwrap()
                .recipe
                .contains("kaiming_normal")
        );
        for wrong in ["hee", "none.toml", ""] {
            let error = Start::named(wrong).unwrap_err();
            assert!(matches!(error, CompareError::Start { .. }), "{wrong}");
        }
    }
}
