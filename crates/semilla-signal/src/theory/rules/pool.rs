//! Means and greatest elements: pooling and reductions.

use std::rc::Rc;

use super::super::axes::{Axes, Mask, averaged, first_of, new_mask, viewed, without};
use super::super::edges::EdgeWay;
use super::super::node::{Form, Link, Node, Origin, Pull, SignalId};
use super::super::signal::Signal;
use super::super::state::{Gap, Known, Step, Theory};
use super::arithmetic::{affine, function};
use super::geometry::Geometry;
use super::image::flat;

/// `ReduceMean`, `ReduceSum` and global average pooling.
pub(super) fn reduce(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let rank = theory.signal(x).axes.rank();
    let operator = &*step.node.operator;
    let (axes, keeps) = match operator {
        "GlobalAveragePool" => ((2..rank).collect(), true),
        _ => (reduced_axes(step, rank)?, step.int("keepdims", 1) != 0),
    };
    let factor = match operator {
        "ReduceSum" => theory
            .signal(x)
            .axes
            .places(theory.signal(x).axes.masks(axes.clone())),
        _ => 1.0,
    };
    let made = mean(theory, x, &axes, keeps)?;
    Ok(Known::Signal(match factor {
        1.0 => made,
        factor => affine(theory, made, factor, 0.0),
    }))
}

/// `ReduceSumSquare`, and `ReduceL2`: the root of that.
pub(super) fn squares(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let axes = reduced_axes(step, theory.signal(x).axes.rank())?;
    let places = theory
        .signal(x)
        .axes
        .places(theory.signal(x).axes.masks(axes.clone()));
    let of_elements = |theory: &mut Theory, operator: &str, inputs: &[Option<Known>]| {
        let node = semilla::graph::Node::new(operator, &[], &[]);
        let opset = step.opset;
        let made = function(
            theory,
            &Step {
                node: &node,
                opset,
                inputs,
            },
        )?;
        made.ok_or_else(|| Gap("it is no function of one signal".to_owned()))
    };
    let taken = Some(Known::Signal(x));
    let Known::Signal(square) = of_elements(theory, "Mul", &[taken.clone(), taken])? else {
        return Gap::new("it squares no signal");
    };
    let mean = mean(theory, square, &axes, step.int("keepdims", 1) != 0)?;
    let sum = Known::Signal(affine(theory, mean, places, 0.0));
    match &*step.node.operator {
        "ReduceL2" => of_elements(theory, "Sqrt", &[Some(sum)]),
        _ => Ok(sum),
    }
}

fn reduced_axes(step: &Step<'_>, rank: usize) -> Result<Vec<usize>, Gap> {
    match step.list(1, "axes")? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|&axis| step.axis(axis, rank)).collect(),
        _ if step.int("noop_with_empty_axes", 0) != 0 => Ok(Vec::new()),
        _ => Ok((0..rank).collect()),
    }
}

/// The mean over axes.
fn mean(theory: &mut Theory, x: SignalId, over: &[usize], keeps: bool) -> Result<SignalId, Gap> {
    let from = &theory.nodes[x];
    let old = from.signal.axes.clone();
    let mask = old.masks(over.iter().copied());
    let (mut axes, mut sources) = (Vec::new(), Vec::new());
    for axis in 0..old.rank() {
        if over.contains(&axis) {
            axes.extend(keeps.then(Vec::new));
            continue;
        }
        let first = old.mask(axis).trailing_zeros() as usize;
        sources.extend((0..old.axis(axis).len()).map(|i| Some(first + i)));
        axes.push(old.axis(axis).to_vec());
    }
    let axes = Axes::new(axes).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    let signal = Signal {
        kernel: without(&from.signal.averaged(mask), mask),
        mean: from.signal.mean,
        axes,
    };
    let units = new_mask(from.units, &sources);
    let mut node = Node::normal(signal, units, Origin::Mean(x, mask));
    let square = from.forms.iter().find(|form| form.formula.is_square());
    node.gauge = square.map(|form| (form.root, mask));
    let places = old.places(mask);
    node.alike = from.alike;
    // Means over places of what one matrix mixed have one direction of it only: `4 / places` of the
    // products with all that was there before.
    let strays = 4.0 * from.mixed / places;
    let (norm, apart) = (from.norm, from.apart);
    node.norm = theory.noises.add(&[(norm, 1.0)], strays);
    node.apart = theory.noises.add(&[(apart, 1.0)], strays);
    let kept = first_of(&sources, old.count());
    node.links.push(Link::plain(x, move |gradient| {
        let each = viewed(gradient, &kept).into_iter();
        each.map(|g| g / (places * places)).collect()
    }));
    Ok(theory.push(node))
}

