//! Which names of a file are the model's own, and which its exporter made up.

use std::collections::{HashMap, HashSet};

use super::made_up::is_made_up;
use super::model::Model;

/// PyTorch's note on what an initializer was in the module.
const KIND: &str = "pkg.torch.export.graph_signature.InputSpec.kind";
/// PyTorch's note on the values from which an exporter computed one.
const FOLDED_FROM: &str = "pkg.onnxscript.optimizer.folded_from";

/// A model's tensors with their own names.
pub(super) struct Named<'m> {
    model: &'m Model,
    /// The names of parameters and buffers, where the exporter notes which those are.
    parameters: HashSet<&'m str>,
    /// From what the exporter computed values, by their names.
    folded: HashMap<&'m str, &'m str>,
}

impl<'m> Named<'m> {
    pub(super) fn of(model: &'m Model) -> Self {
        let (mut parameters, mut folded) = (HashSet::new(), HashMap::new());
        let bodies = model.graph.bodies().iter();
        for value in bodies.flat_map(|body| body.values.iter().chain(&body.inputs)) {
            let note = |key: &str| value.properties.get(key).map(String::as_str);
            if let Some("PARAMETER" | "BUFFER") = note(KIND) {
                parameters.insert(value.name.as_str());
            }
            folded.extend(note(FOLDED_FROM).map(|sources| (value.name.as_str(), sources)));
        }
        Self {
            model,
            parameters,
            folded,
        }
    }

    /// The name that the model has for a tensor: its own, else that of the value that it is, else
    /// that of the one parameter of which it is a view.
    pub(super) fn own(&self, body: usize, index: usize) -> Option<&'m str> {
        let stored = self.model.stored[body][index].as_ref()?;
        let value = &self.model.graph.bodies()[body].initializers[index];
        let mut names = [&stored.name, &value.name].into_iter().map(String::as_str);
        names
            .find(|name| self.is_own(name))
            .or_else(|| self.viewed(&value.name, &value.shape))
    }

    /// The values of a module have names without dots, of its parameters only those at its root.
    fn is_own(&self, name: &str) -> bool {
        let is_noted = self.parameters.is_empty() || self.parameters.contains(name);
        !is_made_up(name) && (is_noted || name.contains('.'))
    }

    /// The only parameter from which a vector was computed: a view of it, such as `[1, n, 1, 1]`.
    fn viewed(&self, name: &str, shape: &[usize]) -> Option<&'m str> {
        if shape.iter().filter(|&&size| size > 1).count() > 1 {
            return None;
        }
        let sources = self.folded.get(name)?.trim_matches(['[', ']']).split(", ");
        let mut named = sources
            .map(|source| source.trim_matches(['\'', '"']))
            .filter(|source| source.contains('.') && self.is_own(source));
        let only = named.next()?;
        named.next().is_none().then_some(only)
    }
}
