//! A family as its file describes it.

use super::module::Kind;
use crate::formula::Expression;
use crate::model::Role;

/// One family, or what it adds to another.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    /// Its `model_type`s.
    pub(super) types: Vec<String>,
    /// The family whose description it takes over.
    pub(super) like: Option<String>,
    /// What its classes' names begin with: `GPT2`.
    pub(super) class: Option<String>,
    pub(super) fields: Vec<Field>,
    /// Names for expressions.
    pub(super) lets: Vec<(String, Expression)>,
    /// The initial distributions of kinds of modules.
    pub(super) laws: Vec<(String, Law)>,
    pub(super) trees: Vec<(String, Vec<Node>)>,
    /// The built-in network that computes what the family does.
    pub(super) network: Option<Computation>,
    /// The models of this family, by the rest of their classes' names: `ForCausalLM`.
    pub(super) heads: Vec<(String, Vec<Node>)>,
}

/// The built-in network of a family, and what its parameters are.
#[derive(Clone, Debug, Default)]
pub(super) struct Computation {
    pub(super) network: String,
    pub(super) parameters: Vec<(String, Expression)>,
    /// Conditions under which the network does something else than the model, in words.
    pub(super) refusals: Vec<(String, Expression)>,
}

/// A field of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Other names that are read.
    pub(super) aliases: Vec<String>,
    /// The library's default.
    pub(super) default: Expression,
}

/// An initializer whose parameters are expressions.
#[derive(Clone, Debug)]
pub(super) struct Law {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, Expression)>,
}

/// One line of a tree, with the lines below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// What it adds to the name; empty for nothing.
    pub(super) path: String,
    pub(super) each: Option<Each>,
    /// Its repetitions are residual blocks.
    pub(super) is_block: bool,
    /// How many blocks follow each other, where some of them share their tensors.
    pub(super) layers: Option<Expression>,
    pub(super) what: What,
    pub(super) facts: Stated,
    pub(super) condition: Option<Expression>,
    pub(super) children: Vec<Node>,
}

/// A module list.
#[derive(Clone, Debug)]
pub(super) struct Each {
    pub(super) variable: String,
    pub(super) count: Expression,
}

#[derive(Clone, Debug, Default)]
pub(super) enum What {
    /// A container.
    #[default]
    Container,
    /// A module with parameters of its own.
    Module(Kind, Arguments),
    /// A tree of the family.
    Use(String, Vec<(String, Expression)>),
    /// The model of a configuration within the configuration: its family (if it does not say so
    /// itself) and its field.
    Model(Expression, String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    pub(super) sizes: Vec<Expression>,
    pub(super) named: Vec<(String, Expression)>,
}

impl Arguments {
    pub(super) fn named(&self, name: &str) -> Option<&Expression> {
        let found = self.named.iter().find(|(known, _)| known == name);
        found.map(|(_, expression)| expression)
    }
}

/// Several weights in one: the role and size of each, and how often they take turns.
#[derive(Clone, Debug)]
pub(super) struct FusedSizes {
    pub(super) parts: Vec<(Role, Expression)>,
    pub(super) turns: Option<Expression>,
}

/// Whatever a line says of a module's tensors besides their sizes.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    pub(super) role: Option<Role>,
    pub(super) weight: Option<Law>,
    pub(super) bias: Option<Law>,
    pub(super) bias_role: Option<Role>,
    /// The activation after it.
    pub(super) activation: Option<Expression>,
    /// The weights that it holds along its output axis.
    pub(super) fused: Option<FusedSizes>,
    pub(super) layout: Option<Expression>,
    pub(super) dtype: Option<Expression>,
    /// Whether its weight is another tensor, under whose name it is saved.
    pub(super) tied: Option<Expression>,
    /// Whether its bias is.
    pub(super) bias_tied: Option<Expression>,
}
