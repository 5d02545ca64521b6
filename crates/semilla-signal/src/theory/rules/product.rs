//! Sums over products: of a signal with weights, and of two signals.

use std::cell::Cell;
use std::rc::Rc;

use super::super::axes::{Axes, Mask};
use super::super::node::{Link, Node, Origin, Rough, Row, SignalId};
use super::super::signal::Signal;
use super::super::spread::Noises;
use super::super::state::{Gap, Known, Step, Theory, Weight};
use super::arithmetic::{add_weight, constant};
use super::linear::{Linear, Units, in_halves};

/// `MatMul`.
pub(super) fn matmul(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    match (step.input(0), step.input(1)) {
        (Some(&Known::Signal(x)), Some(Known::Weight(weight))) => {
            with_weight(theory, x, weight, true)
        }
        (Some(Known::Weight(weight)), Some(&Known::Signal(x))) => {
            with_weight(theory, x, weight, false)
        }
        (Some(&Known::Signal(a)), Some(&Known::Signal(b))) => of_signals(theory, a, b),
        (Some(Known::Constant(array)), Some(Known::Weight(weight))) => {
            let x = constant(theory, array)?;
            with_weight(theory, x, weight, true)
        }
        _ => Gap::new("it multiplies with numbers that are no weight"),
    }
    .map(Known::Signal)
}

/// A signal times a matrix, or a matrix for each index of leading axes.
fn with_weight(
    theory: &mut Theory,
    x: SignalId,
    weight: &Weight,
    is_right: bool,
) -> Result<SignalId, Gap> {
    let rank = theory.signal(x).axes.rank();
    let (leading, sizes) = match *weight.shape {
        [] => return Gap::new("its weight is a single number"),
        [size] if is_right => (&[][..], [size, 1]),
        [size] => (&[][..], [1, size]),
        [ref leading @ .., a, b] => (leading, [a, b]),
    };
    let (inner, outer) = if is_right {
        (sizes[0], sizes[1])
    } else {
        (sizes[1], sizes[0])
    };
    // Its axes along which it sums, and that of what it makes; a list has one only.
    let first = leading.len();
    let places = match (weight.shape.len(), is_right) {
        (1, _) => (0, 1),
        (_, true) => (first, first + 1),
        (_, false) => (first + 1, first),
    };
    let summed = match (is_right, rank) {
        (_, 0) => return Gap::new("it takes a single number"),
        (true, rank) => rank - 1,
        (false, 1) => 0,
        (false, rank) => rank - 2,
    };
    if theory.signal(x).axes.size(summed) != inner {
        return Gap::new("its shapes do not fit");
    }
    let pattern = weight.moments.pattern;
    let is_paired = pattern.is_mirrored(places.0);
    let x = if is_paired {
        in_halves(theory, x, summed)?
    } else {
        x
    };
    let axes = &theory.signal(x).axes;
    if !leading.is_empty() {
        let first = rank.checked_sub(2 + leading.len());
        let fits = first.is_some_and(|first| {
            (leading.iter().enumerate()).all(|(i, &size)| size == 1 || axes.size(first + i) == size)
        });
        if !fits {
            return Gap::new("its weight has axes that the signal does not have");
        }
    }
    let units = Units::of(outer, pattern.is_mirrored(places.1))?;
    let (mut made, mut sources, mut fresh, mut opposite) = (Vec::new(), Vec::new(), 0, 0);
    for axis in 0..rank {
        let is_led = leading.len() + 2 + axis >= rank && axis + 2 < rank;
        if axis == summed {
            let masks = units.masks(sources.len());
            (fresh, opposite) = (fresh | masks.0, masks.1);
            sources.extend(units.atoms.iter().map(|_| None));
            made.push(units.atoms.clone());
            continue;
        }
        let mask = axes.mask(axis);
        let own = if is_led {
            leading[axis + 2 + leading.len() - rank]
        } else {
            1
        };
        for i in 0..axes.axis(axis).len() {
            if own > 1 {
                fresh |= 1 << sources.len();
            }
            sources.push(Some(mask.trailing_zeros() as usize + i));
        }
        made.push(axes.axis(axis).to_vec());
    }
    if weight.shape.len() == 1 {
        made.remove(summed);
    }
    let linear = Linear {
        axes: Axes::new(made).ok_or_else(|| Gap("it has too many axes".to_owned()))?,
        sources,
        fresh,
        phases: 0,
        opposite,
        summed: axes.mask(summed),
        terms: inner as f64,
        overlaps: Vec::new(),
        windows: None,
        matrix: (
            units.rows(),
            inner as f64 / if is_paired { 2.0 } else { 1.0 },
        ),
    };
    let made = linear.apply(theory, x, weight.moments, places)?;
    if let Some(name) = &weight.name {
        tied(theory, x, made, name, (inner as f64, outer as f64))?;
    }
    Ok(made)
}

