//! One rule: conditions, an initializer, and facts.

use regex::Regex;

use serde::Deserialize;

use crate::activation::Activation;
use crate::dtype::DType;
use crate::expression::Scalar;
use crate::fit::Fit;
use crate::glob::glob_match;
use crate::init::Initializer;
use crate::layout::{FanRule, Layout};
use crate::model::{Facts, Fused, Role, Side, Source, Tensor};
use crate::scheme::RateFormulas;
use crate::suggest::did_you_mean;

/// A role, or a group of roles.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum RoleName {
    Group(Group),
    Role(Role),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Group {
    /// Every weight that multiplies activations.
    Matrix,
    /// Query, key, value, fused or not.
    Attention,
    /// The ends of residual branches.
    ResidualOutput,
}

impl Group {
    const ALL: [(&str, Self); 3] = [
        ("matrix", Self::Matrix),
        ("attention", Self::Attention),
        ("residual_output", Self::ResidualOutput),
    ];
}

impl TryFrom<String> for RoleName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some((_, group)) = Group::ALL.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Group(*group));
        }
        if let Some(role) = Role::ALL.iter().find(|role| role.name() == text) {
            return Ok(Self::Role(*role));
        }
        let names: Vec<&str> = Group::ALL
            .map(|(name, _)| name)
            .into_iter()
            .chain(Role::ALL.map(Role::name))
            .collect();
        let hint = did_you_mean(&text, names.iter().copied());
        Err(format!(
            "{text:?} is not a role{hint}; the roles are {}",
            names.join(", ")
        ))
    }
}

impl RoleName {
    fn holds(self, role: Role) -> bool {
        match self {
            Self::Role(own) => own == role,
            Self::Group(Group::Matrix) => role.is_matrix(),
            Self::Group(Group::Attention) => {
                matches!(
                    role,
                    Role::Query | Role::Key | Role::Value | Role::Qkv | Role::Kv
                )
            }
            Self::Group(Group::ResidualOutput) => {
                matches!(role, Role::AttentionOut | Role::MlpOut | Role::ResidualOut)
            }
        }
    }
}

/// Facts about a tensor that a rule states, in place of those that its name suggests.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Stated {
    /// The part that it plays.
    pub(super) role: Option<Role>,
    /// The weights that it holds, and how they lie.
    pub(super) fused: Option<Fused>,
    /// The activation that its output goes through.
    pub(super) activation: Option<Activation>,
}

/// Conditions, an initializer for the tensors that meet them, and facts about those.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) globs: Vec<String>,
    pub(super) regex: Option<Regex>,
    pub(super) roles: Vec<RoleName>,
    pub(super) ndim: Vec<usize>,
    pub(super) dtypes: Vec<DType>,
    /// The side of an encoder-decoder.
    pub(super) sides: Vec<Side>,
    /// Whether it is the first of a chain of layers.
    pub(super) is_input: Option<bool>,
    /// Whether it lies in a residual branch.
    pub(super) is_in_branch: Option<bool>,
    /// The roles of the weight that a bias belongs to.
    pub(super) of: Vec<RoleName>,
    pub(super) layout: Option<Layout>,
    pub(super) fans: Option<FanRule>,
    pub(super) set: Stated,
    /// `None` for a rule that states facts only.
    pub(super) init: Option<Initializer>,
    /// How its numbers are fitted to the network and its data.
    pub(super) fit: Option<Fit>,
    pub(super) lr: Option<RateFormulas>,
    pub(super) multiplier: Option<Scalar>,
    pub(super) reason: String,
    pub(super) optional: bool,
}

impl Rule {
    /// The facts that it states of every tensor that it matches, if it states any.
    pub(super) fn facts(&self) -> Option<Facts> {
        if self.layout.is_none() && self.set == Stated::default() {
            return None;
        }
        let mut facts = Facts::from(Source::User);
        if let Some(layout) = &self.layout {
            facts = facts.layout(layout.clone());
        }
        if let Some(role) = self.set.role {
            facts = facts.role(role);
        }
        if let Some(fused) = &self.set.fused {
            facts = facts.fused(fused.clone());
        }
        if let Some(activation) = self.set.activation {
            facts = facts.activation(activation);
        }
        Some(facts)
    }

    /// Whether it decides tensors; if not, it states facts only.
    pub(super) fn decides(&self) -> bool {
        self.init.is_some()
    }

    pub(super) fn holds(&self, tensor: &Tensor) -> bool {
        self.holds_as(tensor, tensor.role)
    }

    /// Whether it holds for the part of this role that a fused tensor has.
    pub(super) fn holds_as(&self, tensor: &Tensor, part: Role) -> bool {
        let any = |holds: bool, empty: bool| empty || holds;
        any(
            self.globs.iter().any(|glob| glob_match(glob, &tensor.name)),
            self.globs.is_empty(),
        ) && self
            .regex
            .as_ref()
            .is_none_or(|regex| regex.is_match(&tensor.name))
            && any(
                self.roles
                    .iter()
                    .any(|role| role.holds(tensor.role) || role.holds(part)),
                self.roles.is_empty(),
            )
            && any(
                self.ndim.contains(&tensor.shape.len()),
                self.ndim.is_empty(),
            )
            && any(self.dtypes.contains(&tensor.dtype), self.dtypes.is_empty())
            && any(
                tensor.side.is_some_and(|side| self.sides.contains(&side)),
                self.sides.is_empty(),
            )
            && self.is_input.is_none_or(|input| input == tensor.is_input)
            && self
                .is_in_branch
                .is_none_or(|inside| inside == tensor.branch_layers.is_some())
            && any(
                tensor
                    .bias_of
                    .is_some_and(|of| self.of.iter().any(|role| role.holds(of))),
                self.of.is_empty(),
            )
    }
}
