//! Sums, products and functions of elements.

use std::rc::Rc;

use semilla::activation::Curve;

use super::super::axes::{Axes, Mask, averaged, first_of, mean_over, new_mask, viewed};
use super::super::edges::{EdgeWay, Edges};
use super::super::formula::{Argument, Formula, Formulas};
use super::super::node::{BackNoise, Form, Link, Node, Origin, Pull, Rough, SignalId, Turn};
use super::super::signal::Signal;
use super::super::state::{Gap, Known, Step, Theory, axes_of};
use super::super::weights::WeightMoments;
use crate::array::Array;

/// A term that is a smaller part of a sum leaves it as it is.
const NOTHING: f64 = 1e-8;
/// A signal of which a greater part is no sum of many terms is not taken for normal.
const MOST_BENT: f64 = 0.75;
/// What that is.
const BENT: &str =
    "behind an activation that takes mostly what another one made, which is not normal";
/// Places this near, as a part of what they are near to, tell a slope.
const NEAR: f64 = 0.01;
/// A denominator whose variance is a smaller part of its square than this is taken for a number.
const STEADY: f64 = 0.25;

/// The kernel of a weight that is repeated along the atoms that it does not have.
fn weight_kernel(moments: WeightMoments, sources: &[Option<usize>]) -> Vec<f64> {
    let own = sources
        .iter()
        .enumerate()
        .filter(|(_, source)| source.is_some());
    let own: Mask = own.fold(0, |mask, (atom, _)| mask | 1 << atom);
    let of = |mask: Mask| match mask & own {
        0 => moments.square,
        _ => moments.mean * moments.mean,
    };
    (0..1 << sources.len()).map(of).collect()
}

/// The shape of a parameter of the channels of a signal with so many axes.
pub(crate) fn of_channels(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut aligned = vec![1; rank - 1];
    aligned[0] = shape.iter().product();
    aligned
}

/// A signal plus a weight: a bias, positions.
pub(super) fn add_weight(
    theory: &mut Theory,
    x: SignalId,
    shape: &[usize],
    moments: WeightMoments,
) -> Result<SignalId, Gap> {
    if moments.square == 0.0 && theory.signal(x).axes.take(shape) {
        return Ok(x);
    }
    let from = &theory.nodes[x];
    let (own, made) = broadcast(&from.signal.axes, &axes_of(shape)?)?;
    let view = from.signal.viewed(made.clone(), &own.0);
    let added = weight_kernel(moments, &own.1);
    let cross = 2.0 * view.mean * moments.mean;
    let kernel: Vec<f64> = view
        .kernel
        .iter()
        .zip(&added)
        .map(|(k, w)| k + w + cross)
        .collect();
    let share = view.kernel[0] / kernel[0];
    let signal = Signal {
        axes: made.clone(),
        mean: view.mean + moments.mean,
        kernel,
    };
    let units = new_mask(from.units, &own.0);
    let new = move_noise(theory, x, &signal, units, share);
    let from = &theory.nodes[x];
    let mut node = Node::normal(signal, units, Origin::Affine(x, 1.0, moments.mean));
    node.fourth = from.fourth;
    node.take_chance(from, share);
    // What is added goes with the signal by chance, and with itself where it differs by place.
    let others = match (0..own.1.len()).any(|atom| own.1[atom].is_some() && units >> atom & 1 == 0)
    {
        true => 1.0 - share * share,
        false => 2.0 * share * (1.0 - share),
    };
    if moments.square > moments.mean * moments.mean {
        node.alike += others / node.width();
    }
    node.profile = from.profile.clone();
    node.sooner.clone_from(&from.sooner);
    node.edges = Edges::mixed([(&from.edges, share), (&Edges::default(), 1.0 - share)]);
    node.apart = from.apart;
    node.norm = new;
    node.links.push(Link::even(x, repeated(&own.0, &made)));
    Ok(theory.push(node))
}