/// A head whose weight is the table of words (Press and Wolf 2017): the logit of the word that a
/// signal began with is its product with itself.
fn tied(
    theory: &mut Theory,
    x: SignalId,
    made: SignalId,
    name: &str,
    (inner, outer): (f64, f64),
) -> Result<(), Gap> {
    let tables = theory.tables.iter().filter(|(table, _)| table == name);
    if theory.has_restarted && tables.clone().next().is_some() {
        return Gap::new("its weight is the table of words, which are lost on the way");
    }
    let with = |&(_, rows): &(String, SignalId)| theory.cross(x, rows).map_or(0.0, |k| k[0]);
    let own: f64 = tables.map(with).sum::<f64>() * inner;
    let logits = &mut theory.nodes[made].signal;
    logits.mean += own / outer;
    logits.kernel[0] += own * own / outer;
    Ok(())
}

/// `Gemm`.
pub(super) fn gemm(theory: &mut Theory, step: &Step<'_>) -> Result<Known, Gap> {
    let transposed = |name: &str| step.int(name, 0) != 0;
    let alpha = step.float("alpha", 1.0);
    let turned = |weight: &Weight, is_turned: bool| {
        let mut weight = weight.clone();
        if is_turned {
            weight.shape.reverse();
            let order: Vec<usize> = (0..weight.shape.len()).rev().collect();
            weight.moments = weight.moments.transposed(&order);
        }
        weight.moments = weight.moments.scaled(alpha);
        weight
    };
    let made = match (step.input(0), step.input(1)) {
        (Some(&Known::Signal(x)), Some(Known::Weight(weight))) if !transposed("transA") => {
            with_weight(theory, x, &turned(weight, transposed("transB")), true)?
        }
        (Some(Known::Weight(weight)), Some(&Known::Signal(x))) if !transposed("transB") => {
            with_weight(theory, x, &turned(weight, transposed("transA")), false)?
        }
        _ => return Gap::new("it has another form than a signal times a weight"),
    };
    match step.input(2) {
        None => Ok(Known::Signal(made)),
        Some(Known::Weight(bias)) => {
            let moments = bias.moments.scaled(step.float("beta", 1.0));
            add_weight(theory, made, &bias.shape, moments).map(Known::Signal)
        }
        Some(_) => Gap::new("what it adds is no weight"),
    }
}

