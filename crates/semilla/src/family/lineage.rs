//! A family with all that it takes over from others.

use super::built_in::{COMMON, family};
use super::definition::{Computation, Family, Field, Law, Node};
use crate::formula::Expression;

/// A family, the one that it is like, and so on.
#[derive(Clone, Debug)]
pub(super) struct Lineage(Vec<&'static Family>);

impl Lineage {
    /// `None` for a `model_type` that is not described.
    pub(super) fn of(model_type: &str) -> Option<Self> {
        let mut all = vec![family(model_type).filter(|family| family.class.is_some())?];
        while let Some(last) = all.last()
            && !last.types.iter().any(|name| name == COMMON)
        {
            let next = last.like.as_deref().unwrap_or(COMMON);
            all.push(family(next)?);
        }
        Some(Self(all))
    }

    /// The `model_type` that the family is called by.
    pub(super) fn name(&self) -> &'static str {
        self.0.first().map_or("", |family| &family.types[0])
    }

    pub(super) fn class(&self) -> &'static str {
        let classes = self.0.iter().filter_map(|family| family.class.as_deref());
        classes.into_iter().next().unwrap_or_default()
    }

    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        let mut all = self.0.iter().flat_map(|family| &family.fields);
        all.find(|field| field.name == name)
    }

    /// A `let`, searched from this generation on; and its own generation.
    pub(super) fn definition(
        &self,
        name: &str,
        from: usize,
    ) -> Option<(usize, &'static Expression)> {
        self.0
            .iter()
            .enumerate()
            .skip(from)
            .find_map(|(at, family)| {
                let found = family.lets.iter().find(|(known, _)| known == name);
                found.map(|(_, expression)| (at, expression))
            })
    }

    pub(super) fn law(&self, kind: &str) -> Option<&'static Law> {
        let mut all = self.0.iter().flat_map(|family| &family.laws);
        all.find(|(name, _)| name == kind).map(|(_, law)| law)
    }

    pub(super) fn tree(&self, name: &str) -> Option<&'static [Node]> {
        let mut all = self.0.iter().flat_map(|family| &family.trees);
        all.find(|(known, _)| known == name)
            .map(|(_, tree)| &tree[..])
    }

    /// The network that computes what the family does, if it is described by itself; and all
    /// families' parameters of it, its own first.
    pub(super) fn network(&self) -> Option<(&'static str, Vec<&'static Computation>)> {
        let name = &self.0.first()?.network.as_ref()?.network;
        let all = self.0.iter().filter_map(|family| family.network.as_ref());
        Some((name, all.filter(|of| of.network == *name).collect()))
    }

    /// The tree of a model, by the rest of its class's name.
    pub(super) fn head(&self, name: &str) -> Option<&'static [Node]> {
        let mut all = self.0.iter().flat_map(|family| &family.heads);
        let found = all.find(|(known, _)| known == name);
        // An empty one takes away what the family would take over.
        found
            .map(|(_, tree)| &tree[..])
            .filter(|tree| !tree.is_empty())
    }

    /// The classes of its models.
    pub(super) fn classes(&self) -> Vec<String> {
        let names = self.heads().into_iter();
        names
            .map(|name| format!("{}{name}", self.class()))
            .collect()
    }

    /// The rests of their names.
    pub(super) fn heads(&self) -> Vec<&'static str> {
        let mut all: Vec<&str> = Vec::new();
        for (name, _) in self.0.iter().flat_map(|family| &family.heads) {
            if !all.contains(&name.as_str()) && self.head(name).is_some() {
                all.push(name);
            }
        }
        all
    }
}