/// The fluctuation of a mean square to which something that is the same for all pairs was added.
fn move_noise(
    theory: &mut Theory,
    x: SignalId,
    signal: &Signal,
    units: Mask,
    share: f64,
) -> super::super::spread::NoiseId {
    let from = &theory.nodes[x];
    let per_unit = 2.0 / signal.axes.places(units);
    let before = from.cosines(&from.signal.kernel, from.alike) * share * share;
    let after = super::super::node::cosines(
        &signal.kernel,
        &signal.axes,
        units,
        from.alike * share * share,
    );
    let own = match from.norm == super::super::spread::Noises::NONE {
        true => 0.0,
        false => per_unit * (after - before).max(0.0),
    };
    let parents = [(from.norm, share)];
    theory.noises.add(&parents, own)
}

/// A signal times a weight: scales.
pub(super) fn mul_weight(
    theory: &mut Theory,
    x: SignalId,
    shape: &[usize],
    moments: WeightMoments,
) -> Result<SignalId, Gap> {
    let from = &theory.nodes[x];
    let (own, made) = broadcast(&from.signal.axes, &axes_of(shape)?)?;
    let view = from.signal.viewed(made.clone(), &own.0);
    let factors = weight_kernel(moments, &own.1);
    let signal = Signal {
        axes: made.clone(),
        mean: view.mean * moments.mean,
        kernel: view
            .kernel
            .iter()
            .zip(&factors)
            .map(|(k, w)| k * w)
            .collect(),
    };
    let units = new_mask(from.units, &own.0);
    let mut node = Node::normal(signal, units, Origin::Affine(x, moments.mean, 0.0));
    node.fourth = from.fourth;
    node.take_chance(from, 1.0);
    (node.norm, node.apart) = (from.norm, from.apart);
    node.take_places(from);
    if moments.square == moments.mean * moments.mean {
        node.forms = lines(theory, x, moments.mean, 0.0);
    }
    let sum = repeated(&own.0, &made);
    let turn = match moments.square == moments.mean * moments.mean {
        true => Turn::Even,
        false => Turn::Unknown,
    };
    // w g of an element x is g of w x.
    let pull = match made == from.signal.axes {
        true => Pull::Same,
        false => Pull::Apart,
    };
    node.is_normalized = from.is_normalized && made == from.signal.axes;
    let back = move |gradient: &[f64]| {
        let scaled: Vec<f64> = gradient.iter().zip(&factors).map(|(g, w)| g * w).collect();
        sum(&scaled)
    };
    node.links.push(Link {
        turn,
        pull,
        ..Link::plain(x, back)
    });
    Ok(theory.push(node))
}

/// A signal times a number, plus a number.
pub(super) fn affine(theory: &mut Theory, x: SignalId, factor: f64, term: f64) -> SignalId {
    if (factor, term) == (1.0, 0.0) {
        return x;
    }
    let from = &theory.nodes[x];
    let signal = from.signal.affine(factor, term);
    let share = factor * factor * from.signal.square() / signal.square();
    let mut node = Node::normal(signal, from.units, Origin::Affine(x, factor, term));
    (node.fourth, node.apart) = (from.fourth, from.apart);
    node.take_chance(from, 1.0);
    node.take_places(from);
    node.gauge = from.gauge;
    node.forms = lines(theory, x, factor, term);
    let parents = [(
        theory.nodes[x].norm,
        if share.is_finite() { share } else { 0.0 },
    )];
    node.norm = theory.noises.add(&parents, 0.0);
    node.links.push(Link::even(x, move |gradient| {
        gradient.iter().map(|g| factor * factor * g).collect()
    }));
    theory.push(node)
}

/// The forms of a line of a signal: those of the signal, and the signal itself.
fn lines(theory: &Theory, x: SignalId, factor: f64, term: f64) -> Vec<Form> {
    let line = |formula: Formula| line_of(&theory.formulas, formula, factor, term);
    let own = std::iter::once(Form {
        root: x,
        formula: theory.formulas.identity(),
    });
    let all = own.chain(theory.nodes[x].forms.iter().cloned());
    all.filter_map(|form| {
        Some(Form {
            root: form.root,
            formula: line(form.formula)?,
        })
    })
    .collect()
}

fn line_of(formulas: &Formulas, formula: Formula, factor: f64, term: f64) -> Option<Formula> {
    let node = |operator: &str| semilla::graph::Node::new(operator, &[], &[]);
    let scaled = formulas.of(
        &node("Mul"),
        i64::MAX,
        vec![Argument::Formula(formula), Argument::Number(factor)],
    )?;
    formulas.of(
        &node("Add"),
        i64::MAX,
        vec![Argument::Formula(scaled), Argument::Number(term)],
    )
}

