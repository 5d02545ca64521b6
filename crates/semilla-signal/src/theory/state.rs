//! What is known while a graph is followed.

use std::collections::HashSet;
use std::sync::Arc;

use semilla::graph;

use super::axes::{Axes, averaged};
use super::concentration::Concentrations;
use super::formula::Formulas;
use super::node::{Node, Origin, Rough, SignalId, Turn, cosines};
use super::signal::Signal;
use super::spread::{NoiseId, Noises};
use super::weights::{Pattern, WeightMoments};
use crate::array::Array;

/// What theory knows of a value.
#[derive(Clone)]
pub(super) enum Known {
    /// Whole numbers.
    Whole(Arc<Array<i64>>),
    /// Numbers of a formula.
    Constant(Arc<Array<f32>>),
    /// A weight, or a part of one, in whatever form.
    Weight(Weight),
    /// What depends on the data.
    Signal(SignalId),
    /// Several values.
    List(Arc<Vec<Known>>),
    /// It depends on something that theory has no rule for. Its shape, where it is known.
    Lost(Option<Vec<usize>>),
}

/// A weight whose moments are known.
#[derive(Clone)]
pub(super) struct Weight {
    /// The tensor that it is all of, or of which it is a part.
    pub(super) name: Option<String>,
    pub(super) shape: Vec<usize>,
    pub(super) moments: WeightMoments,
}

impl Weight {
    /// Its moments, where what is made of it takes its elements for independent.
    pub(super) fn independent(&self) -> Result<WeightMoments, Gap> {
        match self.moments.pattern {
            Pattern::None => Ok(self.moments),
            Pattern::Mirrored(_) => Gap::new("it takes apart weights that come in pairs"),
            Pattern::Centred(_) => Gap::new("it takes apart weights that are centred together"),
        }
    }
}

/// Why there is no rule for a node.
#[derive(Debug)]
pub(super) struct Gap(pub(super) String);

impl Gap {
    pub(super) fn new<T>(why: impl Into<String>) -> Result<T, Gap> {
        Err(Gap(why.into()))
    }
}

/// A node with what it takes.
pub(super) struct Step<'a> {
    pub(super) node: &'a graph::Node,
    pub(super) opset: i64,
    pub(super) inputs: &'a [Option<Known>],
}

impl Step<'_> {
    pub(super) fn input(&self, place: usize) -> Option<&Known> {
        self.inputs.get(place)?.as_ref()
    }

    /// An input that must be there.
    pub(super) fn given(&self, place: usize) -> Result<&Known, Gap> {
        let input = self.input(place);
        input.ok_or_else(|| Gap("its input is missing".to_owned()))
    }

    pub(super) fn signal(&self, place: usize) -> Result<SignalId, Gap> {
        match self.input(place) {
            Some(Known::Signal(id)) => Ok(*id),
            _ => Gap::new(format!("its input {place} is no signal")),
        }
    }

    /// Whole numbers that an input gives, or an attribute.
    pub(super) fn list(&self, place: usize, attribute: &str) -> Result<Option<Vec<i64>>, Gap> {
        match self.input(place) {
            None => Ok(self.node.ints(attribute).map(<[i64]>::to_vec)),
            Some(Known::Whole(array)) => Ok(Some(array.data().to_vec())),
            Some(_) => Gap::new(format!("its {attribute} depends on the data")),
        }
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.node.int(name).unwrap_or(default)
    }

    pub(super) fn float(&self, name: &str, default: f64) -> f64 {
        self.node.float(name).map_or(default, f64::from)
    }

    /// An axis counted from either end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Gap> {
        let from_start = if axis < 0 { axis + rank as i64 } else { axis };
        let found = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
        found.ok_or_else(|| Gap(format!("it has no axis {axis}")))
    }
}

/// All signals found so far.
pub(super) struct Theory {
    pub(super) nodes: Vec<Node>,
    pub(super) noises: Noises,
    pub(super) formulas: Formulas,
    pub(super) concentrations: Concentrations,
    /// The rows that were taken of tables, by these weights' names.
    pub(super) tables: Vec<(String, SignalId)>,
    /// Whether it started again behind what it has no rule for.
    pub(super) has_restarted: bool,
}

/// Signals that are looked through for what two have in common.
const MOST_ANCESTORS: usize = 512;

