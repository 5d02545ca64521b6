//! What expressions may use of a whole model.

use crate::init::Context;
use crate::layout::Axis;
use crate::model::{Model, Side, Tensor};

/// The surroundings of a model's tensors.
pub(crate) fn context_of(model: &Model, base_width: Option<usize>, seed: u64) -> Context {
    Context {
        layers: model.layers,
        encoder_layers: layers_of(model, Side::Encoder),
        decoder_layers: layers_of(model, Side::Decoder),
        width: model.width.or_else(|| hidden_width(model)),
        base_width,
        seed,
        ..Context::default()
    }
}

impl Context {
    /// The context of one tensor: the layers are those of its stack; outside of all, the highest's.
    pub(crate) fn at(&self, tensor: &Tensor) -> Context {
        Context {
            layers: tensor.layers.or(self.layers),
            ..*self
        }
    }
}

/// The layers of the stack on a side.
fn layers_of(model: &Model, side: Side) -> Option<usize> {
    let own = model
        .tensors
        .iter()
        .filter(|tensor| tensor.side == Some(side));
    own.filter_map(|tensor| tensor.layers).max()
}

/// The width of all hidden layers of chains, where it is one.
fn hidden_width(model: &Model) -> Option<usize> {
    let hidden = model.tensors.iter().filter(|tensor| tensor.next.is_some());
    let mut widths = hidden.map(|tensor| {
        let layout = tensor.layout.as_ref()?;
        Some(layout.size(Axis::Out, &tensor.shape))
    });
    let first = widths.next()??;
    widths.all(|width| width == Some(first)).then_some(first)
}