/// The axes that two broadcast to, and the sources of their atoms.
type Sources = (Vec<Option<usize>>, Vec<Option<usize>>);

fn broadcast(a: &Axes, b: &Axes) -> Result<(Sources, Axes), Gap> {
    let both = a
        .broadcast(b)
        .ok_or_else(|| Gap("its shapes do not fit".to_owned()))?;
    Ok(((both.first, both.second), both.axes))
}

/// The way back to a signal that was repeated along atoms that it does not have: gradients add up.
pub(super) fn repeated(
    sources: &[Option<usize>],
    axes: &Axes,
) -> impl Fn(&[f64]) -> Vec<f64> + 'static {
    let count = sources.iter().flatten().max().map_or(0, |atom| atom + 1);
    let new: Mask = (sources.iter().enumerate())
        .filter(|(_, source)| source.is_none())
        .fold(0, |mask, (atom, _)| mask | 1 << atom);
    let (sources, axes) = (sources.to_vec(), axes.clone());
    let times = axes.places(new);
    move |gradient| {
        let summed = averaged(gradient, &axes, new);
        let of = |old: Mask| times * times * summed[new_mask(old, &sources)];
        (0..1 << count).map(of).collect()
    }
}

/// A function of each element, of one signal and numbers or of functions of one signal.
pub(super) fn function(theory: &mut Theory, step: &Step<'_>) -> Result<Option<Known>, Gap> {
    let Some(forms) = forms(theory, step) else {
        return Ok(None);
    };
    let first = &forms[0];
    if let Some((factor, term)) = first.formula.line() {
        return Ok(Some(Known::Signal(affine(
            theory, first.root, factor, term,
        ))));
    }
    // A ReLU of what is not below 0 anyway.
    if theory.nodes[first.root].is_positive && first.formula.keeps_positives() {
        return Ok(Some(Known::Signal(first.root)));
    }
    let function = first.formula.function();
    let function = function.ok_or_else(|| Gap("it is a function without expectations".into()))?;
    let root = first.root;
    let from = &theory.nodes[root].signal;
    let curve = match function.curve(from.mean, from.variance()) {
        Ok(curve) => curve,
        // The root of a mean square, which is never near where it has none.
        Err(_) if is_steady(from) => {
            let at = |x: f64| function.at(x)[0];
            let (value, apart) = (at(from.mean), NEAR * from.mean);
            let slope = (at(from.mean + apart) - at(from.mean - apart)) / (2.0 * apart);
            let term = value - slope * from.mean;
            if !(value.is_finite() && slope.is_finite()) {
                return Gap::new("it is a function that has no value there");
            }
            let made = affine(theory, root, slope, term);
            theory.nodes[made].forms = forms;
            return Ok(Some(Known::Signal(made)));
        }
        Err(error) => return Gap::new(error.to_string()),
    };
    let through = match step.input(0) {
        Some(&Known::Signal(id)) if theory.nodes[id].is_unchanged && id != root => Some(id),
        _ => None,
    };
    let made = curved(theory, root, through, &curve, forms);
    theory.nodes[made].gauge = theory.nodes[root].gauge;
    Ok(Some(Known::Signal(made)))
}