/// `AveragePool`: the mean of each window.
pub(super) fn average(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = flat(theory, step.signal(0)?)?;
    let kernel = step.node.ints("kernel_shape").unwrap_or_default();
    let geometry = Geometry::of(step, &theory.signal(x).axes, kernel)?;
    let from = &theory.nodes[x];
    let old = from.signal.axes.clone();
    let (axes, sources) = geometry.made(&old, old.axis(1).to_vec())?;
    // Pairs within a window, then pairs of windows: along each axis the mean of all stays.
    let mut moved_kernel = from.signal.kernel.clone();
    for (along, &window) in geometry.kernel.iter().enumerate() {
        let bit = old.mask(along + 2);
        if bit == 0 {
            continue;
        }
        let (places, windows) = (old.size(along + 2) as f64, geometry.count[along] as f64);
        let share = (window as f64).min(places);
        for mask in (0..moved_kernel.len()).filter(|mask| mask & bit == 0) {
            let (same, apart) = (moved_kernel[mask], moved_kernel[mask | bit]);
            let all = same / places + (1.0 - 1.0 / places) * apart;
            let within = same / share + (1.0 - 1.0 / share) * apart;
            moved_kernel[mask] = within;
            moved_kernel[mask | bit] = match windows > 1.0 {
                true => (all - within / windows) / (1.0 - 1.0 / windows),
                false => within,
            };
        }
    }
    let signal = Signal {
        kernel: viewed(&moved_kernel, &sources),
        mean: from.signal.mean,
        axes,
    };
    let size: f64 = geometry.kernel.iter().map(|&size| size as f64).product();
    let ratio = signal.axes.elements() / old.elements();
    let mut node = Node::normal(
        signal,
        new_mask(from.units, &sources),
        theory.moved_origin(x),
    );
    (node.alike, node.norm, node.apart) = (from.alike, from.norm, from.apart);
    let windows = Rc::new(geometry.windows());
    node.edges = from.edges.averaged(&windows);
    let places = first_of(&sources, old.count());
    node.links.push(Link {
        edges: EdgeWay::Windows(windows),
        ..Link::plain(x, move |gradient| {
            let each = viewed(gradient, &places).into_iter();
            each.map(|g| ratio / size * g).collect()
        })
    });
    Ok(Known::Signal(theory.push(node)))
}

/// `MaxPool` and `GlobalMaxPool`: the greatest of each window of a normal signal, or of a function
/// of one that rises.
pub(super) fn greatest(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let x = step.signal(0)?;
    let form = theory.nodes[x].forms.first().cloned().unwrap_or(Form {
        root: x,
        formula: theory.formulas.identity(),
    });
    if !form.formula.rises() {
        return Gap::new("it takes the greatest of a function that does not rise");
    }
    let root = flat(theory, form.root)?;
    let old = theory.signal(root).axes.clone();
    let kernel: Vec<i64> = match step.node.operator == "GlobalMaxPool" {
        true => (2..old.rank()).map(|axis| old.size(axis) as i64).collect(),
        false => step.node.ints("kernel_shape").unwrap_or_default().to_vec(),
    };
    let geometry = Geometry::of(step, &old, &kernel)?;
    let (axes, sources) = geometry.made(&old, old.axis(1).to_vec())?;
    let from = &theory.nodes[root];
    let (mean, variance) = (from.signal.mean, from.signal.variance());
    let correlations = from.signal.correlations();
    let spatial = old.masks(2..old.rank());
    // How alike the elements of a window are, and how many there are.
    let size: f64 = geometry.kernel.iter().map(|&size| size as f64).product();
    let others = averaged_apart(&correlations, &old, spatial);
    let within = others[0].clamp(0.0, 1.0);
    let size = (size * geometry.coverage()).max(1.0);
    let function = form.formula.function();
    let function = function.ok_or_else(|| Gap("it is a function without expectations".into()))?;
    let peak = Peak::of(&function, (mean, variance), size, within)
        .ok_or_else(|| Gap("it is a function without expectations".to_owned()))?;
    // Windows apart have no place in common; those of two samples or units are alike place by place.
    let likeness = |mask: Mask| match mask {
        0 => 1.0,
        mask if mask & spatial != 0 => peak.likeness(correlations[mask], 0.0),
        mask => peak.likeness(others[mask], correlations[mask] - others[mask]),
    };
    let masks = 0..correlations.len();
    let made: Vec<f64> = masks.map(|mask| peak.product(likeness(mask))).collect();
    let signal = Signal {
        kernel: viewed(&made, &sources),
        mean: peak.mean,
        axes,
    };
    let mut node = Node::normal(signal, new_mask(from.units, &sources), Origin::Other);
    (node.alike, node.norm, node.apart) = (from.alike, from.norm, from.apart);
    node.is_positive = form.formula.is_positive();
    let is_normalized = from.is_normalized;
    let windows = Rc::new(geometry.windows());
    // Of fewer places at a border the greatest is less: how much that tells is not followed.
    if geometry.coverage() >= 1.0 {
        node.edges = from.edges.averaged(&windows);
    }
    let ratio = node.signal.axes.elements() / old.elements();
    let (slopes, places) = (peak.slope_square, first_of(&sources, old.count()));
    // The greatest places get the gradients.
    let part = move |mask: Mask| match mask & spatial {
        0 => ratio,
        _ => ratio * ratio,
    };
    let pull: Rc<[f64]> = (0..correlations.len())
        .map(|mask| part(mask) * peak.pull(likeness(mask)))
        .collect();
    let taken = places.clone();
    let back = move |gradient: &[f64]| {
        let each = viewed(gradient, &places).into_iter().enumerate();
        each.map(|(mask, g)| part(mask) * slopes * g).collect()
    };
    node.links.push(Link {
        edges: EdgeWay::Windows(windows),
        pull: match is_normalized {
            true => Pull::Greatest(pull, taken.into()),
            false => Pull::Apart,
        },
        ..Link::plain(root, back)
    });
    Ok(Known::Signal(theory.push(node)))
}

