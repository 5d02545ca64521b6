//! Which tensors of a model are its weights.

use super::dtype::dtype;
use super::model::Model;
use super::named::Named;

use super::stored::MAX_SHORT;
use crate::io::window::Fault;
use crate::{Quoted, Remark};

/// The tensors of a model that are its weights.
pub(super) struct Weights {
    /// The body, and the position among its initializers.
    pub(super) list: Vec<(usize, usize)>,
    /// Remarks on tensors and constants that are not among them.
    pub(super) left_out: Vec<Remark>,
}

impl Weights {
    pub(super) fn choose(model: &Model) -> Result<Self, Fault> {
        let named = Named::of(model);
        let mut list = Vec::new();
        let (mut numbers, mut shapes, mut texts) = (model.singles, 0, 0);
        for (body, tensors) in model.stored.iter().enumerate() {
            for (index, tensor) in tensors.iter().enumerate() {
                let Some(tensor) = tensor else { continue };
                let name = &model.graph.bodies()[body].initializers[index].name;
                let elements = tensor.elements();
                let made_up = named.own(body, index).is_none();
                match dtype(tensor.data_type) {
                    Ok(dtype) if dtype.is_float() => match elements {
                        1 if made_up => numbers += 1,
                        _ => list.push((body, index)),
                    },
                    Ok(_) if elements <= MAX_SHORT => shapes += 1,
                    Ok(_) => list.push((body, index)),
                    Err("STRING") => texts += 1,
                    Err(unsupported) => {
                        let name = Quoted::new(name);
                        return Err(Fault::new(format!(
                            "tensor {name} is of type {unsupported}, which is not supported; \
                             convert the model to floats"
                        )));
                    }
                }
            }
        }
        let left_out = [
            (numbers, "single numbers of formulas"),
            (shapes, "short lists of integers (shapes, axes, indices)"),
            (texts, "tensors of texts"),
            (model.sparse, "sparse tensors"),
        ];
        Ok(Self {
            list,
            left_out: left_out
                .into_iter()
                .filter(|&(count, _)| count > 0)
                .map(|(count, what)| Remark::LeftOut { count, what })
                .collect(),
        })
    }
}