/// What a function makes of a normal signal. Gradients go straight back to that, or through a
/// signal in between.
fn curved(
    theory: &mut Theory,
    root: SignalId,
    through: Option<SignalId>,
    curve: &Curve,
    forms: Vec<Form>,
) -> SignalId {
    let from = &theory.nodes[root];
    let correlations = from.signal.correlations();
    let signal = Signal {
        axes: from.signal.axes.clone(),
        mean: curve.mean,
        kernel: correlations.iter().map(|&c| product(curve, c)).collect(),
    };
    let (units, width) = (from.units, from.width());
    let mut node = Node::normal(signal, units, Origin::Other);
    node.fourth = curve.square_product(1.0) / (curve.square * curve.square);
    // Shares of what is above it, and what the function adds to it.
    let elasticity = curve.elasticity();
    let centre = from.signal.variance() / from.signal.square();
    let pairs = |f: &dyn Fn(f64) -> f64| {
        let rest = from.signal.axes.all() & !units;
        mean_over(&from.signal.axes, rest, |mask| f(correlations[mask]))
    };
    let square = curve.square * curve.square;
    let all = pairs(&|c| curve.square_product(c) / square - 1.0 - 2.0 * (elasticity * c).powi(2));
    let before = from.signal.square() - from.signal.across_samples();
    let after = node.signal.square() - node.signal.across_samples();
    let c = 1.0 - before / from.signal.variance();
    let follows = match before > 0.0 && after > 0.0 {
        true => curve.slope_product(c) * before / after,
        false => 1.0,
    };
    let total = c * (1.0 + curve.slope_elasticity()) + (1.0 - c) * curve.spread_elasticity();
    let common = curve.slope_square_product(1.0) / (curve.slope_square * curve.slope_square) - 1.0;
    let samples = from.signal.axes.places(from.signal.samples());
    let alone = curve.square_product(1.0) / square - 1.0 - 2.0 * elasticity * elasticity;
    let apart = common.max(0.0) * c * c + alone.max(0.0) / samples;
    let slope = curve.slope_product(c) * from.signal.variance() / curve.square;
    node.alike = from.alike * slope * slope;
    let own = BackNoise::function(curve, width, &correlations, &from.signal.axes, units);
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    let (norm, old_apart, slope_share) = (from.norm, from.apart, curve.slope_elasticity());
    let parents = [
        (old_apart, finite(follows)),
        (norm, finite(total - follows)),
    ];
    node.apart = theory.noises.add(&parents, finite(apart) / width);
    node.norm = theory.noises.add(
        &[(norm, finite(elasticity / centre.max(1e-9)))],
        finite(all) / width,
    );
    node.edges = from.edges.to_the(elasticity);
    // What is no sum of many terms is taken for one: that tells where it is nearly all there is.
    if from.bent > MOST_BENT {
        node.own_rough = Rough {
            part: from.bent,
            why: BENT,
        };
    }
    let pull = match from.is_normalized {
        true => Pull::Function(
            correlations
                .iter()
                .map(|&c| curve.pull_product(c))
                .collect(),
        ),
        false => Pull::Apart,
    };
    node.bent = 1.0;
    node.is_positive = forms[0].formula.is_positive();
    node.forms = forms;
    let slopes: Vec<f64> = correlations
        .iter()
        .map(|&c| slope_product(curve, c))
        .collect();
    node.links.push(Link {
        shares: vec![(norm, slope_share)],
        own,
        turn: Turn::Slopes(common + 1.0),
        pull,
        aims: through.map(|_| root),
        ..Link::plain(through.unwrap_or(root), move |gradient| {
            gradient
                .iter()
                .zip(&slopes)
                .map(|(g, slope)| g * slope)
                .collect()
        })
    });
    theory.push(node)
}

fn product(curve: &Curve, c: f64) -> f64 {
    match () {
        () if c.is_nan() => f64::NAN,
        () if c >= 1.0 => curve.square,
        () => curve.product(c),
    }
}

fn slope_product(curve: &Curve, c: f64) -> f64 {
    match () {
        () if c.is_nan() => f64::NAN,
        () if c >= 1.0 => curve.slope_square,
        () => curve.slope_product(c),
    }
}