/// A kernel averaged over pairs along some atoms that are not equal in all of them.
fn averaged_apart(kernel: &[f64], axes: &Axes, over: Mask) -> Vec<f64> {
    let same = 1.0 / axes.places(over);
    let all = averaged(kernel, axes, over);
    let apart = all.iter().zip(kernel).map(|(all, own)| match same < 1.0 {
        true => (all - same * own) / (1.0 - same),
        false => *own,
    });
    apart.collect()
}

/// Moments of a rising function of the greatest of several normal numbers.
struct Peak {
    mean: f64,
    square: f64,
    slope_square: f64,
    /// Of x f'(x), at the greatest x: the mean and the mean square.
    pulls: [f64; 2],
    /// The part of the variance that follows the correlation itself; the rest follows its square.
    linear: f64,
    /// The correlation of two numbers of a window, and the correlations of greatest ones.
    within: f64,
    tops: Tops,
}

/// How alike the greatest of n independent standard normal numbers are, and of n others each of
/// which has the correlation c with its counterpart: `c/n + a c² + r cᵏ`.
///
/// The first two terms are those of the Hermite expansion, the third has the right variance at
/// c = 1 and the right slope there, 1: nearly equal numbers have the same greatest one.
struct Tops {
    first: f64,
    second: f64,
    rest: f64,
    degree: f64,
}

impl Tops {
    fn of(count: f64) -> Self {
        let (mut mean, mut square) = (0.0, 0.0);
        for (top, mass) in greatest_of(count) {
            mean += mass * top;
            square += mass * top * top;
        }
        let first = 1.0 / count;
        let second = match count > 1.0 {
            true => mean * mean / (2.0 * (count - 1.0)),
            false => 0.0,
        };
        let rest = (square - mean * mean - first - second).max(0.0);
        let degree = ((1.0 - first - 2.0 * second) / rest.max(1e-9)).clamp(3.0, 1e3);
        Self {
            first,
            second,
            rest,
            degree,
        }
    }

    fn at(&self, c: f64) -> f64 {
        let c = c.clamp(0.0, 1.0);
        c * (self.first + c * self.second) + self.rest * libm::pow(c, self.degree)
    }
}

