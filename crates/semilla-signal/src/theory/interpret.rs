//! A graph, followed node by node without running it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use semilla::graph::{self, Attribute, Dim, Function, Graph, Initializer, NodeId, Wiring, order};

use super::axes::Axes;
use super::folded::{folded, literal};
use super::input::{Given, Input};
use super::node::{Node, Origin, SignalId};
use super::operands::Operands;
use super::prediction::End;
use super::rules::{apply, of_channels};
use super::scaling::{Scaling, UnitScale};
use super::signal::Signal;
use super::state::{Gap, Known, Step, Theory, Weight};
use super::weights::WeightMoments;
use crate::array::{Array, size};
use crate::executor::{Made, Stand};

/// Bodies and functions within each other.
const DEEPEST: usize = 32;
/// Operators that are followed as the nodes that they consist of.
const STANDS: [&str; 6] = [
    "Attention",
    "LSTM",
    "GRU",
    "RNN",
    "Einsum",
    "LpNormalization",
];
/// Operators whose output has the shape that their inputs broadcast to.
const KEEPS: [&str; 29] = [
    "Abs",
    "Activation",
    "Add",
    "BatchNormalization",
    "Cast",
    "CastLike",
    "Clip",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSwish",
    "Identity",
    "LayerNormalization",
    "LeakyRelu",
    "Mul",
    "Neg",
    "Pow",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Sqrt",
    "Sub",
    "Tanh",
    "Where",
];
/// A variance this near to 1 is 1, and how often a weight is scaled at most until it is.
const UNIT: f64 = 1e-6;
const TURNS: usize = 24;
/// A score that is this low is masked.
const NEVER: f64 = -1e3;

/// A layer that was met.
pub(super) struct Met {
    pub(super) weight: String,
    /// What it makes, its bias added.
    pub(super) signal: SignalId,
    /// The step that makes that.
    pub(super) step: usize,
    /// Whether a bias is added to what its weights make.
    pub(super) has_bias: bool,
    /// The name of that value, while a bias may follow.
    value: String,
}

/// A computation with signals: what it takes and makes.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) inputs: Vec<SignalId>,
    pub(super) outputs: Vec<SignalId>,
}

/// A graph that was followed.
pub(super) struct Followed {
    pub(super) theory: Theory,
    pub(super) layers: Vec<Met>,
    pub(super) steps: Vec<Taken>,
    pub(super) inputs: Vec<SignalId>,
    pub(super) output: Option<SignalId>,
    pub(super) ends: Vec<End>,
    pub(super) assumed: Vec<String>,
    /// Signals from which something goes on that theory has no rule for.
    pub(super) leaks: HashSet<SignalId>,
}

/// Follows a graph.
pub(super) fn follow(
    graph: &Graph,
    weights: &dyn Fn(&Initializer) -> Option<WeightMoments>,
    inputs: &[(String, Given)],
) -> Followed {
    follow_scaling(graph, weights, inputs, Scaling::default()).0
}

/// Follows a graph with weights that are scaled on the way, and answers their factors.
pub(super) fn follow_scaling(
    graph: &Graph,
    weights: &dyn Fn(&Initializer) -> Option<WeightMoments>,
    inputs: &[(String, Given)],
    scaling: Scaling,
) -> (Followed, HashMap<String, UnitScale>) {
    let mut walk = Walk {
        graph,
        wiring: Wiring::of(graph),
        initializers: OnceCell::new(),
        weights,
        inputs,
        sizes: HashMap::new(),
        masks: HashMap::new(),
        layers: HashSet::default(),
        scaling,
        made: Followed {
            theory: Theory::new(),
            layers: Vec::new(),
            steps: Vec::new(),
            inputs: Vec::new(),
            output: None,
            ends: Vec::new(),
            assumed: Vec::new(),
            leaks: HashSet::new(),
        },
    };
    let mut scope = Scope::default();
    for value in graph.main().given() {
        let given = inputs.iter().find(|(name, _)| *name == value.name);
        let known = match given {
            Some((_, given)) => walk.given(given),
            None => {
                walk.end(&value.name, "nothing is known of this input");
                Known::Lost(None)
            }
        };
        if let (Some(dims), Some(shape)) = (&value.shape, walk.made.theory.shape(&known)) {
            for (dim, size) in dims.iter().zip(shape) {
                if let Dim::Named(name) = dim {
                    walk.sizes.insert(name.clone(), size);
                }
            }
        }
        scope.values.insert(&value.name, known);
    }
    walk.body(0, &mut scope, &[], 0);
    let outputs = graph.main().outputs.iter();
    let floats = outputs.filter_map(|output| scope.values.get(&*output.name));
    walk.made.output = floats
        .filter(|known| !matches!(known, Known::Whole(_)))
        .map(|known| match known {
            Known::Signal(id) => Some(*id),
            _ => None,
        })
        .next()
        .flatten();
    (walk.made, walk.scaling.found)
}