/// The forms of what a node makes, if all that it takes are functions of one signal and numbers.
fn forms(theory: &Theory, step: &Step<'_>) -> Option<Vec<Form>> {
    let mut signals: Vec<SignalId> = Vec::new();
    for input in step.inputs.iter().flatten() {
        match input {
            Known::Signal(id) if signals.contains(id) => {}
            Known::Signal(id) => signals.push(*id),
            known => {
                number(known)?;
            }
        }
    }
    // A normal signal is the function of itself that changes nothing.
    let of = |id: SignalId| -> Vec<Form> {
        let node = &theory.nodes[id];
        let own = Form {
            root: id,
            formula: theory.formulas.identity(),
        };
        let is_bent = |form: &&Form| form.formula.line().is_none();
        let bent: Vec<Form> = node.forms.iter().filter(is_bent).cloned().collect();
        match bent.is_empty() {
            false => bent,
            true => std::iter::once(own)
                .chain(node.forms.iter().cloned())
                .collect(),
        }
    };
    let all: Vec<(SignalId, Vec<Form>)> = signals.iter().map(|&id| (id, of(id))).collect();
    let roots: Vec<SignalId> = all.first()?.1.iter().map(|form| form.root).collect();
    let find = |id: SignalId, root: SignalId| {
        let (_, forms) = all.iter().find(|(known, _)| *known == id)?;
        forms
            .iter()
            .find(|form| form.root == root)
            .map(|form| form.formula.clone())
    };
    let of_root = |root: SignalId| -> Option<Form> {
        let arguments: Option<Vec<Argument>> = (step.inputs.iter())
            .map(|input| match input {
                None => Some(Argument::Left),
                Some(Known::Signal(id)) => Some(Argument::Formula(find(*id, root)?)),
                Some(known) => Some(Argument::Number(number(known)?)),
            })
            .collect();
        Some(Form {
            root,
            formula: theory.formulas.of(step.node, step.opset, arguments?)?,
        })
    };
    let forms: Vec<Form> = roots.into_iter().filter_map(of_root).collect();
    (!forms.is_empty()).then_some(forms)
}

/// The one number that a value is.
pub(super) fn number(known: &Known) -> Option<f64> {
    let same = |values: &[f32]| {
        let first = *values.first()?;
        values
            .iter()
            .all(|&value| value == first)
            .then_some(f64::from(first))
    };
    match known {
        Known::Constant(array) => same(array.data()),
        Known::Whole(array) if array.data().len() == 1 => Some(array.data()[0] as f64),
        Known::Weight(weight) => {
            let WeightMoments { mean, square, .. } = weight.moments;
            let is_one = (square - mean * mean).abs() <= 1e-12 * square;
            is_one.then_some(mean)
        }
        _ => None,
    }
}

/// Numbers that are no single one, as a signal of their own.
pub(super) fn constant(theory: &mut Theory, array: &Array<f32>) -> Result<SignalId, Gap> {
    let signal = Signal::measured(array).ok_or_else(|| Gap("it has too many axes".to_owned()))?;
    let all = signal.axes.all();
    Ok(theory.push(Node::normal(signal, all, Origin::Other)))
}

/// `Add`, `Sub`, `Mul`, `Div` of a signal and something else.
pub(super) fn binary(theory: &mut Theory, step: &Step<'_>, operator: &str) -> Result<Known, Gap> {
    let (Some(a), Some(b)) = (step.input(0).cloned(), step.input(1).cloned()) else {
        return Gap::new("an input is missing");
    };
    let made = match (operator, &a, &b) {
        ("Add", Known::Signal(x), Known::Weight(w))
        | ("Add", Known::Weight(w), Known::Signal(x)) => {
            add_weight(theory, *x, &w.shape, w.moments)?
        }
        ("Sub", Known::Signal(x), Known::Weight(w)) => {
            add_weight(theory, *x, &w.shape, w.moments.scaled(-1.0))?
        }
        ("Mul", Known::Signal(x), Known::Weight(w))
        | ("Mul", Known::Weight(w), Known::Signal(x)) => {
            mul_weight(theory, *x, &w.shape, w.moments)?
        }
        _ => {
            let mut operand = |known: &Known| match known {
                Known::Signal(id) => Ok(*id),
                Known::Constant(array) => constant(theory, array),
                _ => Gap::new("it takes a weight in a way that theory has no rule for"),
            };
            let (x, y) = (operand(&a)?, operand(&b)?);
            match operator {
                "Add" => add(theory, x, y, 1.0)?,
                "Sub" => add(theory, x, y, -1.0)?,
                "Mul" => multiply(theory, x, y)?,
                _ => divide(theory, x, y)?,
            }
        }
    };
    Ok(Known::Signal(made))
}

/// Two signals under common axes.
fn together(theory: &Theory, a: SignalId, b: SignalId) -> Result<(Signal, Signal, Sources), Gap> {
    let (x, y) = (theory.signal(a), theory.signal(b));
    let (sources, axes) = broadcast(&x.axes, &y.axes)?;
    let (x, y) = (
        x.viewed(axes.clone(), &sources.0),
        y.viewed(axes, &sources.1),
    );
    Ok((x, y, sources))
}

