//! Conventions: the framework whose names and layouts a list of tensors follows.

use super::names::{is_number, without_output};

/// The framework whose names and layouts a list of tensors follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// `weight` stored `[out, in, kernel...]`: PyTorch, transformers, timm, torchvision.
    #[default]
    Pytorch,
    /// `kernel` stored `[kernel..., in, out]`, `gamma`, `beta`, `moving_mean`.
    Keras,
    /// `kernel` stored `[kernel..., in, out]`, `scale`, `embedding`, `mean`, `var`.
    Jax,
}

/// A list of tensors with names of two conventions that store weights differently.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the names do not say how the weights are stored: {pytorch:?} is a name of PyTorch's, \
     {other:?} one of {convention}'s"
)]
pub struct MixedNames {
    /// A name of PyTorch's.
    pub pytorch: String,
    /// A name of the other convention's.
    pub other: String,
    /// The other convention.
    pub convention: Convention,
}

/// Names of variables in Keras that PyTorch does not use.
const KERAS: [&str; 9] = [
    "kernel",
    "recurrent_kernel",
    "depthwise_kernel",
    "pointwise_kernel",
    "gamma",
    "beta",
    "moving_mean",
    "moving_variance",
    "embeddings",
];
const PYTORCH: [&str; 4] = [
    "weight",
    "running_mean",
    "running_var",
    "num_batches_tracked",
];

impl Convention {
    /// The convention that names follow, and the name that shows it; `None` where no name does.
    /// Shapes are not looked at.
    ///
    /// It is read off the last part of a name, and the path before it:
    /// - `dense/kernel`, `conv/kernel:0`, `bn/gamma`, `bn/beta`, `bn/moving_mean`,
    ///   `table/embeddings`: Keras;
    /// - `params/dense/kernel`, `encoder/Dense_0/kernel`: Flax, which stores weights as Keras does;
    /// - `fc.weight`, `bn.running_mean`: PyTorch;
    /// - `Dense_0.kernel`: Flax, unless there are names of PyTorch's, whose modules may have a
    ///   buffer of that name.
    ///
    /// ```
    /// use semilla::model::Convention;
    ///
    /// let names = ["encoder/bias", "encoder/kernel"];
    /// assert_eq!(Convention::of_names(names), Ok(Some((Convention::Keras, "encoder/kernel"))));
    /// assert_eq!(Convention::of_names(["encoder/bias"]), Ok(None));
    /// assert!(Convention::of_names(["encoder/kernel", "head.weight"]).is_err());
    /// ```
    ///
    /// # Errors
    /// Names of PyTorch's beside those of Keras or Flax.
    pub fn of_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<(Self, &'a str)>, MixedNames> {
        let (mut pytorch, mut keras, mut flax, mut dotted) = (None, None, None, None);
        for name in names {
            let text = without_output(name);
            let end = text.rfind(['.', '/']);
            let (path, leaf) = end.map_or(("", text), |at| (&text[..at], &text[at + 1..]));
            let slash = end.is_some_and(|at| text[at..].starts_with('/'));
            let first = if slash && KERAS.contains(&leaf) {
                if is_flax(path) { &mut flax } else { &mut keras }
            } else if !slash && PYTORCH.contains(&leaf) {
                &mut pytorch
            } else if !slash && !path.is_empty() && leaf == "kernel" {
                &mut dotted
            } else {
                continue;
            };
            first.get_or_insert(name);
        }
        let slashed = flax
            .map(|name| (Convention::Jax, name))
            .or(keras.map(|name| (Convention::Keras, name)));
        match (pytorch, slashed) {
            (Some(pytorch), Some((convention, other))) => Err(MixedNames {
                pytorch: pytorch.to_owned(),
                other: other.to_owned(),
                convention,
            }),
            (Some(pytorch), None) => Ok(Some((Convention::Pytorch, pytorch))),
            (None, slashed) => Ok(slashed.or(dotted.map(|name| (Convention::Jax, name)))),
        }
    }
}

impl std::fmt::Display for Convention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Convention::Pytorch => "PyTorch",
            Convention::Keras => "Keras",
            Convention::Jax => "Flax",
        })
    }
}

/// Whether a path is in Flax's collection of parameters, or ends with a module that Flax numbered:
/// `Dense_0`.
fn is_flax(path: &str) -> bool {
    let module = path.rsplit('/').next().unwrap_or_default();
    let numbered = module.rsplit_once('_').is_some_and(|(class, number)| {
        class.starts_with(|c: char| c.is_ascii_uppercase()) && is_number(number)
    });
    numbered || path.split('/').next() == Some("params")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Role};
    use crate::{DType, Layout};

    fn found(names: &[&str]) -> Option<Convention> {
        let found = Convention::of_names(names.iter().copied()).unwrap();
        found.map(|(convention, _)| convention)
    }

    #[test]
    fn the_last_part_of_a_name_shows_its_convention() {
        for (name, convention) in [
            ("enc/kernel", Convention::Keras),
            ("conv/kernel:0", Convention::Keras),
            ("bert/encoder/layer_._0/query/kernel:0", Convention::Keras),
            ("a/b/gamma", Convention::Keras),
            ("bn/moving_mean", Convention::Keras),
            ("table/embeddings", Convention::Keras),
            ("lstm/lstm_cell/recurrent_kernel", Convention::Keras),
            ("dense_1/kernel", Convention::Keras),
            ("params/dense/kernel", Convention::Jax),
            ("Transformer/MlpBlock_3/Dense_0/kernel", Convention::Jax),
            ("params.Dense_0.kernel", Convention::Jax),
            ("layers.0.kernel", Convention::Jax),
            ("weight", Convention::Pytorch),
            ("layer.0.weight", Convention::Pytorch),
            ("bn1.running_var", Convention::Pytorch),
        ] {
            assert_eq!(found(&["odd", name, "x/bias"]), Some(convention), "{name}");
        }
    }

    #[test]
    fn names_of_no_meaning_show_nothing() {
        let none = [
            "",
            "kernel",
            "dense/bias",
            "a/weight",
            "LayerNorm.gamma",
            "gamma",
            "embeddings.word",
            "a/kernels",
            "kernel/x",
            "x/kernel:a",
        ];
        assert_eq!(found(&none), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn tensorflows_numbers_are_no_part_of_a_name() {
        let tensors = [("d/kernel:0", vec![4, 3]), ("d/bias:0", vec![3])];
        let named = tensors.map(|(name, shape)| (name.to_owned(), shape, DType::F32));
        let model = Model::infer(named, Convention::Keras);
        assert_eq!(model.tensors[0].role, Role::Linear);
        assert_eq!(model.tensors[0].layout, Some(Layout::io()));
        assert_eq!(model.tensors[1].bias_fan_in.unwrap().exact, 4.0);
    }

    #[test]
    fn contradictions_are_refused_and_buffers_are_none() {
        let error = Convention::of_names(["a/kernel", "b.weight", "c/gamma"]).unwrap_err();
        assert_eq!((&*error.pytorch, &*error.other), ("b.weight", "a/kernel"));
        assert!(error.to_string().contains("\"a/kernel\" one of Keras's"));
        // A blur of StyleGAN's is a buffer.
        let blurred = ["convs.0.blur.kernel", "convs.0.weight"];
        assert_eq!(found(&blurred), Some(Convention::Pytorch));
        // Both store weights in the same way.
        let both = ["head/kernel", "params/dense/kernel"];
        assert_eq!(found(&both), Some(Convention::Jax));
    }
}
