//! A graph, followed forward and back.

use super::backward::{Gradient, gradients, shared};
use super::interpret::Followed;
use super::node::{Node, Rough, SignalId};
use super::path::{Point, narrow, path};
use super::spread::{NoiseId, Spread};

/// All that was found of a graph's signals and gradients.
pub(super) struct Whole {
    pub(super) followed: Followed,
    gradients: Vec<Option<Gradient>>,
    /// The kernels of gradients that all samples share at the output.
    shared: Vec<Option<Vec<f64>>>,
    /// The values through which all signals go, one per step at most.
    pub(super) narrow: Vec<Option<SignalId>>,
    pub(super) path: Vec<Point>,
}

/// A gradient's squared norm for one sample, as a factor of that at the output.
#[derive(Clone, Copy)]
pub(super) struct Norm {
    pub(super) value: f64,
    pub(super) noise: NoiseId,
    pub(super) rough: Rough,
}

impl Whole {
    pub(super) fn of(mut followed: Followed) -> Self {
        let narrow = narrow(&followed);
        Self {
            gradients: gradients(&mut followed),
            shared: shared(&followed),
            path: path(&followed, &narrow),
            narrow,
            followed,
        }
    }

    pub(super) fn node(&self, id: SignalId) -> &Node {
        &self.followed.theory.nodes[id]
    }

    pub(super) fn spread(&self, id: NoiseId) -> Spread {
        self.followed.theory.noises.spread(id)
    }

    /// How many elements of a signal belong to one sample.
    pub(super) fn per_sample(&self, id: SignalId) -> f64 {
        let signal = &self.node(id).signal;
        signal.axes.elements() / signal.axes.places(signal.samples())
    }

    /// `None` where theory ends between a signal and the output.
    pub(super) fn gradient(&self, id: SignalId) -> Option<Norm> {
        let found = self.gradients[id].as_ref()?;
        let output = self.per_sample(self.followed.output?);
        let value = found.kernel[0] * self.per_sample(id) / output;
        value.is_finite().then_some(Norm {
            value,
            noise: found.noise,
            rough: found.rough,
        })
    }

    /// Of gradients that two samples share at the output, what they still have in common at a
    /// signal: the product of theirs over the squared norm of one.
    pub(super) fn in_common(&self, id: SignalId) -> Option<f64> {
        let kernel = self.shared[id].as_ref()?;
        let signal = &self.node(id).signal;
        let part = signal.across_samples_of(kernel) / kernel[0];
        part.is_finite().then_some(part)
    }
}