/// The product of two signals: scores of queries and keys, mixtures of values.
fn of_signals(theory: &mut Theory, a: SignalId, b: SignalId) -> Result<SignalId, Gap> {
    if theory.is_related(a, b) {
        return Gap::new("it multiplies a signal with a function of the same signal");
    }
    let (first, second) = (&theory.nodes[a], &theory.nodes[b]);
    let (x, y) = (&first.signal, &second.signal);
    let (rank_a, rank_b) = (x.axes.rank(), y.axes.rank());
    if rank_a < 2 || rank_b < 2 {
        return Gap::new("it multiplies vectors");
    }
    let product =
        Pairing::of(&x.axes, &y.axes).ok_or_else(|| Gap("its shapes do not fit".into()))?;
    let terms = product.terms();
    // Places that are alike by chance, or as the same word, have like shares and like values.
    let chance = first.chance.min(second.chance);
    let follows = |mask: Mask| {
        first
            .steep
            .as_ref()
            .map_or(0.0, |steep| chance * steep[mask])
    };
    let mut kernel = product.made(&x.kernel, &y.kernel, follows);
    let mixtures = first.rows.as_ref().map(|rows| Mixtures {
        rows,
        apart: product.apart(&y.kernel),
        sooner: second
            .sooner
            .as_deref()
            .filter(|own| own.len() == rows.len()),
    });
    if let Some(mixtures) = &mixtures {
        kernel[0] += mixtures.more();
    }
    let signal = Signal {
        mean: terms * x.mean * y.mean,
        axes: product.axes.clone(),
        kernel,
    };
    let units = product.new_units(first.units, second.units);
    let shares = [(first.norm, 1.0), (second.norm, 1.0)];
    let apart = [(second.apart, 1.0)];
    let alike = first.alike + second.alike;
    let second_uneven = second.uneven;
    let profile = mixtures.map(|mixtures| mixtures.squares(y.kernel[0], follows(0)));
    let rows = first.rows.clone();
    let (to_a, to_b) = (product.clone(), product);
    let (of_x, of_y) = (x.kernel.clone(), y.kernel.clone());
    // The gradients of scores are alike where values are, and so are the keys.
    let lift = Rc::new(Cell::new(0.0));
    let (lifted, of_keys) = (Rc::clone(&lift), second.chance);
    let links = vec![
        Link {
            shares: vec![(second.norm, 1.0)],
            // Rows stay rows.
            weights: rows.as_ref().map(|rows| rows.iter().map(|_| 1.0).collect()),
            ..Link::plain(a, move |g| {
                let mut found = to_a.back_to_first(g, &of_y);
                let factor = 1.0 + of_keys * lifted.get();
                found.iter_mut().for_each(|k| *k *= factor);
                found
            })
        },
        Link {
            shares: vec![(first.norm, 1.0)],
            rows,
            ..Link::plain(b, move |g| to_b.back_to_second(g, &of_x))
        },
    ];
    let mut node = Node::normal(signal, units, Origin::Other);
    // A row's products with many others have its own length.
    node.fourth = 3.0 * (1.0 + 2.0 / terms);
    node.norm = theory.noises.add(&shares, 0.0);
    node.apart = match theory.nodes[b].apart == Noises::NONE {
        true => node.norm,
        false => theory.noises.add(&apart, 0.0),
    };
    (node.alike, node.chance, node.lift) = (alike, of_keys, Some(lift));
    node.profile = profile;
    if node.profile.is_some() {
        // Each row has a mean of its own of the first places: with what differs there already,
        // means over pairs of places say little.
        node.own_rough = Rough {
            part: (second_uneven * terms).min(1.0),
            why: "behind a second causal attention, where places are not alike",
        };
        node.uneven = 1.0;
    }
    node.mixes = true;
    node.links = links;
    Ok(theory.push(node))
}

/// Mixtures of values by rows of masked attention.
struct Mixtures<'n> {
    rows: &'n [Row],
    /// `E v v'` of values at two places.
    apart: f64,
    /// For each row a factor on that, for the places that it sees.
    sooner: Option<&'n [f64]>,
}

impl Mixtures<'_> {
    fn apart(&self, row: usize) -> f64 {
        self.apart * self.sooner.map_or(1.0, |sooner| sooner[row])
    }

    /// What the factors add to the mean square of all rows.
    fn more(&self) -> f64 {
        let rows = self.rows.iter().enumerate();
        let each = rows.map(|(at, row)| (1.0 - row.share) * (self.apart(at) - self.apart));
        let sum: f64 = each.sum();
        if sum.is_finite() {
            sum / self.rows.len() as f64
        } else {
            0.0
        }
    }

    /// The mean square of each row, as parts of the mean. `follows` is the part of the square of
    /// values that those with like shares have in common.
    fn squares(&self, square: f64, follows: f64) -> Rc<[f64]> {
        let rows = self.rows.iter().enumerate();
        let of = |(at, row): (usize, &Row)| {
            row.share * square + (1.0 - row.share) * (self.apart(at) + follows * square)
        };
        let squares: Vec<f64> = rows.map(of).collect();
        let mean = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
        squares.iter().map(|square| square / mean).collect()
    }
}

