//! Weight norm, spectral norm and pruning: what PyTorch computes before each forward pass.

use std::sync::OnceLock;

use super::decoder::{Decoder, Elements, doubles, each_double};
use crate::{Checkpoint, Error};

/// Salimans & Kingma, *Weight Normalization*, NeurIPS 2016, section 2: w = g · v / ‖v‖.
pub(super) struct WeightNorm {
    pub(super) direction: usize,
    pub(super) length: usize,
    pub(super) norms: Norms,
}

impl Decoder for WeightNorm {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let norms = self.norms.of(file, self.direction)?;
        let lengths = doubles(file, self.length, 0, norms.len())?;
        let mut values = doubles(file, self.direction, first, out.len())?;
        for (element, value) in (first..).zip(&mut values) {
            let at = self.norms.index(element);
            *value = *value * lengths[at] / norms[at];
        }
        out.fill_wide(&values);
        Ok(())
    }
}

/// The norms of a tensor's slices at each index of an axis, or of all of it.
pub(super) struct Norms {
    /// The size of the axis, and the elements of a step along it.
    size: usize,
    inner: u64,
    found: OnceLock<Vec<f64>>,
}

impl Norms {
    pub(super) fn new(shape: &[usize], axis: Option<usize>) -> Self {
        let inner = |axis: usize| shape[axis + 1..].iter().map(|&size| size as u64).product();
        Self {
            size: axis.map_or(1, |axis| shape[axis]),
            inner: axis.map_or(1, inner),
            found: OnceLock::new(),
        }
    }

    /// The norm that an element belongs to.
    fn index(&self, element: u64) -> usize {
        match self.size {
            1 => 0,
            size => (element / self.inner.max(1) % size as u64) as usize,
        }
    }

    /// All norms, found by reading the tensor once.
    pub(super) fn of(&self, file: &dyn Checkpoint, tensor: usize) -> Result<&[f64], Error> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let mut sums = vec![0f64; self.size];
        each_double(file, tensor, |element, value| {
            sums[self.index(element)] += value * value;
        })?;
        sums.iter_mut().for_each(|sum| *sum = sum.sqrt());
        // Two threads may find the same.
        Ok(self.found.get_or_init(|| sums))
    }
}

/// Miyato et al., *Spectral Normalization for GANs*, ICLR 2018, section 2.1: w / (uᵀ w v), with the
/// vectors of the last training step.
pub(super) struct SpectralNorm {
    pub(super) weight: usize,
    pub(super) left: usize,
    pub(super) right: usize,
    /// The axes that may be the rows of the matrix: the first, or of a transposed convolution the
    /// second.
    pub(super) axes: Vec<usize>,
    pub(super) found: OnceLock<f64>,
}

impl Decoder for SpectralNorm {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let norm = self.norm(file)?;
        let mut values = doubles(file, self.weight, first, out.len())?;
        values.iter_mut().for_each(|value| *value /= norm);
        out.fill_wide(&values);
        Ok(())
    }
}

impl SpectralNorm {
    fn norm(&self, file: &dyn Checkpoint) -> Result<f64, Error> {
        if let Some(found) = self.found.get() {
            return Ok(*found);
        }
        let [left, right] = [self.left, self.right].map(|part| {
            let count = file.tensors()[part].elements() as usize;
            doubles(file, part, 0, count)
        });
        let (left, right) = (left?, right?);
        // Of two axes the one that the vectors were found for has the larger estimate.
        let mut norm = 0f64;
        for &axis in &self.axes {
            let estimate = self.estimate(file, axis, &left, &right)?;
            if estimate.abs() > norm.abs() {
                norm = estimate;
            }
        }
        Ok(*self.found.get_or_init(|| norm))
    }

    /// uᵀ w v, with an axis of the weight as the matrix's rows.
    fn estimate(
        &self,
        file: &dyn Checkpoint,
        axis: usize,
        left: &[f64],
        right: &[f64],
    ) -> Result<f64, Error> {
        let shape = file.tensors()[self.weight].shape();
        let inner: usize = shape[axis + 1..].iter().product();
        let mut sum = 0.0;
        each_double(file, self.weight, |element, value| {
            let element = element as usize;
            let (outer, rest) = (element / inner / shape[axis], element % inner);
            let column = outer * inner + rest;
            sum += left[element / inner % shape[axis]] * value * right[column];
        })?;
        Ok(sum)
    }
}

/// `torch.nn.utils.prune`: a weight times its mask.
pub(super) struct Pruned {
    pub(super) weight: usize,
    pub(super) mask: usize,
}

impl Decoder for Pruned {
    fn decode(
        &self,
        file: &dyn Checkpoint,
        first: u64,
        out: &mut Elements<'_>,
    ) -> Result<(), Error> {
        let mut values = doubles(file, self.weight, first, out.len())?;
        let mask = doubles(file, self.mask, first, out.len())?;
        for (value, mask) in values.iter_mut().zip(mask) {
            *value *= mask;
        }
        out.fill_wide(&values);
        Ok(())
    }
}