/// The values that names stand for in one body.
#[derive(Default)]
struct Scope<'s> {
    values: HashMap<&'s str, Known, RandomState>,
    /// Of a function: the attributes of the node that calls it.
    parameters: Vec<(String, Attribute)>,
}

struct Walk<'a> {
    graph: &'a Graph,
    wiring: Wiring<'a>,
    /// The names of all weights and constants, once they are asked for.
    initializers: OnceCell<HashSet<&'a str, RandomState>>,
    weights: &'a dyn Fn(&Initializer) -> Option<WeightMoments>,
    inputs: &'a [(String, Given)],
    /// The sizes of axes by the names that the graph gives them.
    sizes: HashMap<String, usize>,
    /// How many places each row of a masked matrix of scores sees.
    masks: HashMap<SignalId, Arc<Vec<f64>>>,
    /// The weights of all layers that were met.
    layers: HashSet<String, RandomState>,
    scaling: Scaling,
    made: Followed,
}

impl<'a> Walk<'a> {
    fn end(&mut self, at: &str, because: &str) {
        let end = End {
            at: at.to_owned(),
            because: because.to_owned(),
        };
        if !self.made.ends.contains(&end) {
            self.made.ends.push(end);
        }
    }

    fn given(&mut self, given: &Given) -> Known {
        match &given.0 {
            Input::Whole(array) => Known::Whole(Arc::clone(array)),
            Input::Unknown(shape) => Known::Lost(Some(shape.clone())),
            Input::Signal(signal) => {
                let units = signal.axes.all() & !signal.samples();
                let mut node = Node::normal(signal.clone(), units, Origin::Other);
                // Two samples of noise are alike by chance.
                node.alike = 1.0 / node.width();
                let id = self.made.theory.push(node);
                self.made.inputs.push(id);
                Known::Signal(id)
            }
        }
    }

    fn stored(&self, initializer: &Initializer) -> Known {
        let weight = || {
            let moments = (self.weights)(initializer)?;
            Some(Known::Weight(Weight {
                name: initializer.tensor.clone(),
                shape: initializer.shape.clone(),
                moments,
            }))
        };
        // A tensor comes before a literal, and before what has neither.
        let known = match initializer.tensor {
            Some(_) => weight().or_else(|| literal(initializer)),
            None => literal(initializer).or_else(weight),
        };
        let known = known.or_else(|| self.stored_whole(initializer.tensor.as_deref()?));
        known.unwrap_or_else(|| Known::Lost(Some(initializer.shape.clone())))
    }

    /// Whole numbers that a model stores, such as the positions of words.
    fn stored_whole(&self, tensor: &str) -> Option<Known> {
        let mut all = self.inputs.iter().filter(|(name, _)| name == tensor);
        all.find_map(|(_, given)| match &given.0 {
            Input::Whole(array) => Some(Known::Whole(Arc::clone(array))),
            _ => None,
        })
    }

