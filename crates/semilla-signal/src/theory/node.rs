//! Signals and the ways between them, as they are found one after the other.

use std::cell::Cell;
use std::rc::Rc;

use semilla::activation::Curve;

use super::axes::{Axes, Mask, mean_over};
use super::edges::{EdgeWay, Edges};
use super::formula::Formula;
use super::signal::Signal;
use super::spread::{NoiseId, Noises};

/// A signal, by its place among all.
pub(super) type SignalId = usize;

/// A signal, where it comes from, and how gradients go back from it.
pub(super) struct Node {
    pub(super) signal: Signal,
    /// The atoms of its units: its directions, rather than samples or positions.
    pub(super) units: Mask,
    /// `E x⁴ / (E x²)²` of its elements.
    pub(super) fourth: f64,
    /// The mean squared correlation of two samples by chance, beyond that of the kernel.
    pub(super) alike: f64,
    /// The part of it that came with what it is a linear map of: queries, keys and values of one
    /// signal have it together.
    pub(super) chance: f64,
    /// Of what random weights make, what they see.
    pub(super) seen: Option<Seen>,
    /// Of scores, what their rows' concentration brings those queries whose keys are alike.
    pub(super) lift: Option<Rc<Cell<f64>>>,
    /// Of shares of attention, by mask: how steeply those of two places follow how alike their keys
    /// are.
    pub(super) steep: Option<Rc<[f64]>>,
    /// How far its mean square strays from the expected one, and how far that part of it does by
    /// which samples differ.
    pub(super) norm: NoiseId,
    pub(super) apart: NoiseId,
    /// Its mean square at each position, as parts of the mean, where positions differ: behind causal
    /// attention, whose first rows see little.
    pub(super) profile: Option<Rc<[f64]>>,
    /// Of words: for each position a factor on how alike two up to it are, beside any two.
    pub(super) sooner: Option<Rc<[f64]>>,
    /// Its mean square at each place of an image, as parts of the mean, where borders differ.
    pub(super) edges: Edges,
    /// What its edges are when its mean over the image is taken away.
    pub(super) left: Option<Edges>,
    /// Whether it sums over positions, so that those of its gradient are no longer told apart.
    pub(super) mixes: bool,
    /// Of shares of attention: how much each row concentrates.
    pub(super) rows: Option<Rc<[Row]>>,
    /// How much of it differs from place to place: behind causal attention, of the rows.
    pub(super) uneven: f64,
    /// How much of it is known roughly only, and what its own rule adds to that.
    pub(super) rough: Rough,
    pub(super) own_rough: Rough,
    /// How much of its mean square was mixed from place to place by one matrix for all units.
    pub(super) mixed: f64,
    /// How much of it is no sum of many terms: its elements are not normal.
    pub(super) bent: f64,
    /// Whether its mean square was made 1, so that gradients lose what they have in common with it.
    pub(super) is_normalized: bool,
    /// The functions of earlier signals that it is, the nearest first; a normal signal is none.
    pub(super) forms: Vec<Form>,
    /// The signal of whose mean square over some of its atoms it is a function, if it is one.
    pub(super) gauge: Option<(SignalId, Mask)>,
    /// The signals that lie in it one after the other, if there are several.
    pub(super) joined: Option<Joined>,
    /// Whether no element is below 0.
    pub(super) is_positive: bool,
    /// Whether it is the sum of a signal and of nothing yet, such as a branch that starts at 0.
    pub(super) is_unchanged: bool,
    pub(super) origin: Origin,
    pub(super) links: Vec<Link>,
}

/// What is known roughly only: how much of it, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rough {
    pub(super) part: f64,
    pub(super) why: &'static str,
}

impl Rough {
    pub(super) const NONE: Self = Self { part: 0.0, why: "" };

    /// The rougher of two.
    pub(super) fn max(self, other: Self) -> Self {
        if other.part > self.part { other } else { self }
    }

    /// A sum of which this is a part and the other is one.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            part: (self.part + other.part).min(1.0),
            why: self.max(other).why,
        }
    }

    pub(super) fn times(self, share: f64) -> Self {
        Self {
            part: self.part * share,
            ..self
        }
    }
}

/// What random weights see of a signal.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// How alike samples are by chance, beyond what its directions allow: so far do the lengths of units
    /// stray beside those of their weights, which gradients pass too.
    pub(super) chance: f64,
    /// Whether it is an image that mirrored weights leave as it is: near places stay more alike than others.
    pub(super) keeps_places: bool,
}

impl Seen {
    fn times(self, share: f64) -> Self {
        Self {
            chance: self.chance * share,
            ..self
        }
    }
}

/// A function of each element of an earlier signal.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) root: SignalId,
    pub(super) formula: Formula,
}

/// Signals one after the other along an axis, and how many places each takes there.
#[derive(Clone)]
pub(super) struct Joined {
    pub(super) axis: usize,
    pub(super) parts: Rc<[SignalId]>,
    pub(super) sizes: Rc<[usize]>,
}