impl Theory {
    pub(super) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            noises: Noises::new(),
            formulas: Formulas::new(),
            concentrations: Concentrations::default(),
            tables: Vec::new(),
            has_restarted: false,
        }
    }

    /// Keeps a signal. It is as uneven, as mixed and as roughly known as what it is made of.
    pub(super) fn push(&mut self, mut node: Node) -> SignalId {
        let is_sum = matches!(node.origin, Origin::Sum(..));
        let all = node.signal.square();
        let (mut uneven, mut rough) = (0.0f64, Rough::NONE);
        let mut mixed = 0.0f64;
        for link in &node.links {
            let from = &self.nodes[link.to];
            if is_sum {
                let share = from.signal.square() / all;
                let share = if share.is_finite() {
                    share.min(1.0)
                } else {
                    1.0
                };
                uneven += share * from.uneven;
                mixed += share * from.mixed;
                rough = rough.plus(from.rough.times(share));
                node.bent += share * from.bent;
            } else {
                uneven = uneven.max(from.uneven);
                rough = rough.max(from.rough);
                if let Turn::Even = link.turn {
                    node.bent = node.bent.max(from.bent);
                }
                mixed = mixed.max(from.mixed);
            }
        }
        node.uneven = node.uneven.max(uneven.min(1.0));
        node.mixed = node.mixed.max(mixed.min(1.0));
        node.rough = node.own_rough.max(rough);
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    pub(super) fn signal(&self, id: SignalId) -> &Signal {
        &self.nodes[id].signal
    }

    /// The axes of a value.
    pub(super) fn shape(&self, known: &Known) -> Option<Vec<usize>> {
        match known {
            Known::Whole(array) => Some(array.shape().to_vec()),
            Known::Constant(array) => Some(array.shape().to_vec()),
            Known::Weight(weight) => Some(weight.shape.clone()),
            Known::Signal(id) => Some(self.signal(*id).axes.shape()),
            Known::Lost(shape) => shape.clone(),
            Known::List(_) => None,
        }
    }

    /// The axes of a value that must have known ones.
    pub(super) fn known_shape(&self, known: &Known) -> Result<Vec<usize>, Gap> {
        let shape = self.shape(known);
        shape.ok_or_else(|| Gap("its shape is not known".to_owned()))
    }

    /// The fluctuations of a sum over random weights with this kernel, in as many units: of its
    /// mean square, and of the part of it by which samples differ.
    pub(super) fn fresh_noise(
        &mut self,
        signal: &Signal,
        units: usize,
        alike: f64,
        per_unit: f64,
        from: (NoiseId, NoiseId),
    ) -> (NoiseId, NoiseId) {
        let known = |value: f64| if value.is_nan() { 1.0 } else { value };
        let all = known(cosines(&signal.kernel, &signal.axes, units, alike));
        let apart = known(cosines(&centred(signal), &signal.axes, units, alike));
        (
            self.noises.add(&[(from.0, 1.0)], per_unit * all),
            self.noises.add(&[(from.1, 1.0)], per_unit * apart),
        )
    }

    /// `E x y` of two signals of the same axes, by mask.
    ///
    /// # Errors
    /// One depends on the other, or both on a third, in another way than by sums and factors.
    pub(super) fn cross(&self, a: SignalId, b: SignalId) -> Result<Vec<f64>, Gap> {
        let (late, early) = (a.max(b), a.min(b));
        if late == early {
            return Ok(self.signal(late).kernel.clone());
        }
        let means = self.signal(a).mean * self.signal(b).mean;
        let count = self.signal(a).kernel.len();
        let same_axes = |id: SignalId| self.signal(id).axes == self.signal(early).axes;
        match self.nodes[late].origin {
            Origin::Fresh(_) if !self.is_related(late, early) => return Ok(vec![means; count]),
            Origin::Sum(c, d) if same_axes(c) && same_axes(d) => {
                // The later term first: most sums are of one stream and something fresh.
                if !self.is_related(early, d) {
                    let mut sum = self.cross(early, c)?;
                    let more = self.signal(early).mean * self.signal(d).mean;
                    sum.iter_mut().for_each(|k| *k += more);
                    return Ok(sum);
                }
                let (first, second) = (self.cross(early, c)?, self.cross(early, d)?);
                return Ok(first.iter().zip(&second).map(|(x, y)| x + y).collect());
            }
            Origin::Affine(c, factor, term) if same_axes(c) => {
                let mean = self.signal(early).mean;
                let inner = self.cross(early, c)?;
                return Ok(inner.iter().map(|k| factor * k + term * mean).collect());
            }
            _ => {}
        }
        match self.is_related(late, early) {
            false => Ok(vec![means; count]),
            true => Gap::new("it joins a signal with a function of the same signal"),
        }
    }

    /// Whether two signals have something in common without random weights in between. Where that
    /// takes long to find out, they have.
    pub(super) fn is_related(&self, a: SignalId, b: SignalId) -> bool {
        let (Some(of_a), Some(of_b)) = (self.ancestors(a), self.ancestors(b)) else {
            return true;
        };
        !of_a.is_disjoint(&of_b)
    }

    /// A signal and all that it depends on up to random weights, these included. Ways through views
    /// lead to where the weights were met.
    fn ancestors(&self, id: SignalId) -> Option<HashSet<SignalId>> {
        let mut found = HashSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if !found.insert(id) {
                continue;
            }
            if found.len() > MOST_ANCESTORS {
                return None;
            }
            let node = &self.nodes[id];
            match node.origin {
                Origin::Fresh(source) => found.extend(source),
                _ => open.extend(node.links.iter().map(|link| link.to)),
            }
        }
        Some(found)
    }

    /// Whether a signal is a linear map of random weights of mean 0, in each of its terms.
    pub(super) fn is_fresh(&self, id: SignalId) -> bool {
        match self.nodes[id].origin {
            Origin::Fresh(_) => true,
            Origin::Affine(of, _, term) => term == 0.0 && self.is_fresh(of),
            Origin::Sum(a, b) => self.is_fresh(b) && self.is_fresh(a),
            Origin::Mean(..) | Origin::Other => false,
        }
    }

    /// The origin of the same elements under other axes.
    pub(super) fn moved_origin(&self, id: SignalId) -> Origin {
        match self.nodes[id].origin {
            Origin::Fresh(source) => Origin::Fresh(source.or(Some(id))),
            // A bias is added to what weights make.
            Origin::Affine(of, _, 0.0) => self.moved_origin(of),
            _ => Origin::Other,
        }
    }
}

/// The kernel of what is left of a signal without the mean over samples.
pub(super) fn centred(signal: &Signal) -> Vec<f64> {
    let means = averaged(&signal.kernel, &signal.axes, signal.samples());
    signal
        .kernel
        .iter()
        .zip(&means)
        .map(|(k, m)| k - m)
        .collect()
}

/// The axes of a shape.
pub(super) fn axes_of(shape: &[usize]) -> Result<Axes, Gap> {
    if shape.contains(&0) {
        return Gap::new("it has no elements");
    }
    Axes::of(shape).ok_or_else(|| Gap("it has too many axes".to_owned()))
}