/// Two signals multiplied as matrices: `[.., i, c]` and `[.., c, k]` to `[.., i, k]`. All atoms are
/// numbered in one list: those of what is made first, then those that are summed over.
#[derive(Clone)]
struct Pairing {
    axes: Axes,
    /// For each atom of the first, its number in the list of all.
    first: Vec<Mask>,
    second: Vec<Mask>,
    /// The sizes of all atoms.
    sizes: Vec<usize>,
    made: usize,
}

impl Pairing {
    fn of(a: &Axes, b: &Axes) -> Option<Self> {
        let (rank_a, rank_b) = (a.rank(), b.rank());
        let leading = |axes: &Axes, count: usize| {
            Axes::new((0..count).map(|axis| axes.axis(axis).to_vec()).collect())
        };
        let lead = leading(a, rank_a - 2)?.broadcast(&leading(b, rank_b - 2)?)?;
        let (rows, columns) = (a.axis(rank_a - 2), b.axis(rank_b - 1));
        let (inner_a, inner_b) = (a.axis(rank_a - 1), b.axis(rank_b - 2));
        let inner = match (inner_a.is_empty(), inner_b.is_empty()) {
            (true, true) => Axes::new(vec![vec![]])?.broadcast(&Axes::new(vec![vec![]])?)?,
            (false, false) => {
                let one = |atoms: &[usize]| Axes::new(vec![atoms.to_vec()]);
                one(inner_a)?.broadcast(&one(inner_b)?)?
            }
            _ => return None,
        };
        let leads = lead.axes.count();
        let made = leads + rows.len() + columns.len();
        let mut first = vec![0; a.count()];
        let mut second = vec![0; b.count()];
        for (new, source) in lead.first.iter().enumerate() {
            source.iter().for_each(|&atom| first[atom] |= 1 << new);
        }
        for (new, source) in lead.second.iter().enumerate() {
            source.iter().for_each(|&atom| second[atom] |= 1 << new);
        }
        let start_a = a.count() - inner_a.len() - rows.len();
        for i in 0..rows.len() {
            first[start_a + i] |= 1 << (leads + i);
        }
        let start_b = b.count() - inner_b.len() - columns.len();
        for (new, source) in inner.first.iter().enumerate() {
            first[start_a + rows.len() + (*source)?] |= 1 << (made + new);
        }
        for (new, source) in inner.second.iter().enumerate() {
            second[start_b + (*source)?] |= 1 << (made + new);
        }
        for i in 0..columns.len() {
            second[start_b + inner_b.len() + i] |= 1 << (leads + rows.len() + i);
        }
        let mut axes: Vec<Vec<usize>> = (0..lead.axes.rank())
            .map(|axis| lead.axes.axis(axis).to_vec())
            .collect();
        axes.push(rows.to_vec());
        axes.push(columns.to_vec());
        let axes = Axes::new(axes)?;
        let sizes: Vec<usize> = axes.atoms().chain(inner.axes.atoms()).collect();
        (sizes.len() <= 12).then_some(())?;
        Some(Self {
            first,
            second,
            made,
            axes,
            sizes,
        })
    }

    /// What the second kernel has at two places that are summed over.
    fn apart(&self, y: &[f64]) -> f64 {
        let inner = self.all() & !((1 << self.made) - 1);
        y[Self::operand(inner, &self.second)]
    }

    /// How many terms each sum has.
    fn terms(&self) -> f64 {
        self.sizes[self.made..]
            .iter()
            .map(|&size| size as f64)
            .product()
    }