/// How a signal depends on earlier ones.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Origin {
    /// Through random weights of mean 0, which are first met in the signal given, this one if none
    /// is: it goes with no signal that is earlier than they are.
    Fresh(Option<SignalId>),
    /// The sum of two.
    Sum(SignalId, SignalId),
    /// An earlier one times a number, plus a number.
    Affine(SignalId, f64, f64),
    /// The mean of an earlier one over some of its atoms.
    Mean(SignalId, Mask),
    /// Any other way.
    Other,
}

/// A map of kernels.
type Back = dyn Fn(&[f64]) -> Vec<f64>;
/// The same from two.
type Pulled = dyn Fn(&[f64], &[f64]) -> Vec<f64>;

/// What a gradient g has in common with the signal x that a way brings it to: `E g x g' x'`, where
/// that is not `E g g' E x x'`. Normalizations take it out.
#[derive(Clone, Default)]
pub(super) enum Pull {
    /// Nothing.
    #[default]
    Apart,
    /// The way is a function of each element: `E x φ'(x) x' φ'(x')`, by mask.
    Function(Rc<[f64]>),
    /// The same of the greatest of windows, whose gradients have these atoms.
    Greatest(Rc<[f64]>, Rc<[Option<usize>]>),
    /// As before the way, a factor for each element.
    Same,
    /// As before the way, under other axes: for each atom of the earlier signal its own.
    Moved(Rc<[Option<usize>]>),
}

/// The way of gradients from a signal to one that it depends on.
pub(super) struct Link {
    pub(super) to: SignalId,
    /// From the kernel of the gradient to what it adds to that of the earlier signal's gradient.
    pub(super) back: Box<Back>,
    /// Fluctuations that the factor follows.
    pub(super) shares: Vec<(NoiseId, f64)>,
    pub(super) own: BackNoise,
    /// By what squared gradients at each position are multiplied beyond that, as parts of the mean.
    pub(super) weights: Option<Rc<[f64]>>,
    /// The rows of attention that mixed the earlier signal.
    pub(super) rows: Option<Rc<[Row]>>,
    /// What differs at borders, on the way.
    pub(super) edges: EdgeWay,
    pub(super) turn: Turn,
    /// How much of the gradient that it brings is known roughly only.
    pub(super) rough: Rough,
    /// What the gradient has in common with the signal that it goes to.
    pub(super) pull: Pull,
    /// The way of a gradient that has something in common with its signal: from the kernels of
    /// both, `E g g'` and `E g x g' x'`.
    pub(super) pulled: Option<Box<Pulled>>,
    /// The atoms of the earlier signal along which it gives gradients by weights that are others.
    pub(super) fresh: Mask,
    /// The signal, earlier still, for which the way's factor counts already: a function of it lies
    /// in between, whose slopes the factor has in it.
    pub(super) aims: Option<SignalId>,
}

/// What a way does to the singular values of a Jacobian, beyond a factor.
#[derive(Clone, Copy, Default)]
pub(super) enum Turn {
    /// Not known.
    #[default]
    Unknown,
    /// Nothing.
    Even,
    /// A function of each element, with this `E φ'⁴ / (E φ'²)²`.
    Slopes(f64),
    /// A matrix of independent elements.
    Independent,
    /// A matrix that keeps lengths, as far as its sizes let it.
    Orthogonal,
}

/// A row of masked attention.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// How many places it sees, the first ones.
    pub(super) sees: f64,
    /// `E Σ aⱼ²` of its shares: 1/n of equal scores, e^v/n of small variances v in many places, 1
    /// where one place takes all.
    pub(super) share: f64,
    /// By how much `E aⱼ aₖ` of two places grows with the correlation ρ of their scores: `d ln / dρ`
    /// as a part of the variance of scores, e^(vρ) being steepest.
    pub(super) leans: f64,
    /// `E Σ (aⱼ (gⱼ - Σ aₖ gₖ))²` of independent gradients g of mean square 1: what scores get of
    /// them.
    pub(super) passes: f64,
}

impl Link {
    /// A way that adds no fluctuation.
    pub(super) fn plain(to: SignalId, back: impl Fn(&[f64]) -> Vec<f64> + 'static) -> Self {
        Self {
            to,
            back: Box::new(back),
            shares: Vec::new(),
            own: BackNoise::default(),
            weights: None,
            rows: None,
            edges: EdgeWay::Same,
            turn: Turn::Unknown,
            rough: Rough::NONE,
            pull: Pull::Apart,
            pulled: None,
            fresh: 0,
            aims: None,
        }
    }

    /// A way that gives all directions the same factor.
    pub(super) fn even(to: SignalId, back: impl Fn(&[f64]) -> Vec<f64> + 'static) -> Self {
        Self {
            turn: Turn::Even,
            ..Self::plain(to, back)
        }
    }
}