    /// Follows the nodes of a body.
    fn body(&mut self, body: usize, scope: &mut Scope<'a>, outer: &[&Scope<'_>], depth: usize) {
        let graph = self.graph;
        let content = &graph.bodies()[body];
        let Ok(order) = order(graph, &self.wiring, body) else {
            self.end("the model", "its nodes cannot be put in order");
            return;
        };
        let names = content.initializers.len() + content.nodes.len();
        scope.values.reserve(names);
        for initializer in &content.initializers {
            let known = self.stored(initializer);
            scope.values.insert(&initializer.name, known);
        }
        for index in order {
            let written = &content.nodes[index];
            let node = filled(written, scope);
            let id = NodeId { body, index };
            let place = Place {
                body,
                is_stand: false,
                depth,
            };
            let made = self.one(&node, id, scope, outer, place);
            keep(scope, &written.outputs, made);
        }
    }

    /// Follows one node: what it makes.
    fn one(
        &mut self,
        node: &graph::Node,
        id: NodeId,
        scope: &Scope<'_>,
        outer: &[&Scope<'_>],
        place: Place,
    ) -> Vec<Known> {
        let find = |name: &String| {
            let found = look_up(name, scope, outer);
            (!name.is_empty()).then(|| found.unwrap_or(Known::Lost(None)))
        };
        let inputs: Vec<Option<Known>> = node.inputs.iter().map(find).collect();
        let inner = match function(self.graph, node) {
            _ if place.depth > DEEPEST => Some(vec![Known::Lost(None); node.outputs.len()]),
            Some(function) => Some(self.call(function, node, inputs.clone(), place.depth)),
            None if node.standard() == Some("If") => {
                Some(self.branch(node, &inputs, scope, outer, place.depth))
            }
            None => None,
        };
        if let Some(made) = inner {
            return made;
        }
        let opset = self.graph.opset(&node.domain).unwrap_or(i64::MAX);
        let inputs = self.scaled(node, opset, inputs);
        let before = self.made.theory.nodes.len();
        let step = Step {
            node,
            opset,
            inputs: &inputs,
        };
        let is_stood_for = STANDS.contains(&&*node.operator);
        let made = match self.made_by(&step, id, place) {
            Ok(made) => made,
            Err(gap) => self.lost(&step, &gap),
        };
        if !is_stood_for {
            self.record(node, &inputs, &made, before, place);
        }
        let named = node.outputs.iter().zip(made);
        let stated = named.map(|(name, known)| match known {
            Known::Lost(None) => Known::Lost(self.declared(place.body, name)),
            known => known,
        });
        stated.collect()
    }

    /// What a layer takes, with its weight scaled if that is wanted: so that it makes variance 1
    /// where it is met first.
    fn scaled(
        &mut self,
        node: &graph::Node,
        opset: i64,
        mut inputs: Vec<Option<Known>>,
    ) -> Vec<Option<Known>> {
        let weight = layer_weight(node, &inputs);
        let Some(name) = weight.filter(|name| self.scaling.wanted.contains(name)) else {
            return inputs;
        };
        let times = |inputs: &mut [Option<Known>], factor: f64| {
            for known in inputs.iter_mut().take(2).flatten() {
                if let Known::Weight(weight) = known {
                    weight.moments = weight.moments.scaled(factor);
                }
            }
        };
        if let Some(known) = self.scaling.found.get(&name) {
            if known.factor.is_finite() {
                times(&mut inputs, known.factor);
            }
            return inputs;
        }
        let mut scale = UnitScale {
            factor: 1.0,
            before: f64::NAN,
        };
        // More than once where a bias adds to the variance.
        for turn in 0..TURNS {
            let step = Step {
                node,
                opset,
                inputs: &inputs,
            };
            let Ok(made) = self.rule(&step) else {
                return inputs;
            };
            let [Known::Signal(made), ..] = *made else {
                return inputs;
            };
            let variance = self.made.theory.signal(made).variance();
            if turn == 0 {
                scale.before = variance;
            }
            let by = variance.sqrt().recip();
            scale.factor *= by;
            if !by.is_finite() || (variance - 1.0).abs() < UNIT {
                break;
            }
            times(&mut inputs, by);
        }
        self.scaling.found.insert(name, scale);
        inputs
    }

    /// What a node makes.
    fn made_by(&mut self, step: &Step<'_>, id: NodeId, place: Place) -> Result<Vec<Known>, Gap> {
        if let Some(known) = folded(step) {
            return Ok(known);
        }
        let is_lost = |known: &Known| matches!(known, Known::Lost(_));
        let lost = step.inputs.iter().flatten().any(is_lost);
        if lost && !matches!(&*step.node.operator, "Shape" | "Size") {
            return self.behind(step);
        }
        if step.node.domain == "semilla" && step.node.operator == "Activation" {
            return self.rule(step);
        }
        if step.node.standard().or(step.node.contributed()).is_none() {
            return Gap::new("theory has no rule for this operator");
        }
        if let Some(made) = self.masked(step) {
            return Ok(vec![made]);
        }
        if STANDS.contains(&&*step.node.operator) {
            let stand = self.stand(step)?;
            return Ok(self.stand_in(step, &stand, id, place));
        }
        self.rule(step)
    }

    fn rule(&mut self, step: &Step<'_>) -> Result<Vec<Known>, Gap> {
        let visible = match (&*step.node.operator, step.input(0)) {
            ("Softmax", Some(Known::Signal(x))) => self.masks.get(x).cloned(),
            _ => None,
        };
        let visible = visible.as_ref().map(|counts| counts.as_slice());
        apply(&mut self.made.theory, step, visible)
    }

    /// What follows what is lost: a normalization gives it a known length again.
    fn behind(&mut self, step: &Step<'_>) -> Result<Vec<Known>, Gap> {
        // Channels lie along the second axis, if it is known.
        let shape = match step.input(0) {
            Some(Known::Lost(Some(shape))) if shape.len() > 1 => Axes::of(shape),
            _ => None,
        };
        let restarts = matches!(
            &*step.node.operator,
            "LayerNormalization"
                | "RMSNormalization"
                | "SimplifiedLayerNormalization"
                | "BatchNormalization"
                | "InstanceNormalization"
                | "GroupNormalization"
        );
        let rest = step.inputs.iter().skip(1).flatten();
        let (Some(axes), true, true) = (
            shape,
            restarts,
            rest.clone().all(|known| !matches!(known, Known::Lost(_))),
        ) else {
            return self.passed(step);
        };
        let mut kernel = vec![f64::NAN; 1 << axes.count()];
        kernel[0] = 1.0;
        let units = axes.mask(match &*step.node.operator {
            "BatchNormalization" | "InstanceNormalization" | "GroupNormalization" => 1,
            _ => axes.rank() - 1,
        });
        let signal = Signal {
            axes,
            mean: 0.0,
            kernel,
        };
        let id = self
            .made
            .theory
            .push(Node::normal(signal, units, Origin::Fresh(None)));
        self.made.theory.has_restarted = true;
        self.made.assumed.push(format!(
            "{} gives nearly normal signals of mean 0 and mean square 1",
            described(step.node)
        ));
        // Its scale and its shift, by the rule for what is normal already.
        let mut inputs = step.inputs.to_vec();
        inputs[0] = Some(Known::Signal(id));
        let mut made = id;
        for (place, operator) in [(1, "Mul"), (2, "Add")] {
            let Some(known) = inputs.get(place).cloned().flatten() else {
                continue;
            };
            let rank = self.made.theory.signal(made).axes.rank();
            let known = match known {
                Known::Weight(mut weight)
                    if units == self.made.theory.signal(made).axes.mask(1) && rank > 2 =>
                {
                    weight.shape = of_channels(&weight.shape, rank);
                    Known::Weight(weight)
                }
                known => known,
            };
            let node = graph::Node::new(operator, &[], &[]);
            let step = Step {
                node: &node,
                opset: step.opset,
                inputs: &[Some(Known::Signal(made)), Some(known)],
            };
            if let Some(Known::Signal(id)) = apply(&mut self.made.theory, &step, None)?.pop() {
                made = id;
            }
        }
        Ok(vec![Known::Signal(made)])
    }

    /// What is lost stays lost, and all that goes with it has an unknown gradient.
    fn passed(&mut self, step: &Step<'_>) -> Result<Vec<Known>, Gap> {
        self.leak(step);
        for (name, known) in step.node.inputs.iter().zip(step.inputs) {
            let is_lost = matches!(known, Some(Known::Lost(_)));
            if is_lost && self.is_initializer(name) {
                self.end(name, "the moments of its values are not known");
            }
        }
        let moves = [
            "Reshape",
            "Flatten",
            "Squeeze",
            "Unsqueeze",
            "Transpose",
            "Slice",
            "Split",
        ];
        if moves.contains(&&*step.node.operator)
            && let Ok(made) = self.rule(step)
        {
            return Ok(made);
        }
        let lost = Known::Lost(self.kept_shape(step));
        Ok(vec![lost; step.node.outputs.len()])
    }

    fn is_initializer(&self, name: &str) -> bool {
        let all = || {
            let bodies = self.graph.bodies().iter();
            let tensors = bodies.flat_map(|body| &body.initializers);
            tensors.map(|tensor| &*tensor.name).collect()
        };
        self.initializers.get_or_init(all).contains(name)
    }

    /// The shape of what a node makes that keeps or broadcasts the shapes that it takes.
    fn kept_shape(&self, step: &Step<'_>) -> Option<Vec<usize>> {
        KEEPS.contains(&&*step.node.operator).then_some(())?;
        let known = step.inputs.iter().flatten();
        let shapes = known.filter_map(|known| self.made.theory.shape(known));
        shapes.max_by_key(|shape| (shape.len(), size(shape)))
    }

    /// Theory ends at a node.
    fn lost(&mut self, step: &Step<'_>, gap: &Gap) -> Vec<Known> {
        let node = step.node;
        let at = described(node);
        self.end(&at, &gap.0);
        self.leak(step);
        vec![Known::Lost(self.kept_shape(step)); node.outputs.len()]
    }

    fn leak(&mut self, step: &Step<'_>) {
        for known in step.inputs.iter().flatten() {
            if let Known::Signal(id) = known {
                self.made.leaks.insert(*id);
            }
        }
    }

    /// The shape that the graph states for a value.
    fn declared(&self, body: usize, name: &str) -> Option<Vec<usize>> {
        let value = self.graph.bodies().get(body)?.value(name)?;
        let size = |dim: &Dim| match dim {
            Dim::Known(size) => Some(*size),
            Dim::Named(name) => self.sizes.get(name).copied(),
            Dim::Unknown => None,
        };
        value.shape.as_ref()?.iter().map(size).collect()
    }

    /// A mask on scores, if a node is one: what a row does not see is lower than all it sees.
    fn masked(&mut self, step: &Step<'_>) -> Option<Known> {
        let (x, sees): (SignalId, Vec<bool>) = match (&*step.node.operator, step.inputs) {
            (
                "Where",
                [
                    Some(Known::Whole(mask)),
                    Some(Known::Signal(x)),
                    Some(Known::Constant(low)),
                ],
            ) if low.data().iter().all(|&low| f64::from(low) < NEVER) => {
                (*x, mask.data().iter().map(|&sees| sees != 0).collect())
            }
            (
                "Where",
                [
                    Some(Known::Whole(mask)),
                    Some(Known::Constant(low)),
                    Some(Known::Signal(x)),
                ],
            ) if low.data().iter().all(|&low| f64::from(low) < NEVER) => {
                (*x, mask.data().iter().map(|&hides| hides == 0).collect())
            }
            ("Add", [Some(Known::Signal(x)), Some(Known::Constant(mask))])
            | ("Add", [Some(Known::Constant(mask)), Some(Known::Signal(x))])
                if mask
                    .data()
                    .iter()
                    .all(|&value| value == 0.0 || f64::from(value) < NEVER) =>
            {
                (*x, mask.data().iter().map(|&value| value == 0.0).collect())
            }
            _ => return None,
        };
        let axes = &self.made.theory.signal(x).axes;
        let last = axes.size(axes.rank().checked_sub(1)?);
        if last == 0 || !sees.len().is_multiple_of(last) {
            return (sees.iter().all(|&sees| sees)).then_some(Known::Signal(x));
        }
        let rows = axes.rank().checked_sub(2).map_or(1, |axis| axes.size(axis));
        let counts: Vec<f64> = sees
            .chunks(last)
            .map(|row| row.iter().filter(|&&sees| sees).count() as f64)
            .collect();
        // The rows of one matrix: the mean over those of all samples and heads.
        let rows = if counts.len().is_multiple_of(rows) {
            rows
        } else {
            1
        };
        let mut visible = vec![0.0; rows];
        for (at, count) in counts.iter().enumerate() {
            visible[at % rows] += count * rows as f64 / counts.len() as f64;
        }
        if visible.iter().any(|&count| count < 1.0) {
            visible.iter_mut().for_each(|count| *count = count.max(1.0));
        }
        if visible.iter().any(|&count| count < last as f64) {
            self.masks.insert(x, Arc::new(visible));
        }
        Some(Known::Signal(x))
    }

    /// The nodes that stand for one, as the executor has them: they depend on shapes only.
    fn stand(&self, step: &Step<'_>) -> Result<Stand, Gap> {
        let mut operands = Operands::default();
        for known in step.inputs {
            match known {
                None => operands.left_out(),
                Some(Known::Whole(array)) => operands.whole(array),
                Some(known) => {
                    let shape = self.made.theory.known_shape(known)?;
                    operands.numbers(Array::hollow(shape));
                }
            }
        }
        match operands.lower(step.node, step.opset) {
            Ok(Made::Nodes(stand)) => Ok(stand),
            Ok(_) => Gap::new("theory has no rule for this form of it"),
            Err(problem) => Gap::new(problem.to_string()),
        }
    }

    /// Follows the nodes that stand for one.
    fn stand_in(&mut self, step: &Step<'_>, stand: &Stand, id: NodeId, place: Place) -> Vec<Known> {
        let names: Vec<String> = (0..step.inputs.len()).map(|at| at.to_string()).collect();
        let mut scope = Scope::default();
        for (name, known) in names.iter().zip(step.inputs) {
            scope
                .values
                .extend(known.clone().map(|known| (&**name, known)));
        }
        let place = Place {
            is_stand: true,
            ..place
        };
        for node in &stand.nodes {
            let made = self.one(node, id, &scope, &[], place);
            keep(&mut scope, &node.outputs, made);
        }
        let found = stand
            .outputs
            .iter()
            .map(|name| scope.values.remove(&**name));
        found
            .map(|known| known.unwrap_or(Known::Lost(None)))
            .collect()
    }

    /// Runs the function that a node calls.
    fn call(
        &mut self,
        function: &Function,
        node: &graph::Node,
        inputs: Vec<Option<Known>>,
        depth: usize,
    ) -> Vec<Known> {
        let mut scope = Scope {
            parameters: node.attributes.clone(),
            ..Scope::default()
        };
        let graph = self.graph;
        let Some(content) = graph.bodies().get(function.body) else {
            return vec![Known::Lost(None); node.outputs.len()];
        };
        for (input, known) in content.inputs.iter().zip(inputs) {
            scope
                .values
                .extend(known.map(|known| (&*input.name, known)));
        }
        self.body(function.body, &mut scope, &[], depth + 1);
        self.results(function.body, &scope, &[])
    }

    /// Follows the branch of an `If` whose condition is known.
    fn branch(
        &mut self,
        node: &graph::Node,
        inputs: &[Option<Known>],
        scope: &Scope<'_>,
        outer: &[&Scope<'_>],
        depth: usize,
    ) -> Vec<Known> {
        let holds = match inputs.first() {
            Some(Some(Known::Whole(array))) => array.data().first().map(|&holds| holds != 0),
            _ => None,
        };
        let name = if holds == Some(true) {
            "then_branch"
        } else {
            "else_branch"
        };
        let (Some(_), Some(&Attribute::Body(body))) = (holds, node.attribute(name)) else {
            self.end(&described(node), "its condition depends on the data");
            return vec![Known::Lost(None); node.outputs.len()];
        };
        let mut around: Vec<&Scope<'_>> = outer.to_vec();
        around.push(scope);
        let mut inner = Scope::default();
        self.body(body, &mut inner, &around, depth + 1);
        self.results(body, &inner, &around)
    }

    fn results(&self, body: usize, scope: &Scope<'_>, outer: &[&Scope<'_>]) -> Vec<Known> {
        let outputs = self.graph.bodies()[body].outputs.iter();
        let found = outputs.map(|output| look_up(&output.name, scope, outer));
        found
            .map(|known| known.unwrap_or(Known::Lost(None)))
            .collect()
    }

    /// Notes what a node takes and makes, and whether it is a layer or a layer's bias.
    fn record(
        &mut self,
        node: &graph::Node,
        inputs: &[Option<Known>],
        made: &[Known],
        before: usize,
        place: Place,
    ) {
        let signals = |known: &Known| match known {
            Known::Signal(id) => Some(*id),
            _ => None,
        };
        let outputs: Vec<SignalId> = (made.iter().filter_map(signals))
            .filter(|&id| id >= before)
            .collect();
        if outputs.is_empty() {
            return;
        }
        self.made.steps.push(Taken {
            inputs: inputs.iter().flatten().filter_map(signals).collect(),
            outputs: outputs.clone(),
        });
        let step = self.made.steps.len() - 1;
        if let Some(weight) = layer_weight(node, inputs) {
            if !self.layers.insert(weight.clone()) {
                self.made.layers.retain(|layer| layer.weight != weight);
            }
            self.made.layers.push(Met {
                weight,
                signal: outputs[0],
                step,
                has_bias: matches!(inputs, [_, _, Some(Known::Weight(_)), ..]),
                value: node.outputs[0].clone(),
            });
            return;
        }
        // A bias that is added by a node of its own, if nothing else takes what is before it.
        if node.operator != "Add" || place.is_stand {
            return;
        }
        let is_parameter = |known: &Option<Known>| !matches!(known, Some(Known::Signal(_)));
        if !inputs.iter().any(is_parameter) {
            return;
        }
        let wiring = &self.wiring;
        let is_before = |layer: &&mut Met| {
            node.inputs.contains(&layer.value) && wiring.uses(place.body, &layer.value).len() == 1
        };
        if let Some(layer) = self.made.layers.iter_mut().rev().find(is_before) {
            (layer.signal, layer.step) = (outputs[0], step);
            layer.has_bias = true;
        }
    }
}

