//! Linear maps with random weights.

use std::rc::Rc;

use super::super::axes::{Axes, Mask, averaged, new_mask, old_mask};
use super::super::edges::{EdgeWay, Edges, Windows};
use super::super::node::{BackNoise, Link, Node, Origin, Seen, SignalId, Turn};
use super::super::signal::Signal;
use super::super::spread::NoiseId;
use super::super::state::{Gap, Theory};
use super::super::weights::{Pattern, WeightMoments};
use super::arithmetic::{moves, view};

/// A linear map with weights of its own.
pub(super) struct Linear {
    /// The axes of what it makes.
    pub(super) axes: Axes,
    /// For each of their atoms the one of what it takes.
    pub(super) sources: Vec<Option<usize>>,
    /// The atoms, of what it makes, along which the weights are others.
    pub(super) fresh: Mask,
    /// The same of places: those that other elements of a kernel make.
    pub(super) phases: Mask,
    /// The atom, of what it makes, along which they are the same with the opposite sign; 0 if there
    /// is none.
    pub(super) opposite: Mask,
    /// The atoms, of what it takes, that it sums over.
    pub(super) summed: Mask,
    /// How many terms a sum has: fewer than the weight has at the borders of an image.
    pub(super) terms: f64,
    /// Of pairs that are apart along these atoms, the part of a sum's terms that both have: at the
    /// borders of an image others are missing.
    pub(super) overlaps: Vec<(Mask, f64)>,
    /// The windows that it sums over, of an image.
    pub(super) windows: Option<Rc<Windows>>,
    /// The sizes of the weight as a matrix: rows of what it makes, columns of what it takes.
    pub(super) matrix: (f64, f64),
}

/// What a linear map takes, if its weights see differences only.
#[derive(Clone, Copy)]
enum Differences {
    /// Of two units whose weights are of opposite sign: those apart along this atom.
    Pairs(Mask),
    /// Of units and their mean.
    Centred,
}

/// Where the units of a layer lie that come in pairs.
pub(super) struct Units {
    pub(super) atoms: Vec<usize>,
    /// Of these atoms, the one of the pairs, if there is one.
    opposite: Mask,
    fresh: Mask,
}

impl Units {
    /// So many units; of mirrored weights, the two halves.
    pub(super) fn of(count: usize, is_mirrored: bool) -> Result<Self, Gap> {
        if is_mirrored && !count.is_multiple_of(2) {
            return Gap::new("its pairs of units leave one over");
        }
        let mut atoms = if is_mirrored {
            vec![2, count / 2]
        } else {
            vec![count]
        };
        atoms.retain(|&size| size != 1);
        let opposite = Mask::from(is_mirrored);
        Ok(Self {
            fresh: ((1 << atoms.len()) - 1) & !opposite,
            atoms,
            opposite,
        })
    }

    /// The atoms along which weights are others, and that of opposite signs, the first one being
    /// this one of all.
    pub(super) fn masks(&self, first: usize) -> (Mask, Mask) {
        (self.fresh << first, self.opposite << first)
    }

    /// How many have weights of their own.
    pub(super) fn rows(&self) -> f64 {
        let all: usize = self.atoms.iter().product();
        all as f64 / if self.opposite == 0 { 1.0 } else { 2.0 }
    }
}

/// A signal whose axis starts with an atom of size 2: its first and its second half.
pub(super) fn in_halves(theory: &mut Theory, x: SignalId, axis: usize) -> Result<SignalId, Gap> {
    let axes = &theory.signal(x).axes;
    match axes.axis(axis) {
        [2, ..] => return Ok(x),
        [first, ..] if first.is_multiple_of(2) => {}
        _ => return Gap::new("it takes an odd number of units in pairs"),
    }
    let mut shape: Vec<Vec<usize>> = (0..axes.rank())
        .map(|axis| axes.axis(axis).to_vec())
        .collect();
    let half = shape[axis][0] / 2;
    shape[axis].splice(..1, [2, half]);
    let split = axes.mask(axis).trailing_zeros() as usize;
    let sources = (0..=axes.count()).map(|atom| Some(if atom > split { atom - 1 } else { atom }));
    let sources: Vec<Option<usize>> = sources.collect();
    let made = Axes::new(shape).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    Ok(view(theory, x, made, &sources))
}

