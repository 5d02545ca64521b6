//! Sources of facts.

use std::fmt;

/// Where a fact comes from, the weakest first: a stronger source overrides a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The tensor's name.
    Name,
    /// The shapes of the tensors around.
    Shapes,
    /// The file's format, which states how it stores weights.
    Format,
    /// The `config.json` of its model.
    Config,
    /// The model's description: one line, or code.
    Description,
    /// The model's graph.
    Graph,
    /// The modules of a live model: like a graph they know kinds of layers.
    Module,
    /// The user: a recipe's rule, a layout asked for.
    User,
}

impl fmt::Display for Source {
    /// The words that follow a fact: "as the graph shows".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Name => "by its name",
            Source::Shapes => "by the shapes around it",
            Source::Format => "as the file's format states",
            Source::Config => "as config.json states",
            Source::Description => "as described",
            Source::Graph => "as the graph shows",
            Source::Module => "as its module says",
            Source::User => "as the recipe's rule states",
        })
    }
}