/// What a way back adds to the fluctuation of a squared gradient, and to how alike the gradients of
/// samples are by chance.
#[derive(Clone, Copy)]
pub(super) struct BackNoise {
    /// For gradients that are apart, averaged over all of them.
    pub(super) alone: f64,
    /// For all alike.
    pub(super) common: f64,
    /// For each part of squared cosine between two gradients.
    pub(super) by_cosine: f64,
    /// The factor on squared cosines.
    pub(super) keeps: f64,
    /// What is added to them.
    pub(super) adds: f64,
}

impl Default for BackNoise {
    fn default() -> Self {
        Self {
            alone: 0.0,
            common: 0.0,
            by_cosine: 0.0,
            keeps: 1.0,
            adds: 0.0,
        }
    }
}

impl BackNoise {
    /// Through a matrix of random rows, into `units` units.
    pub(super) fn product(units: f64, strength: f64) -> Self {
        let each = 2.0 / units * strength;
        Self {
            alone: each,
            by_cosine: each,
            adds: 1.0 / units,
            ..Self::default()
        }
    }

    /// Through a function of each of `units` units whose inputs have these correlations.
    pub(super) fn function(
        curve: &Curve,
        units: f64,
        correlations: &[f64],
        axes: &Axes,
        own: Mask,
    ) -> Self {
        let square = curve.slope_square * curve.slope_square;
        if square <= 0.0 || units <= 0.0 {
            return Self::default();
        }
        let pairs = |f: &dyn Fn(f64) -> f64| {
            mean_over(axes, axes.all() & !own, |mask| f(correlations[mask]))
        };
        let alone = curve.slope_square_product(1.0) / square - 1.0;
        let common = pairs(&|c| curve.slope_square_product(c)) / square - 1.0;
        let keeps = pairs(&|c| curve.slope_product(c)) / curve.slope_square;
        Self {
            alone: 3.0 * alone / units,
            common: common / units,
            by_cosine: 2.0 * common / units,
            keeps: keeps * keeps,
            adds: 0.0,
        }
    }

    /// The relative variance that it adds, for gradients whose squared cosines average to this over
    /// all pairs, equal ones too.
    pub(super) fn own(&self, pairs: f64, cosines: f64) -> f64 {
        let same = 1.0 / pairs.max(1.0);
        let others = (cosines - same).max(0.0);
        let value = self.alone * same + (1.0 - same) * self.common + self.by_cosine * others;
        value.max(0.0)
    }
}

impl Node {
    /// A signal whose elements are taken for normal.
    pub(super) fn normal(signal: Signal, units: Mask, origin: Origin) -> Self {
        Self {
            signal,
            units,
            fourth: 3.0,
            alike: 0.0,
            chance: 0.0,
            seen: None,
            lift: None,
            steep: None,
            norm: Noises::NONE,
            apart: Noises::NONE,
            profile: None,
            sooner: None,
            edges: Edges::default(),
            left: None,
            mixes: false,
            rows: None,
            uneven: 0.0,
            rough: Rough::NONE,
            own_rough: Rough::NONE,
            mixed: 0.0,
            bent: 0.0,
            is_normalized: false,
            forms: Vec::new(),
            gauge: None,
            joined: None,
            is_positive: false,
            is_unchanged: false,
            origin,
            links: Vec::new(),
        }
    }

    /// Takes over what the same elements have in common by chance, as a part of all they are.
    pub(super) fn take_chance(&mut self, from: &Self, share: f64) {
        self.alike = from.alike * share * share;
        self.chance = from.chance * share * share;
        self.seen = from.seen.map(|seen| seen.times(share * share));
        self.lift.clone_from(&from.lift);
    }

    /// Takes over how the same elements differ from place to place.
    pub(super) fn take_places(&mut self, from: &Self) {
        self.profile.clone_from(&from.profile);
        self.sooner.clone_from(&from.sooner);
        self.edges.clone_from(&from.edges);
    }

    /// How many units it has.
    pub(super) fn width(&self) -> f64 {
        self.signal.axes.places(self.units)
    }

    /// The mean over all pairs of samples and positions of the squared correlation of a kernel,
    /// chance included.
    pub(super) fn cosines(&self, kernel: &[f64], alike: f64) -> f64 {
        cosines(kernel, &self.signal.axes, self.units, alike)
    }
}

/// The mean squared cosine of independent vectors along some atoms that have this kernel there: 1
/// over how many directions they have.
pub(super) fn likeness(kernel: &[f64], axes: &Axes, units: Mask) -> f64 {
    let mean = mean_over(axes, units, |mask| (kernel[mask] / kernel[0]).powi(2));
    if mean.is_finite() { mean.min(1.0) } else { 0.0 }
}

/// See [`Node::cosines`].
pub(super) fn cosines(kernel: &[f64], axes: &Axes, units: Mask, alike: f64) -> f64 {
    if kernel[0] <= 0.0 {
        return 0.0;
    }
    let rest = axes.all() & !units;
    let pairs = axes.places(rest);
    let mean = mean_over(axes, rest, |mask| (kernel[mask] / kernel[0]).powi(2));
    (mean + (1.0 - 1.0 / pairs) * alike).min(1.0)
}