/// Where nodes are.
#[derive(Clone, Copy)]
struct Place {
    body: usize,
    /// Whether they stand for a node.
    is_stand: bool,
    depth: usize,
}

/// The name of a layer's weight; `None` if the node is no layer.
fn layer_weight(node: &graph::Node, inputs: &[Option<Known>]) -> Option<String> {
    if !["MatMul", "Gemm", "Conv", "ConvTranspose"].contains(&&*node.operator) {
        return None;
    }
    let mut operands = inputs.iter().take(2).flatten();
    operands.find_map(|known| match known {
        Known::Weight(weight) => weight.name.clone(),
        _ => None,
    })
}

/// Keeps values under their names.
fn keep<'s>(scope: &mut Scope<'s>, names: &'s [String], made: Vec<Known>) {
    scope
        .values
        .extend(names.iter().map(|name| &**name).zip(made));
}

fn look_up(name: &str, scope: &Scope<'_>, outer: &[&Scope<'_>]) -> Option<Known> {
    let found = scope.values.get(name);
    let found = found.or_else(|| outer.iter().rev().find_map(|scope| scope.values.get(name)));
    found.cloned()
}

/// A node as an end calls it.
fn described(node: &graph::Node) -> String {
    match (&*node.name, node.outputs.first()) {
        ("", Some(output)) => format!("the {} that makes {output:?}", node.operator),
        ("", None) => node.operator.clone(),
        (name, _) => format!("{} {name:?}", node.operator),
    }
}

/// The function that a node calls.
fn function<'g>(graph: &'g Graph, node: &graph::Node) -> Option<&'g Function> {
    let overload = node.text("overload").unwrap_or_default();
    graph.functions.iter().find(|function| {
        function.domain == node.domain
            && function.name == node.operator
            && function.overload == overload
    })
}

/// A node whose attributes may be parameters of the function that it is in.
fn filled<'n>(node: &'n graph::Node, scope: &Scope<'_>) -> Cow<'n, graph::Node> {
    let is_parameter = |(_, value): &(String, Attribute)| matches!(value, Attribute::Parameter(_));
    if !node.attributes.iter().any(is_parameter) {
        return Cow::Borrowed(node);
    }
    let mut node = node.clone();
    node.attributes = (node.attributes.into_iter())
        .filter_map(|(key, value)| match &value {
            Attribute::Parameter(name) => {
                let found = scope.parameters.iter().find(|(key, _)| key == name)?;
                Some((key, found.1.clone()))
            }
            _ => Some((key, value)),
        })
        .collect();
    Cow::Owned(node)
}