    /// The mask of an operand for one of all atoms.
    fn operand(mask: Mask, atoms: &[Mask]) -> Mask {
        let apart = atoms
            .iter()
            .enumerate()
            .filter(|(_, all)| mask & **all != 0);
        apart.fold(0, |operand, (atom, _)| operand | 1 << atom)
    }

    /// How many pairs, for each element, are apart in just these of some atoms.
    fn pairs(&self, mask: Mask, among: Mask) -> f64 {
        let sizes = self
            .sizes
            .iter()
            .enumerate()
            .filter(|(atom, _)| among >> atom & 1 == 1);
        let counts = sizes.map(|(atom, &size)| match mask >> atom & 1 {
            1 => size as f64 - 1.0,
            _ => 1.0,
        });
        counts.product()
    }

    /// The sum over pairs along some atoms of what two kernels make of them.
    fn summed(&self, base: Mask, among: Mask, f: impl Fn(Mask) -> f64) -> f64 {
        let mut subset: Mask = 0;
        let mut sum = 0.0;
        loop {
            sum += self.pairs(subset, among) * f(base | subset);
            if subset == among {
                return sum;
            }
            subset = (subset.wrapping_sub(among)) & among;
        }
    }

    fn all(&self) -> Mask {
        (1 << self.sizes.len()) - 1
    }

    /// `follows` is what the first kernel takes over, by its mask, of what the second one has at
    /// places apart beyond its mean there.
    fn made(&self, x: &[f64], y: &[f64], follows: impl Fn(Mask) -> f64) -> Vec<f64> {
        let inner = self.all() & !((1 << self.made) - 1);
        let terms = self.terms();
        let of = |mask: Mask| {
            let product = |mask: Mask| {
                let first = Self::operand(mask, &self.first);
                let other = y[Self::operand(mask, &self.second)];
                let together = match mask & inner {
                    0 => 0.0,
                    _ => follows(first) * y[Self::operand(mask & !inner, &self.second)],
                };
                x[first] * (other + together)
            };
            terms * self.summed(mask, inner, product)
        };
        (0..1 << self.made).map(of).collect()
    }

    fn new_units(&self, first: Mask, second: Mask) -> Mask {
        let units = |units: Mask, atoms: &[Mask]| {
            let own = atoms
                .iter()
                .enumerate()
                .filter(|(atom, _)| units >> atom & 1 == 1);
            own.fold(0, |mask, (_, all)| mask | all)
        };
        (units(first, &self.first) | units(second, &self.second)) & ((1 << self.made) - 1)
    }

    /// The kernel of the gradient of one operand, from that of what is made and of the other
    /// operand: sums over the atoms that it does not have.
    fn back(&self, gradient: &[f64], other: &[f64], own: &[Mask], others: &[Mask]) -> Vec<f64> {
        let has = own.iter().fold(0, |mask, all| mask | all);
        let summed = self.all() & !has;
        let made = (1 << self.made) - 1;
        let terms: f64 = (self.sizes.iter().enumerate())
            .filter(|(atom, _)| summed >> atom & 1 == 1)
            .map(|(_, &size)| size as f64)
            .product();
        let of = |mask: Mask| {
            let base = own
                .iter()
                .enumerate()
                .filter(|(atom, _)| mask >> atom & 1 == 1);
            let base = base.fold(0, |all, (_, atoms)| all | atoms);
            terms
                * self.summed(base, summed, |mask| {
                    gradient[mask & made] * other[Self::operand(mask, others)]
                })
        };
        (0..1 << own.len()).map(of).collect()
    }

    fn back_to_first(&self, gradient: &[f64], y: &[f64]) -> Vec<f64> {
        self.back(gradient, y, &self.first, &self.second)
    }

    fn back_to_second(&self, gradient: &[f64], x: &[f64]) -> Vec<f64> {
        self.back(gradient, x, &self.second, &self.first)
    }
}