/// `a + sign · b`.
fn add(theory: &mut Theory, a: SignalId, b: SignalId, sign: f64) -> Result<SignalId, Gap> {
    if let (Origin::Mean(of, over), true) = (theory.nodes[b].origin, sign < 0.0)
        && of == a
    {
        return Ok(super::centre::centre(theory, a, over));
    }
    let (x, y, sources) = together(theory, a, b)?;
    let same = theory.signal(a).axes == theory.signal(b).axes;
    for (other, one, nothing) in [(&y, a, b), (&x, b, a)] {
        let own = theory.signal(one).square();
        if same && other.kernel[0] <= NOTHING * own && (one == a || sign > 0.0) {
            return Ok(unchanged(theory, one, nothing));
        }
    }
    let cross = match same {
        true => theory.cross(a, b)?,
        false if theory.is_related(a, b) => {
            return Gap::new("it joins a signal with a function of the same signal");
        }
        false => vec![x.mean * y.mean; x.kernel.len()],
    };
    let means = x.mean * y.mean;
    let is_joined = cross
        .iter()
        .any(|c| (c - means).abs() > 1e-9 * (x.kernel[0] + y.kernel[0]));
    let kernel: Vec<f64> = (x.kernel.iter().zip(&y.kernel).zip(&cross))
        .map(|((x, y), c)| x + y + 2.0 * sign * c)
        .collect();
    let total = kernel[0];
    let signal = Signal {
        axes: x.axes.clone(),
        mean: x.mean + sign * y.mean,
        kernel,
    };
    let units =
        new_mask(theory.nodes[a].units, &sources.0) | new_mask(theory.nodes[b].units, &sources.1);
    let origin = match sign > 0.0 && same {
        true => Origin::Sum(a, b),
        false => Origin::Other,
    };
    let mut node = Node::normal(signal, units, origin);
    let finite = |x: f64| if x.is_finite() { x } else { 0.0 };
    let shares = [x.kernel[0] / total, y.kernel[0] / total].map(finite);
    let width = node.width();
    let of = [x.correlations(), y.correlations()];
    let rest = node.signal.axes.all() & !units;
    let both = mean_over(&node.signal.axes, rest, |mask| of[0][mask] * of[1][mask]);
    let own = finite(4.0 * shares[0] * shares[1] * both / width);
    let (first, second) = (&theory.nodes[a], &theory.nodes[b]);
    let differences = [&x, &y].map(|s| s.square() - s.across_samples());
    let sum = differences[0] + differences[1];
    let parts = differences.map(|d| finite(d / sum));
    let parents = [(first.norm, shares[0]), (second.norm, shares[1])];
    let apart = [(first.apart, parts[0]), (second.apart, parts[1])];
    // Each term is by chance like its own counterpart, and like the other's.
    let both = 2.0 * shares[0] * shares[1] / width;
    node.alike = shares[0].powi(2) * first.alike + shares[1].powi(2) * second.alike + both;
    for (term, share) in [(first, shares[0]), (second, shares[1])] {
        if term.lift.is_some() {
            (node.chance, node.lift) = (term.chance * share, term.lift.clone());
        }
    }
    node.norm = theory.noises.add(&parents, own);
    node.apart = theory.noises.add(&apart, own);
    node.edges = Edges::mixed([(&first.edges, shares[0]), (&second.edges, shares[1])]);
    node.profile = sum_of_profiles([first, second].map(|node| node.profile.as_deref()), shares);
    let axes = node.signal.axes.clone();
    let ways = [(a, &sources.0), (b, &sources.1)];
    node.links = ways
        .into_iter()
        .map(|(to, sources)| Link::even(to, repeated(sources, &axes)))
        .collect();
    if is_joined {
        // Gradients that come back by two ways are one, not two that go their own ways.
        for link in &mut node.links {
            link.back = Box::new(|gradient| vec![f64::NAN; gradient.len()]);
        }
    }
    Ok(theory.push(node))
}