impl Peak {
    /// Of `count` numbers of this mean and variance, each pair correlated by `within`.
    fn of(
        function: &semilla::activation::Function<'_>,
        (mean, variance): (f64, f64),
        count: f64,
        within: f64,
    ) -> Option<Self> {
        // What all share, and what each has of its own.
        let (shared, own) = (
            (within * variance).sqrt(),
            ((1.0 - within) * variance).sqrt(),
        );
        let mut sums = [0.0; 6];
        let tops = Tops::of(count);
        for (z, mass) in normal_nodes(if shared > 0.0 { 24 } else { 1 }) {
            for (top, weight) in greatest_of(count) {
                let x = mean + shared * z + own * top;
                let [value, slope] = function.at(x);
                let pull = x * slope;
                let terms = [
                    value,
                    value * value,
                    slope * slope,
                    slope,
                    pull,
                    pull * pull,
                ];
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += mass * weight * term;
                }
            }
        }
        let [first, square, slope_square, slope, pull, pull_square] = sums;
        let linear = slope * slope * variance * (within + (1.0 - within) * tops.at(1.0));
        Some(Self {
            mean: first,
            square,
            slope_square,
            pulls: [pull, pull_square],
            linear: linear.min(square - first * first).max(0.0),
            within,
            tops,
        })
        .filter(|peak| peak.square.is_finite())
    }

    /// The correlation of the greatest of two windows whose numbers at other places have this
    /// correlation, and at the same place one that is greater by `more`.
    fn likeness(&self, others: f64, more: f64) -> f64 {
        let free = 1.0 - self.within;
        let own = match free > 1e-12 {
            true => free * self.tops.at(more / free),
            false => 0.0,
        };
        let all = self.within + free * self.tops.at(1.0);
        ((others + own) / all).clamp(-1.0, 1.0)
    }

    /// Of two windows whose greatest have a correlation.
    fn product(&self, c: f64) -> f64 {
        let rest = self.square - self.mean * self.mean - self.linear;
        self.mean * self.mean + self.linear * c + rest * c * c
    }

    /// The same of x f'(x).
    fn pull(&self, c: f64) -> f64 {
        let [mean, square] = self.pulls;
        mean * mean + (square - mean * mean) * c
    }
}

/// Places and weights for expectations of a standard normal number.
fn normal_nodes(count: usize) -> Vec<(f64, f64)> {
    if count == 1 {
        return vec![(0.0, 1.0)];
    }
    let step = 10.0 / (count - 1) as f64;
    let places: Vec<f64> = (0..count).map(|i| -5.0 + step * i as f64).collect();
    let total: f64 = places.iter().map(|z| libm::exp(-0.5 * z * z)).sum();
    places
        .into_iter()
        .map(|z| (z, libm::exp(-0.5 * z * z) / total))
        .collect()
}

/// Places and weights for expectations of the greatest of `count` standard normal numbers: by its
/// distribution function Φⁿ.
fn greatest_of(count: f64) -> Vec<(f64, f64)> {
    const CELLS: usize = 240;
    let at = |i: usize| -6.0 + 12.0 * i as f64 / CELLS as f64;
    let below = |z: f64| (0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)).powf(count);
    let mut last = 0.0;
    let mut found = Vec::with_capacity(CELLS);
    for i in 0..CELLS {
        let next = if i + 1 == CELLS {
            1.0
        } else {
            below(at(i + 1))
        };
        found.push((0.5 * (at(i) + at(i + 1)), next - last));
        last = next;
    }
    found.retain(|(_, mass)| *mass > 1e-12);
    found
}

#[cfg(test)]
mod tests {
    use semilla::activation::{Activation, Function};

    use super::*;

    /// Means of the greatest of n normal numbers (Tippett 1925): 0.56419 of 2, 1.02938 of 4,
    /// 1.48501 of 9.
    #[test]
    fn the_greatest_of_several() {
        let linear = Function::from(Activation::Linear);
        for (count, mean) in [(2.0, 0.56419), (4.0, 1.02938), (9.0, 1.48501)] {
            let peak = Peak::of(&linear, (0.0, 1.0), count, 0.0).unwrap();
            assert!((peak.mean - mean).abs() < 2e-4, "{count}: {}", peak.mean);
        }
        let one = Peak::of(&linear, (0.0, 4.0), 4.0, 1.0).unwrap();
        assert!(
            one.mean.abs() < 1e-9 && (one.square - 4.0).abs() < 0.02,
            "{}",
            one.square
        );
        // Two of two: (1 - 1/π) at 1; of many nearly equal ones the same is the greatest.
        let tops = Tops::of(2.0);
        assert!((tops.at(1.0) - (1.0 - std::f64::consts::FRAC_1_PI)).abs() < 2e-3);
        let many = Tops::of(9.0);
        let slope = (many.at(1.0) - many.at(0.999)) / 0.001;
        assert!((slope - 1.0).abs() < 0.01, "{slope}");
        // A ReLU lets the greatest of four pass unless all are below 0.
        let relu = Function::from(Activation::Relu);
        let peak = Peak::of(&relu, (0.0, 1.0), 4.0, 0.0).unwrap();
        assert!((peak.slope_square - 15.0 / 16.0).abs() < 1e-9);
    }
}