impl Linear {
    /// What the map makes of a signal. `inner` is the axis of the weight that it sums over, `outer`
    /// that of what it makes.
    pub(super) fn apply(
        self,
        theory: &mut Theory,
        x: SignalId,
        weight: WeightMoments,
        (inner, outer): (usize, usize),
    ) -> Result<SignalId, Gap> {
        let differences = match weight.pattern {
            Pattern::Centred(axis) if axis == outer => Some(Differences::Centred),
            Pattern::Centred(_) => return Gap::new("its weights are centred along what it takes"),
            pattern if pattern.is_mirrored(inner) => {
                Some(Differences::Pairs(self.summed & self.summed.wrapping_neg()))
            }
            _ => None,
        };
        let Self {
            ref axes,
            ref sources,
            fresh,
            phases,
            opposite,
            summed,
            terms,
            ref overlaps,
            ref windows,
            matrix: (rows, columns),
        } = self;
        let from = &theory.nodes[x];
        let kernel = seen(&from.signal, summed, differences);
        let (mean, variance) = (weight.mean, (weight.square - weight.mean.powi(2)).max(0.0));
        // The middle of an image is greater and in more windows.
        let (edges, middle) = match windows {
            Some(windows) => from.edges.summed(windows),
            None => (
                from.edges.moved(&moves(&from.signal.axes, axes, sources)),
                1.0,
            ),
        };
        let left = windows.as_ref().map(|windows| {
            // What places have of their own, and what they have in common.
            let image = from.signal.axes.masks(2..from.signal.axes.rank());
            let common = kernel[image] / kernel[0];
            let known = if common.is_finite() { common } else { 0.0 };
            let common = known.clamp(0.0, 1.0);
            let (missing, part) = windows.left();
            let (own, rest) = ((1.0 - common) * middle, common * part);
            let all = (own + rest).max(f64::MIN_POSITIVE);
            Edges::mixed([(&edges, own / all), (&missing, rest / all)])
        });
        let means = averaged(&kernel, &from.signal.axes, summed);
        let old = |mask: Mask| old_mask(mask, sources);
        let made = (0..1 << sources.len()).map(|mask: Mask| {
            let apart = overlaps.iter().filter(|(atom, _)| mask & atom != 0);
            let common: f64 = apart.map(|(_, part)| part).product();
            let sign = if mask & opposite == 0 { 1.0 } else { -1.0 };
            let own = if mask & (fresh | phases) == 0 {
                sign * terms * middle * common * variance * kernel[old(mask)]
            } else {
                0.0
            };
            // What is not known times 0 is 0.
            match mean == 0.0 {
                true => own,
                false => own + (mean * terms).powi(2) * means[old(mask)],
            }
        });
        let signal = Signal {
            kernel: made.collect(),
            mean: mean * terms * from.signal.mean,
            axes: axes.clone(),
        };
        // Orthogonal rows keep lengths, as far as they span all directions.
        let strength = |of: f64, into: f64| match weight.is_orthogonal {
            true => (1.0 - into / of).max(0.0),
            false => 1.0,
        };
        let (forward, backward) = (strength(columns, rows), strength(rows, columns));
        let spread = if variance > 0.0 { 2.0 / rows } else { 0.0 };
        // Two windows are alike by chance: less, the more terms a sum has.
        let width = from.signal.axes.places(summed).max(1.0);
        // One matrix for many units, such as along tokens for each channel.
        let is_across = from.units & !summed != 0;
        let alike = match from.links.is_empty() || is_across {
            true => 1.0 / terms.max(1.0),
            false => from.alike * width / terms.max(width),
        };
        let (profile, sooner) = (from.profile.clone(), from.sooner.clone());
        let way = windows.clone().map_or(EdgeWay::Same, EdgeWay::Windows);
        let is_even = mean == 0.0 && differences.is_none() && opposite == 0;
        let turn = match (is_even, weight.is_orthogonal) {
            (true, false) => Turn::Independent,
            // Its windows have elements in common, to which several rows go.
            (true, true) if windows.is_none() => Turn::Orthogonal,
            _ => Turn::Unknown,
        };
        let keeps_places = opposite != 0 && windows.is_some();
        let back = self.back(&from.signal, signal.axes.elements(), weight, differences);
        let noise = noise_of(theory, x, differences);
        let (norm, apart) = theory.fresh_noise(&signal, fresh, alike, spread * forward, noise);
        let origin = if mean == 0.0 {
            Origin::Fresh(None)
        } else {
            Origin::Other
        };
        let mut node = Node::normal(signal, fresh, origin);
        (node.norm, node.apart) = (norm, apart);
        (node.alike, node.chance) = (alike + spread / 2.0 * forward, alike);
        node.seen = (mean == 0.0 && !is_across && phases == 0).then_some(Seen {
            chance: (alike - 1.0 / columns).max(0.0),
            keeps_places,
        });
        (node.profile, node.edges, node.left) = (profile, edges, left);
        (node.mixed, node.sooner) = (f64::from(is_across), sooner);
        node.links.push(Link {
            edges: way,
            turn,
            fresh: summed,
            own: BackNoise::product(columns, if variance > 0.0 { backward } else { 0.0 }),
            ..Link::plain(x, back)
        });
        Ok(theory.push(node))
    }

