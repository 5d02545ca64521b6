//! What a layer is built from.

use crate::formula::Problem;
use crate::network::draft::{Draft, Flow};
use crate::network::given::Given;

/// A layer's place: the draft, the layer's name, what comes in, and its arguments.
pub(super) struct Site<'a> {
    pub(super) draft: &'a mut Draft,
    pub(super) path: &'a str,
    pub(super) x: &'a Flow,
    pub(super) given: Given,
}

impl Site<'_> {
    /// The name of a tensor of the layer.
    pub(super) fn tensor(&self, leaf: &str) -> String {
        match self.path {
            "" => leaf.to_owned(),
            path => format!("{path}.{leaf}"),
        }
    }

    /// A tensor of the layer.
    pub(super) fn weight(&mut self, leaf: &str, shape: &[usize]) -> Result<String, Problem> {
        let name = self.tensor(leaf);
        self.draft.weight(&name, shape)
    }

    /// The layer's weight, or the tensor that it is tied to.
    pub(super) fn weight_or_tied(&mut self, shape: &[usize]) -> Result<String, Problem> {
        match self.given.text("tied")? {
            Some(name) => self.draft.shared(name, shape),
            None => self.weight("weight", shape),
        }
    }

    /// The layer's bias, unless it is to have none.
    pub(super) fn bias(&mut self, size: usize) -> Result<Option<String>, Problem> {
        let has_bias = self.given.flag("bias", true)?;
        has_bias.then(|| self.weight("bias", &[size])).transpose()
    }

    /// The tensor that has the layer's own name.
    pub(super) fn own(&mut self, shape: &[usize]) -> Result<String, Problem> {
        self.draft.weight(self.path, shape)
    }

    /// What comes in, as numbers with at least so many axes behind the samples.
    pub(super) fn numbers(&self, least: usize) -> Result<(), Problem> {
        let found = self.x.shape();
        if self.x.is_words {
            return Err(Problem::other(format!(
                "what comes in are words, {found}; look them up by an embedding first"
            )));
        }
        match self.x.sizes.len() < least {
            true => Err(Problem::other(format!(
                "what comes in is {found}; it needs {least} axes behind the samples"
            ))),
            false => Ok(()),
        }
    }

    /// What comes in, as numbers of a sequence: its length and width.
    pub(super) fn sequence(&self) -> Result<(usize, usize), Problem> {
        self.numbers(2)?;
        match *self.x.sizes {
            [length, width] => Ok((length, width)),
            _ => Err(Problem::other(format!(
                "what comes in is {}; it should be samples × length × width",
                self.x.shape()
            ))),
        }
    }

    /// What the layer makes.
    pub(super) fn made(&self, name: String, sizes: Vec<usize>) -> Flow {
        Flow {
            name,
            sizes,
            is_words: false,
        }
    }

    /// The same shape as what comes in.
    pub(super) fn alike(&self, name: String) -> Flow {
        self.made(name, self.x.sizes.clone())
    }
}
