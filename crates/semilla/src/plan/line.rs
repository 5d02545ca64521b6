//! One tensor's line of a plan.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Disposition, Signal};
use crate::dtype::DType;
use crate::fill::{Fill, FillError, Load, Prepared, Slice};
use crate::fit::Fit;
use crate::init::Initializer;
use crate::layout::{Fans, Layout};
use crate::model::{Fused, Role};
use crate::scheme::Rates;
use crate::stream::Key;

/// One tensor's line of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The tensor's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its element type.
    pub dtype: DType,
    /// The part that it plays in the network.
    pub role: Role,
    /// The meaning of its axes, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The weights that it holds, where it is fused and their sizes are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fused: Option<Fused>,
    /// Where its values come from.
    pub disposition: Disposition,
    /// The initializer that was chosen. A replay does not read it: see
    /// [`Plan::set`](super::Plan::set).
    pub initializer: Initializer,
    /// The fans that the initializer used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fans: Option<Fans>,
    /// The gain that the initializer used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// The gain's effect on signals under the activation that follows, where the layer lies in a
    /// plain stack ([`Stack`](super::Stack)): the theory speaks of no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// How its numbers are still to be fitted to the network and its data: until then nothing can
    /// be made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// The standard deviation of the elements, where one describes them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The factors on its learning rate, where the scheme asks for some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr: Option<Rates>,
    /// The factor by which the model must multiply what the layer makes, where the scheme asks for
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<f64>,
    /// The concrete values: with the key, all that a replay uses.
    pub fill: Fill,
    /// The key of the tensor's stream.
    pub key: Key,
    /// The reason, in words.
    pub reason: String,
}

impl Line {
    /// The parts that come from checkpoints: where each goes, and what it loads.
    pub fn loads(&self) -> Vec<(Slice, &Load)> {
        self.fill.loads(&self.shape)
    }

    /// The number of elements that come from checkpoints.
    pub fn loaded_elements(&self) -> u64 {
        let loads = self.loads();
        loads
            .iter()
            .map(|(area, load)| load.elements(area.size()))
            .sum()
    }

    /// The load of a line that takes from one tensor of a checkpoint alone.
    pub fn load(&self) -> Option<&Load> {
        match &self.fill {
            Fill::Load(load) => Some(load),
            _ => None,
        }
    }

    /// The number of elements; saturates.
    pub fn elements(&self) -> u64 {
        let sizes = self.shape.iter().map(|&size| size as u64);
        match self.shape.contains(&0) {
            true => 0,
            false => sizes.fold(1, u64::saturating_mul),
        }
    }

    /// The fill made ready to write any element.
    ///
    /// # Errors
    /// The fill does not fit the tensor, or takes its values from a file: [`FillError::NotDrawn`]
    /// for a checkpoint, [`FillError::NothingToKeep`] for the model's own; or its numbers are not
    /// fitted yet ([`FillError::Unfitted`]).
    pub fn prepare(&self) -> Result<Prepared, FillError> {
        self.check_fitted()?;
        self.fill.prepare(self.key, &self.shape, self.dtype)
    }

    /// Checks that its numbers need not be fitted any more.
    ///
    /// # Errors
    /// [`FillError::Unfitted`].
    pub fn check_fitted(&self) -> Result<(), FillError> {
        self.fit.map_or(Ok(()), |fit| Err(FillError::Unfitted(fit)))
    }

    /// The whole tensor as little-endian bytes of its element type, row-major.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), or a tensor that does not fit in memory.
    ///
    /// ```
    /// use semilla::{DType, Model, Recipe, Tensor};
    ///
    /// let tensor = Tensor { dtype: DType::BF16, ..Tensor::linear("fc.weight", 8, 4) };
    /// let model = Model { tensors: vec![tensor], ..Model::default() };
    /// let plan = Recipe::named("auto")?.plan(&model, 0)?;
    /// assert_eq!(plan.tensors[0].to_bytes()?.len(), 2 * 8 * 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>, FillError> {
        /// Elements made at a time by one thread.
        const CHUNK: usize = 1 << 16;
        let prepared = self.prepare()?;
        let too_large = || FillError::TooLarge {
            shape: self.shape.clone(),
            action: "held in memory",
        };
        let size = self.dtype.size();
        let len = usize::try_from(prepared.len()).ok();
        let len = len
            .and_then(|len| len.checked_mul(size))
            .ok_or_else(too_large)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| too_large())?;
        bytes.resize(len, 0);
        let whole = Slice::whole(&self.shape);
        let chunks = bytes.par_chunks_mut(CHUNK * size).enumerate();
        chunks.try_for_each_init(
            // Elements are written to a buffer that is aligned to the widest of them.
            || vec![0u64; CHUNK * size.div_ceil(8)],
            |buffer, (index, chunk)| {
                let aligned = &mut bytemuck::cast_slice_mut(buffer)[..chunk.len()];
                prepared.fill_bytes(&whole, (index * CHUNK) as u64, aligned)?;
                chunk.copy_from_slice(aligned);
                Ok::<_, FillError>(())
            },
        )?;
        Ok(bytes)
    }
}