/// A signal and a branch that is 0 so far, but has gradients.
fn unchanged(theory: &mut Theory, x: SignalId, branch: SignalId) -> SignalId {
    let from = &theory.nodes[x];
    let mut node = Node::normal(from.signal.clone(), from.units, Origin::Affine(x, 1.0, 0.0));
    (node.fourth, node.alike) = (from.fourth, from.alike);
    (node.norm, node.apart) = (from.norm, from.apart);
    node.take_places(from);
    node.forms = lines(theory, x, 1.0, 0.0);
    (node.is_positive, node.is_unchanged) = (from.is_positive, true);
    let same = |to: SignalId| Link::even(to, |gradient| gradient.to_vec());
    node.links = vec![same(x), same(branch)];
    theory.push(node)
}

/// The profile of a sum of which the terms are these parts; a term without one is even.
fn sum_of_profiles(profiles: [Option<&[f64]>; 2], shares: [f64; 2]) -> Option<Rc<[f64]>> {
    let len = profiles.iter().flatten().next()?.len();
    if profiles
        .iter()
        .flatten()
        .any(|profile| profile.len() != len)
    {
        return None;
    }
    let at = |profile: Option<&[f64]>, i: usize| profile.map_or(1.0, |profile| profile[i]);
    let sum = |i: usize| shares[0] * at(profiles[0], i) + shares[1] * at(profiles[1], i);
    Some((0..len).map(sum).collect())
}

/// `a · b` of signals that have nothing in common.
fn multiply(theory: &mut Theory, a: SignalId, b: SignalId) -> Result<SignalId, Gap> {
    let (x, y, sources) = together(theory, a, b)?;
    for (one, by, other) in [(a, b, &y), (b, a, &x)] {
        if let Some(over) = measures(theory, by, one)
            && is_steady(other)
        {
            return by_length(theory, one, over, other.mean);
        }
    }
    let is_related = theory.is_related(a, b);
    for (one, other) in [(a, &y), (b, &x)] {
        if is_related && is_steady(other) && theory.signal(one).axes == x.axes {
            return Ok(affine(theory, one, other.mean, 0.0));
        }
    }
    if is_related
        && !theory.cross(a, b).is_ok_and(|cross| {
            let means = x.mean * y.mean;
            cross
                .iter()
                .all(|c| (c - means).abs() <= 1e-9 * (x.kernel[0] * y.kernel[0]).sqrt())
        })
    {
        return Gap::new("it multiplies a signal with a function of the same signal");
    }
    let signal = Signal {
        axes: x.axes.clone(),
        mean: x.mean * y.mean,
        kernel: x.kernel.iter().zip(&y.kernel).map(|(x, y)| x * y).collect(),
    };
    let (first, second) = (&theory.nodes[a], &theory.nodes[b]);
    let units = new_mask(first.units, &sources.0) | new_mask(second.units, &sources.1);
    let mut node = Node::normal(signal, units, Origin::Other);
    node.fourth = first.fourth * second.fourth;
    let of = [x.correlations(), y.correlations()];
    let rest = node.signal.axes.all() & !units;
    let square = |mask: Mask| (of[0][mask] * of[1][mask]).powi(2);
    let pairs = mean_over(&node.signal.axes, rest, square);
    let own = (first.fourth - 1.0) * (second.fourth - 1.0) * pairs / node.width();
    let own = if own.is_finite() { own } else { 0.0 };
    let norms = [(first.norm, 1.0), (second.norm, 1.0)];
    // Samples differ in one, in the other or in both: a gate that is nearly the same for all adds
    // nothing of its own.
    let [both, second_only, first_only] = differences(&x, &y);
    let aparts = [
        (first.norm, second_only + both),
        (second.apart, second_only),
        (second.norm, first_only + both),
        (first.apart, first_only),
    ];
    let others = [second.norm, first.norm];
    node.norm = theory.noises.add(&norms, own);
    node.apart = theory.noises.add(&aparts, own);
    let axes = node.signal.axes.clone();
    let ways = [(a, &sources.0, y.kernel), (b, &sources.1, x.kernel)];
    node.links = ways
        .into_iter()
        .zip(others)
        .map(|((to, sources, other), norm)| {
            let sum = repeated(sources, &axes);
            Link {
                shares: vec![(norm, 1.0)],
                ..Link::plain(to, move |gradient| {
                    let scaled: Vec<f64> =
                        gradient.iter().zip(&other).map(|(g, o)| g * o).collect();
                    sum(&scaled)
                })
            }
        })
        .collect();
    Ok(theory.push(node))
}

