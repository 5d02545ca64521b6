//! From names and shapes to a model, step by step.
//!
//! The conventions are those of PyTorch's layers, transformers, timm, torchvision, Meta's Llama,
//! Keras and Flax. A name that none of them uses keeps [`Role::Unknown`], and recipes then ask for
//! a rule. Which axis is which follows from the convention, the role and the number of axes.

use super::index::{All, own_name, sorted};
use super::layouts::{blocks, layout};
use super::neighbours::{join_biases, mark_depthwise};
use super::residual::{mark_residual_units, number_blocks, width};
use super::roles::{activation, role};
use crate::activation::Activation;
use crate::dtype::DType;
use crate::layout::Layout;
use crate::model::convention::Convention;
use crate::model::names::Name;
use crate::model::role::Role;
use crate::model::state_dict::Model;
use crate::model::tensor::Tensor;

impl Model {
    /// The model of a list of tensors: each one's role, layout, blocks, depth and activation are
    /// read off its name, its shape and the tensors around it.
    ///
    /// ```
    /// use semilla::{DType, Model, Role, model::Convention};
    ///
    /// let names = ["h.0.attn.c_proj.weight", "h.0.attn.c_proj.bias"];
    /// let shapes = [vec![64, 64], vec![64]];
    /// let tensors = names.iter().zip(shapes).map(|(n, s)| (n.to_string(), s, DType::F32));
    /// let model = Model::infer(tensors, Convention::Pytorch);
    /// assert_eq!(model.tensors[0].role, Role::AttentionOut);
    /// assert_eq!(model.tensors[0].layout.as_ref().unwrap().to_string(), "IO"); // GPT-2's Conv1D
    /// assert_eq!(model.tensors[1].bias_fan_in.unwrap().exact, 64.0);
    /// ```
    pub fn infer(
        tensors: impl IntoIterator<Item = (String, Vec<usize>, DType)>,
        convention: Convention,
    ) -> Self {
        let unread = |(name, shape, dtype)| Tensor::new(name, shape, dtype);
        Self::read(tensors.into_iter().map(unread).collect(), convention)
    }

    fn read(mut tensors: Vec<Tensor>, convention: Convention) -> Self {
        let by_name = sorted(&tensors);
        for place in 0..tensors.len() {
            let all = All::new(&tensors, &by_name);
            let facts = read(&tensors[place], all, convention);
            let tensor = &mut tensors[place];
            (tensor.role, tensor.layout, tensor.blocks, tensor.activation) = facts;
        }
        mark_residual_units(&mut tensors);
        let layers = number_blocks(&mut tensors);
        mark_depthwise(&mut tensors);
        join_biases(&mut tensors, &by_name);
        let width = width(&tensors);
        Self {
            tensors,
            layers,
            width,
        }
    }
}

/// A tensor's role, layout, blocks and activation, by its name and those around it.
fn read(
    tensor: &Tensor,
    all: All<'_>,
    convention: Convention,
) -> (Role, Option<Layout>, Vec<usize>, Option<Activation>) {
    let text = own_name(tensor);
    let name = Name::new(text);
    let role = role(&name, &tensor.shape, tensor.dtype, all, text);
    let layout = layout(&name, role, tensor.shape.len(), convention);
    let blocks = blocks(&name, text, &tensor.shape, role, layout.as_ref(), all);
    (role, layout, blocks, activation(&name, role))
}
