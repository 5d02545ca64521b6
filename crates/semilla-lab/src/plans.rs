//! Plans that were made, by their recipes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use semilla::Plan;

/// Plans of one model by the text of their recipes, shared by all threads.
#[derive(Default)]
pub(crate) struct Plans(Mutex<BTreeMap<String, Plan>>);

impl Plans {
    /// The plan of a recipe, for some seed.
    pub(crate) fn of(&self, recipe: &str) -> Option<Plan> {
        self.with(|plans| plans.get(recipe).cloned())
    }

    /// Keeps the plan of a recipe.
    pub(crate) fn keep(&self, recipe: &str, plan: &Plan) {
        self.with(|plans| plans.insert(recipe.to_owned(), plan.clone()));
    }

    fn with<V>(&self, look: impl FnOnce(&mut BTreeMap<String, Plan>) -> V) -> V {
        // A panic elsewhere leaves whole plans.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