/// Of the differences between samples of a product, the parts in which both factors differ, the
/// second one only, and the first only.
fn differences(x: &Signal, y: &Signal) -> [f64; 3] {
    let [of_x, of_y] = [x, y].map(|signal| {
        let common = signal.across_samples();
        [signal.square() - common, common]
    });
    let parts = [of_x[0] * of_y[0], of_x[1] * of_y[0], of_x[0] * of_y[1]];
    let all: f64 = parts.iter().sum();
    match all.is_finite() && all > 0.0 && parts.iter().all(|part| *part >= 0.0) {
        true => parts.map(|part| part / all),
        false => [1.0, 0.0, 0.0],
    }
}

/// Whether a signal is nearly one number.
fn is_steady(signal: &Signal) -> bool {
    signal.variance() <= STEADY * signal.mean * signal.mean
}

/// `a / b` where b is nearly a number, as the root of a mean square is.
fn divide(theory: &mut Theory, a: SignalId, b: SignalId) -> Result<SignalId, Gap> {
    let (x, y, _) = together(theory, a, b)?;
    if !is_steady(&y) || x.axes != theory.signal(a).axes {
        return Gap::new("it divides by what varies");
    }
    if let Some(over) = measures(theory, b, a) {
        return by_length(theory, a, over, 1.0 / y.mean);
    }
    Ok(affine(theory, a, 1.0 / y.mean, 0.0))
}

/// The atoms over whose mean square a signal is a function of another's, if it is one.
fn measures(theory: &Theory, gauge: SignalId, of: SignalId) -> Option<Mask> {
    let (known, over) = theory.nodes[gauge].gauge?;
    (known == of).then_some(over)
}

/// A signal times a number that follows its own length, so that the product does not.
fn by_length(theory: &mut Theory, x: SignalId, over: Mask, factor: f64) -> Result<SignalId, Gap> {
    let length = theory.signal(x).square().sqrt();
    let made = super::scaled::scaled(theory, x, over, 0.0)?;
    // Close to 1: exporters add an ε before they take the root.
    let left = factor * length;
    Ok(match (left - 1.0).abs() > 0.01 {
        true => affine(theory, made, left, 0.0),
        false => made,
    })
}

/// A signal under other axes.
pub(super) fn view(
    theory: &mut Theory,
    x: SignalId,
    axes: Axes,
    sources: &[Option<usize>],
) -> SignalId {
    let from = &theory.nodes[x];
    let moved = moves(&from.signal.axes, &axes, sources);
    let mut back_again: Vec<Option<usize>> = vec![None; from.signal.axes.rank()];
    for (new, old) in moved.iter().enumerate() {
        old.iter().for_each(|&old| back_again[old] = Some(new));
    }
    let signal = from.signal.viewed(axes, sources);
    let mut node = Node::normal(
        signal,
        new_mask(from.units, sources),
        theory.moved_origin(x),
    );
    node.fourth = from.fourth;
    node.take_chance(from, 1.0);
    (node.norm, node.apart) = (from.norm, from.apart);
    node.take_places(from);
    node.is_positive = from.is_positive;
    // Pairs that are apart in any part of an atom are in the atom.
    let back: Rc<[Option<usize>]> = first_of(sources, from.signal.axes.count()).into();
    let atoms = Rc::clone(&back);
    node.edges = from.edges.moved(&moved);
    node.is_normalized = from.is_normalized;
    node.links.push(Link {
        edges: EdgeWay::Moved(back_again),
        pull: Pull::Moved(atoms),
        ..Link::even(x, move |gradient| viewed(gradient, &back))
    });
    theory.push(node)
}

/// For each new axis the old one that it is, whole.
pub(super) fn moves(old: &Axes, new: &Axes, sources: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut first = 0;
    let of = |axis: usize| {
        let atoms = new.axis(axis).len();
        first += atoms;
        let source = sources.get(first - atoms).copied().flatten()?;
        let is_it = |old_axis: &usize| old.mask(*old_axis) == 1 << source;
        let found = (0..old.rank()).find(is_it)?;
        (atoms == 1 && old.size(found) == new.size(axis)).then_some(found)
    };
    (0..new.rank()).map(of).collect()
}