    /// The way of gradients back to a signal.
    fn back(
        self,
        from: &Signal,
        elements: f64,
        weight: WeightMoments,
        differences: Option<Differences>,
    ) -> impl Fn(&[f64]) -> Vec<f64> + 'static {
        let (mean, variance) = (weight.mean, (weight.square - weight.mean.powi(2)).max(0.0));
        let factor = elements / from.axes.elements() * self.terms;
        let (all, places) = (from.axes.all(), from.axes.places(self.summed));
        move |gradient| {
            let made = self.fresh | self.phases | self.opposite;
            let sums = averaged(gradient, &self.axes, made);
            let one = |mask: Mask| {
                let new = new_mask(mask & !self.summed, &self.sources);
                let apart = mask & self.summed;
                // Two halves of opposite sign pull in one direction where their gradients differ.
                let pulled = match self.opposite {
                    0 => gradient[new],
                    opposite => gradient[new] - gradient[new | opposite],
                };
                let own = match (apart, differences) {
                    (0, _) => variance * pulled,
                    (apart, Some(Differences::Pairs(pair))) if apart == pair => -variance * pulled,
                    (_, Some(Differences::Centred)) => -variance * pulled / (places - 1.0),
                    _ => 0.0,
                };
                let all = if mean == 0.0 {
                    0.0
                } else {
                    mean * mean * self.matrix.0 * sums[new]
                };
                factor * (own + all)
            };
            (0..=all).map(one).collect()
        }
    }
}

/// The kernel of what weights see of a signal.
fn seen(signal: &Signal, summed: Mask, differences: Option<Differences>) -> Vec<f64> {
    let apart = match differences {
        None => return signal.kernel.clone(),
        Some(Differences::Pairs(pair)) => pair,
        Some(Differences::Centred) => summed,
    };
    let kernel = signal.kernel.iter().enumerate();
    kernel
        .map(|(mask, k)| k - signal.kernel[mask | apart])
        .collect()
}

/// The fluctuations of what weights see of a signal.
fn noise_of(
    theory: &mut Theory,
    x: SignalId,
    differences: Option<Differences>,
) -> (NoiseId, NoiseId) {
    let from = &theory.nodes[x];
    let own = (from.norm, from.apart);
    let Some((differences, form)) = differences.zip(from.forms.first()) else {
        return own;
    };
    let root = &theory.nodes[form.root];
    match differences {
        // f(x) - f(-x) of a ReLU, a GELU or a SiLU is x itself.
        Differences::Pairs(_) if form.formula.is_odd_part_line() => (root.norm, root.apart),
        Differences::Pairs(_) => own,
        Differences::Centred => {
            let signal = &root.signal;
            let curve = form.formula.function();
            let curve = curve.and_then(|f| f.curve(signal.mean, signal.variance()).ok());
            let Some(curve) = curve else { return own };
            // What nearly linear functions add is what they do not follow.
            let follows = curve.spread_elasticity();
            let cosines = root.cosines(&signal.kernel, root.alike);
            let adds = 2.0 * (1.0 - follows * follows).max(0.0) * cosines / root.width();
            let norm = root.norm;
            (theory.noises.add(&[(norm, follows)], adds), own.1)
        }
    }
}
