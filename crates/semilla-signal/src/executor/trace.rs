//! The forward pass, recorded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use semilla::graph::{
    Attribute, Function, Graph, Initializer, Node, NodeId, OrderError, Wiring, order,
};

use smallvec::smallvec;

use super::call::{Call, Made, Stand, affordable};
use super::datum::{Datum, Value, ValueId};
use super::fault::{Fault, Problem};
use super::operator::{Each, Nature, Operator, Pass};
use crate::array::Array;
use crate::operators::lower;
use crate::real::Real;

/// Times that a loop may run.
const LONGEST_LOOP: usize = 100_000;
/// Bodies within bodies and functions within functions, at most.
const DEEPEST: usize = 64;

/// What the network is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To be used: batch normalizations use their running statistics.
    Inference,
    /// To be trained: batch normalizations use the batch's own statistics. Nothing is dropped.
    Training,
}

/// A graph's forward pass on given inputs and weights: every array that was computed, and the
/// steps that computed it.
pub struct Trace<T> {
    arrays: Vec<Array<T>>,
    /// Whether an array depends on an input or a weight.
    live: Vec<bool>,
    steps: Vec<Step<T>>,
    /// Of the main body.
    names: HashMap<String, ValueId>,
    /// The weights, by the names under which the model's checkpoint lists them.
    weights: Vec<(String, ValueId)>,
    /// The inputs that are floats.
    inputs: Vec<ValueId>,
    /// The arrays that were made of the whole numbers of an input: masks, words as ones and zeros.
    from_whole: Vec<ValueId>,
    /// Whether the steps are the same for all values of inputs and weights.
    is_repeatable: bool,
}

/// One computation of a trace.
pub struct Step<T> {
    /// The node that it carries out.
    pub node: NodeId,
    /// The arrays that it takes.
    pub inputs: Vec<ValueId>,
    /// The arrays that it makes.
    pub outputs: Vec<ValueId>,
    pub(super) operator: Box<dyn Operator<T>>,
}

impl<T: Real> Step<T> {
    /// What it means for signals.
    pub fn nature(&self) -> Nature {
        self.operator.nature()
    }

    /// The slopes of a function of each element at the elements of an array of any shape; `None`
    /// if the step is none.
    pub(crate) fn slopes(&self, at: &Array<T>) -> Option<Array<T>> {
        if self.nature() != Nature::Elementwise || self.inputs.len() != 1 {
            return None;
        }
        let made = self.operator.forward(&[at]);
        let ones = Array::filled(at.shape(), T::one());
        let found = self.operator.backward(&Pass {
            inputs: smallvec![at],
            outputs: made.iter().collect(),
            gradients: smallvec![Some(&ones)],
            wanted: smallvec![true],
        });
        found.into_iter().next()?
    }
}

impl<T: Real> Trace<T> {
    /// Runs a graph: on its inputs by name, and on the values that `weights` gives for its
    /// initializers; where it gives none, on those that the graph itself holds.
    ///
    /// # Errors
    /// The first node that does not run: an unknown operator, shapes that do not go together,
    /// something that was not given.
    pub fn record<'n>(
        graph: &Graph,
        mode: Mode,
        inputs: impl IntoIterator<Item = (&'n str, Datum<T>)>,
        weights: impl Fn(&Initializer) -> Option<Datum<T>>,
    ) -> Result<Self, Fault> {
        let mut recorder = Recorder {
            graph,
            is_training: mode == Mode::Training,
            wiring: Wiring::of(graph),
            weights: &weights,
            prepared: HashMap::new(),
            trace: Trace {
                arrays: Vec::new(),
                live: Vec::new(),
                steps: Vec::new(),
                names: HashMap::new(),
                weights: Vec::new(),
                inputs: Vec::new(),
                from_whole: Vec::new(),
                is_repeatable: true,
            },
            given: HashMap::new(),
        };
        let mut scope = Scope::default();
        for (name, datum) in inputs {
            let value = recorder.keep(datum, true);
            match &value {
                &Value::Float(id) => recorder.trace.inputs.push(id),
                other => recorder.mark(other),
            }
            scope.values.insert(name.to_owned(), value);
        }
        for input in graph.main().given() {
            if !scope.values.contains_key(&input.name) {
                return Err(Fault {
                    node: input.name.clone(),
                    problem: Problem::NotGiven,
                });
            }
        }
        recorder.run(0, &mut scope, &[], 0)?;
        let mut trace = recorder.trace;
        let floats = scope
            .values
            .into_iter()
            .filter_map(|(name, value)| match value {
                Value::Float(id) => Some((name, id)),
                _ => None,
            });
        trace.names = floats.collect();
        Ok(trace)
    }

    /// The array of a name in the graph's main body; `None` if there is none, or if it has whole
    /// numbers.
    pub fn find(&self, name: &str) -> Option<ValueId> {
        self.names.get(name).copied()
    }

    /// An array.
    pub fn array(&self, value: ValueId) -> &Array<T> {
        &self.arrays[value.0]
    }

    /// The weights that the graph takes, by the names under which the model's checkpoint lists
    /// them.
    pub fn weights(&self) -> &[(String, ValueId)] {
        &self.weights
    }

    /// The inputs that are floats.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The arrays that were made of the whole numbers of an input, such as masks, or words as ones
    /// and zeros.
    pub fn from_whole(&self) -> &[ValueId] {
        &self.from_whole
    }

    /// All computations, in the order in which they ran.
    pub fn steps(&self) -> &[Step<T>] {
        &self.steps
    }

    /// Whether the steps are the same for all values of the float inputs and the weights, so that
    /// the trace can be repeated. Words, masks and branches become part of the steps.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    /// An array, to be changed before a repetition.
    pub(crate) fn array_mut(&mut self, value: ValueId) -> &mut Array<T> {
        &mut self.arrays[value.0]
    }

    /// Carries out all steps again, into the same arrays, after inputs or weights were changed.
    pub(crate) fn repeat(&mut self) {
        let arrays = &mut self.arrays;
        let live = |step: &&Step<T>| step.outputs.iter().any(|output| self.live[output.0]);
        for step in self.steps.iter().filter(live) {
            let outputs = step.outputs.iter();
            let mut outputs: Each<Array<T>> = outputs
                .map(|output| std::mem::replace(&mut arrays[output.0], Array::hollow(Vec::new())))
                .collect();
            let inputs: Each<&Array<T>> = step.inputs.iter().map(|at| &arrays[at.0]).collect();
            step.operator.forward_into(&inputs, &mut outputs);
            drop(inputs);
            for (place, made) in step.outputs.iter().zip(outputs) {
                arrays[place.0] = made;
            }
        }
    }

    /// The number of arrays.
    pub(crate) fn arrays(&self) -> usize {
        self.arrays.len()
    }

    /// Whether an array depends on an input or a weight, so that it has a gradient.
    pub fn is_live(&self, value: ValueId) -> bool {
        self.live[value.0]
    }
}

/// The values that names stand for in one run of a body.
#[derive(Default)]
struct Scope {
    values: HashMap<String, Value>,
    /// Of a function: the attributes of the node that calls it.
    parameters: Vec<(String, Attribute)>,
}

/// What every run of a body begins with.
struct Prepared {
    order: Vec<usize>,
    carried: Vec<(String, Value)>,
}

struct Recorder<'a, T> {
    graph: &'a Graph,
    is_training: bool,
    wiring: Wiring<'a>,
    weights: &'a dyn Fn(&Initializer) -> Option<Datum<T>>,
    trace: Trace<T>,
    prepared: HashMap<usize, Arc<Prepared>>,
    /// Whole numbers that depend on an input's, not only on its shape. They are kept, so that no
    /// others take their place in memory.
    given: HashMap<*const Array<i64>, Arc<Array<i64>>>,
}

impl<T: Real> Recorder<'_, T> {
    /// Runs the nodes of a body, and returns its outputs. `outer` are the scopes around it, the
    /// main body's first.
    fn run(
        &mut self,
        body: usize,
        scope: &mut Scope,
        outer: &[&Scope],
        depth: usize,
    ) -> Result<Vec<Value>, Fault> {
        if depth > DEEPEST {
            let what = format!("more than {DEEPEST} bodies within each other");
            return Err(of_body(body, Problem::Unsupported(what)));
        }
        let prepared = self.prepared(body)?;
        for (name, value) in &prepared.carried {
            let values = &mut scope.values;
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let content = &self.graph.bodies()[body];
        for &index in &prepared.order {
            let id = NodeId { body, index };
            let node = &*filled(&content.nodes[index], scope, outer);
            let values = self
                .node(id, node, scope, outer, depth)
                .map_err(|error| match error {
                    Stop::Here(problem) => Fault {
                        node: described(node),
                        problem,
                    },
                    Stop::Within(fault) => fault,
                })?;
            for (name, value) in node.outputs.iter().zip(values) {
                scope.values.insert(name.clone(), value);
            }
        }
        let found = content.outputs.iter().map(|output| {
            let missing = OrderError::Missing {
                taker: format!("the result of body {body}"),
                value: output.name.clone(),
            };
            let value = look_up(&output.name, scope, outer);
            value.ok_or_else(|| of_body(body, missing.into()))
        });
        found.collect()
    }

    /// The order of a body's nodes and the values of its initializers: found once, however often a
    /// loop runs it.
    fn prepared(&mut self, body: usize) -> Result<Arc<Prepared>, Fault> {
        if let Some(known) = self.prepared.get(&body) {
            return Ok(Arc::clone(known));
        }
        let graph = self.graph;
        let order = order(graph, &self.wiring, body);
        let order = order.map_err(|error| of_body(body, error.into()))?;
        let mut carried = Vec::new();
        for initializer in &graph.bodies()[body].initializers {
            let value = self.stored(initializer)?;
            if let (Some(name), &Value::Float(id)) = (&initializer.tensor, &value) {
                self.trace.weights.push((name.clone(), id));
            }
            carried.push((initializer.name.clone(), value));
        }
        let prepared = Arc::new(Prepared { order, carried });
        self.prepared.insert(body, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// What a node makes.
    fn node(
        &mut self,
        id: NodeId,
        node: &Node,
        scope: &Scope,
        outer: &[&Scope],
        depth: usize,
    ) -> Result<Vec<Value>, Stop> {
        let inputs = node.inputs.iter().map(|name| {
            let value = look_up(name, scope, outer);
            match value.is_none() && !name.is_empty() {
                true => Err(Problem::MissingInput(0)),
                false => Ok(value),
            }
        });
        let inputs: Vec<Option<Value>> = inputs.collect::<Result<_, _>>()?;
        let mut around = outer.to_vec();
        around.push(scope);
        let graph = self.graph;
        if let Some(function) = function(graph, node) {
            return self.call(function, node, inputs, depth);
        }
        match node.standard() {
            Some("If") => self.branch(node, &inputs, &around, depth),
            Some("Loop") => self.repeat(node, inputs, &around, depth),
            Some("Scan") => self.scan(node, inputs, &around, depth),
            _ => Ok(self.step(id, node, inputs)?),
        }
    }

    /// Carries out an operator.
    fn step(
        &mut self,
        id: NodeId,
        node: &Node,
        inputs: Vec<Option<Value>>,
    ) -> Result<Vec<Value>, Problem> {
        let is_of_shape = matches!(node.standard(), Some("Shape" | "Size"));
        let is_given = !is_of_shape && inputs.iter().flatten().any(|value| self.is_given(value));
        let call = Call {
            node,
            opset: self.graph.opset(&node.domain).unwrap_or(i64::MAX),
            inputs,
            arrays: &self.trace.arrays,
            is_training: self.is_training,
        };
        let made = lower(&call)?;
        self.trace.is_repeatable &= is_of_shape || self.trace.can_repeat(&call, &made, is_given);
        match made {
            Made::Values(values) => {
                if is_given {
                    values.iter().for_each(|value| self.mark(value));
                }
                Ok(values)
            }
            Made::Constants(arrays) => {
                let first = self.trace.arrays.len();
                let kept = arrays
                    .into_iter()
                    .map(|array| self.keep_array(array, false));
                let kept = kept.collect();
                if is_given {
                    let made = (first..self.trace.arrays.len()).map(ValueId);
                    self.trace.from_whole.extend(made);
                }
                Ok(kept)
            }
            Made::Nodes(stand) => self.stand(id, stand),
            Made::Step {
                operator,
                inputs,
                more,
            } => {
                let live = inputs.iter().any(|input| self.trace.live[input.0]);
                let arrays: Vec<&Array<T>> = inputs
                    .iter()
                    .map(|input| &self.trace.arrays[input.0])
                    .collect();
                let made = operator.forward(&arrays);
                let outputs: Vec<ValueId> = made
                    .into_iter()
                    .map(|array| self.trace.push(array, live))
                    .collect();
                let mut values: Vec<Value> = outputs.iter().copied().map(Value::Float).collect();
                values.extend(more);
                self.trace.steps.push(Step {
                    node: id,
                    inputs,
                    outputs,
                    operator,
                });
                Ok(values)
            }
        }
    }

    /// Carries out nodes that stand for one.
    fn stand(&mut self, id: NodeId, stand: Stand) -> Result<Vec<Value>, Problem> {
        let mut known: HashMap<String, Value> = HashMap::new();
        for (place, value) in stand.inputs.into_iter().enumerate() {
            known.extend(value.map(|value| (place.to_string(), value)));
        }
        for node in &stand.nodes {
            let inputs = node
                .inputs
                .iter()
                .map(|name| known.get(name).cloned())
                .collect();
            let made = self.step(id, node, inputs)?;
            known.extend(node.outputs.iter().cloned().zip(made));
        }
        let outputs = stand.outputs.iter().enumerate();
        let found = outputs
            .map(|(place, name)| known.get(name).cloned().ok_or(Problem::MissingInput(place)));
        found.collect()
    }

    /// Runs the function that a node calls.
    fn call(
        &mut self,
        function: &Function,
        node: &Node,
        inputs: Vec<Option<Value>>,
        depth: usize,
    ) -> Result<Vec<Value>, Stop> {
        let mut scope = Scope {
            parameters: node.attributes.clone(),
            ..Scope::default()
        };
        let content = self.graph.bodies().get(function.body);
        let content = content.ok_or(Problem::UnknownOperator)?;
        for (input, value) in content.inputs.iter().zip(inputs) {
            scope
                .values
                .extend(value.map(|value| (input.name.clone(), value)));
        }
        Ok(self.run(function.body, &mut scope, &[], depth + 1)?)
    }

    fn branch(
        &mut self,
        node: &Node,
        inputs: &[Option<Value>],
        around: &[&Scope],
        depth: usize,
    ) -> Result<Vec<Value>, Stop> {
        let condition = truth(inputs.first())?;
        let name = if condition {
            "then_branch"
        } else {
            "else_branch"
        };
        let body = body_of(node, name)?;
        Ok(self.run(body, &mut Scope::default(), around, depth + 1)?)
    }

    fn repeat(
        &mut self,
        node: &Node,
        mut inputs: Vec<Option<Value>>,
        around: &[&Scope],
        depth: usize,
    ) -> Result<Vec<Value>, Stop> {
        let body = body_of(node, "body")?;
        let missing = |input| Stop::from(Problem::MissingInput(input));
        if inputs.len() < 2 {
            return Err(missing(inputs.len()));
        }
        let mut carried = Vec::new();
        for (input, value) in inputs.split_off(2).into_iter().enumerate() {
            carried.push(value.ok_or_else(|| missing(input + 2))?);
        }
        let most = match &inputs[0] {
            Some(Value::Whole(array)) => array.data().first().copied().unwrap_or(0),
            _ => i64::MAX,
        };
        let mut goes_on = inputs[1].is_none() || truth(inputs.get(1))?;
        let mut stacked: Vec<Vec<Value>> = Vec::new();
        let mut turn = 0;
        while goes_on && turn < most {
            if turn as usize >= LONGEST_LOOP {
                return Err(Problem::Endless(LONGEST_LOOP).into());
            }
            let mut scope = Scope::default();
            let given = &self.graph.bodies()[body].inputs;
            let whole = |value| Value::Whole(Arc::new(Array::scalar(value)));
            let values = [whole(turn), whole(1)]
                .into_iter()
                .chain(carried.iter().cloned());
            for (input, value) in given.iter().zip(values) {
                scope.values.insert(input.name.clone(), value);
            }
            let mut made = self.run(body, &mut scope, around, depth + 1)?;
            if made.len() < carried.len() + 1 {
                return Err(missing(made.len()));
            }
            goes_on = truth(Some(&Some(made.remove(0))))?;
            let scans = made.split_off(carried.len());
            carried = made;
            stacked.resize_with(scans.len(), Vec::new);
            for (all, one) in stacked.iter_mut().zip(scans) {
                all.push(one);
            }
            turn += 1;
        }
        let wanted = node.outputs.len().saturating_sub(carried.len());
        stacked.resize_with(wanted, Vec::new);
        let mut made = carried;
        for values in stacked {
            made.push(self.stack(values, 0)?);
        }
        Ok(made)
    }

    /// Runs a body on the elements of sequences, one after the other.
    fn scan(
        &mut self,
        node: &Node,
        inputs: Vec<Option<Value>>,
        around: &[&Scope],
        depth: usize,
    ) -> Result<Vec<Value>, Stop> {
        let body = body_of(node, "body")?;
        let mut given = Vec::new();
        for (input, value) in inputs.into_iter().enumerate() {
            given.push(value.ok_or(Problem::MissingInput(input))?);
        }
        let count = node
            .int("num_scan_inputs")
            .and_then(|count| usize::try_from(count).ok());
        let states = count.and_then(|count| given.len().checked_sub(count));
        let states = states
            .filter(|&states| states < given.len())
            .ok_or(Problem::Attribute {
                name: "num_scan_inputs",
                value: format!("{count:?} of {} inputs", given.len()),
            })?;
        let sequences = given.split_off(states);
        let of = |name: &str, place: usize| -> i64 {
            let values = node.ints(name).unwrap_or_default();
            values.get(place).copied().unwrap_or(0)
        };
        let mut length = None;
        for (place, sequence) in sequences.iter().enumerate() {
            let own = self.size(sequence, of("scan_input_axes", place))?;
            length = Some(length.map_or(own, |length: usize| length.min(own)));
        }
        let length = length.unwrap_or(0);
        if length > LONGEST_LOOP {
            return Err(Problem::Endless(LONGEST_LOOP).into());
        }
        let mut carried = given;
        let mut stacked: Vec<Vec<Value>> = Vec::new();
        for turn in 0..length {
            let mut values = carried.clone();
            for (place, sequence) in sequences.iter().enumerate() {
                let at = match of("scan_input_directions", place) {
                    0 => turn,
                    _ => length - 1 - turn,
                };
                values.push(self.element(sequence, of("scan_input_axes", place), at)?);
            }
            let mut scope = Scope::default();
            for (input, value) in self.graph.bodies()[body].inputs.iter().zip(values) {
                scope.values.insert(input.name.clone(), value);
            }
            let mut made = self.run(body, &mut scope, around, depth + 1)?;
            if made.len() < states {
                return Err(Problem::MissingInput(made.len()).into());
            }
            let scans = made.split_off(states);
            carried = made;
            stacked.resize_with(scans.len(), Vec::new);
            for (all, one) in stacked.iter_mut().zip(scans) {
                all.push(one);
            }
        }
        let wanted = node.outputs.len().saturating_sub(states);
        stacked.resize_with(wanted, Vec::new);
        let mut made = carried;
        for (place, mut values) in stacked.into_iter().enumerate() {
            if of("scan_output_directions", place) != 0 {
                values.reverse();
            }
            made.push(self.stack(values, of("scan_output_axes", place))?);
        }
        Ok(made)
    }

    /// The size of a value along an axis that may be counted from the end.
    fn size(&self, value: &Value, axis: i64) -> Result<usize, Problem> {
        let shape = match value {
            Value::Float(id) => self.trace.arrays[id.0].shape(),
            Value::Whole(array) => array.shape(),
            Value::List(_) => &[],
        };
        let from_start = if axis < 0 {
            axis.saturating_add(shape.len() as i64)
        } else {
            axis
        };
        let found = usize::try_from(from_start)
            .ok()
            .and_then(|axis| shape.get(axis));
        found.copied().ok_or_else(|| Problem::Attribute {
            name: "scan_input_axes",
            value: format!("{axis} of {} axes", shape.len()),
        })
    }

    /// An element of a sequence.
    fn element(&mut self, sequence: &Value, axis: i64, at: usize) -> Result<Value, Problem> {
        let node = Node::new("Gather", &["sequence", "at"], &["element"])
            .with("axis", Attribute::Int(axis));
        let id = NodeId { body: 0, index: 0 };
        let at = Value::Whole(Arc::new(Array::scalar(at as i64)));
        let mut made = self.step(id, &node, vec![Some(sequence.clone()), Some(at)])?;
        made.pop().ok_or(Problem::MissingInput(0))
    }

    /// Values of all turns along a new axis.
    fn stack(&mut self, values: Vec<Value>, axis: i64) -> Result<Value, Problem> {
        let node = Node::new("ConcatFromSequence", &["list"], &["stacked"])
            .with("axis", Attribute::Int(axis))
            .with("new_axis", Attribute::Int(1));
        let id = NodeId { body: 0, index: 0 };
        let mut made = self.step(id, &node, vec![Some(Value::List(values))])?;
        made.pop().ok_or(Problem::MissingInput(0))
    }

    /// The value of an initializer.
    fn stored(&mut self, initializer: &Initializer) -> Result<Value, Fault> {
        let fault = |problem| Fault {
            node: initializer.name.clone(),
            problem,
        };
        affordable(&initializer.shape).map_err(fault)?;
        let is_weight = initializer.tensor.is_some();
        if let Some(datum) = (self.weights)(initializer) {
            if datum.shape() != initializer.shape {
                let found = vec![datum.shape().to_vec(), initializer.shape.clone()];
                let what = "the values given have a shape of their own";
                return Err(fault(Problem::Shapes { what, found }));
            }
            return Ok(self.keep(datum, is_weight));
        }
        let literal = initializer.literal.as_ref();
        match literal.and_then(Call::<T>::literal) {
            Some(Made::Constants(mut arrays)) if arrays.len() == 1 => {
                Ok(self.keep_array(arrays.remove(0), is_weight))
            }
            Some(Made::Values(mut values)) if values.len() == 1 => Ok(values.remove(0)),
            _ => Err(fault(Problem::NoValues)),
        }
    }

    /// Whether whole numbers depend on an input's.
    fn is_given(&self, value: &Value) -> bool {
        match value {
            Value::Float(_) => false,
            Value::Whole(array) => self.given.contains_key(&Arc::as_ptr(array)),
            Value::List(values) => values.iter().any(|value| self.is_given(value)),
        }
    }

    /// Notes that whole numbers depend on an input's.
    fn mark(&mut self, value: &Value) {
        match value {
            Value::Float(_) => {}
            Value::Whole(array) => {
                self.given.insert(Arc::as_ptr(array), Arc::clone(array));
            }
            Value::List(values) => values.iter().for_each(|value| self.mark(value)),
        }
    }

    fn keep(&mut self, datum: Datum<T>, is_live: bool) -> Value {
        match datum {
            Datum::Float(array) => self.keep_array(array, is_live),
            Datum::Whole(array) => Value::Whole(Arc::new(array)),
        }
    }

    fn keep_array(&mut self, array: Array<T>, is_live: bool) -> Value {
        Value::Float(self.trace.push(array, is_live))
    }
}

impl<T> Trace<T> {
    /// Whether what a node comes to is the same for all values of inputs and weights.
    fn can_repeat(&self, call: &Call<'_, T>, made: &Made<T>, is_given: bool) -> bool
    where
        T: Real,
    {
        let inputs = || call.inputs.iter().flatten();
        let live = inputs().filter_map(|value| match value {
            Value::Float(id) => Some(*id).filter(|id| self.live[id.0]),
            _ => None,
        });
        let live: Vec<ValueId> = live.collect();
        let is_known =
            !is_given && live.is_empty() && !inputs().any(|value| matches!(value, Value::List(_)));
        match made {
            // The same arrays under other names.
            Made::Values(values) => {
                is_known || values.iter().all(|value| matches!(value, Value::Float(_)))
            }
            Made::Constants(_) => is_known,
            // What it does not take it may have looked at.
            Made::Step { inputs, .. } => !is_given && live.iter().all(|id| inputs.contains(id)),
            Made::Nodes(_) => true,
        }
    }

    fn push(&mut self, array: Array<T>, is_live: bool) -> ValueId {
        self.arrays.push(array);
        self.live.push(is_live);
        ValueId(self.arrays.len() - 1)
    }
}

/// The function that a node calls.
fn function<'g>(graph: &'g Graph, node: &Node) -> Option<&'g Function> {
    let overload = node.text("overload").unwrap_or_default();
    graph.functions.iter().find(|function| {
        function.domain == node.domain
            && function.name == node.operator
            && function.overload == overload
    })
}

/// A node whose attributes may be parameters of the function that it is in.
fn filled<'n>(node: &'n Node, scope: &Scope, outer: &[&Scope]) -> Cow<'n, Node> {
    let is_parameter = |(_, value): &(String, Attribute)| matches!(value, Attribute::Parameter(_));
    if !node.attributes.iter().any(is_parameter) {
        return Cow::Borrowed(node);
    }
    let given = |name: &String| {
        let mut scopes = std::iter::once(&scope).chain(outer.iter().rev());
        scopes.find_map(|scope| {
            let found = scope.parameters.iter().find(|(key, _)| key == name)?;
            Some(found.1.clone())
        })
    };
    let mut node = node.clone();
    node.attributes = (node.attributes.into_iter())
        .filter_map(|(key, value)| match &value {
            Attribute::Parameter(name) => Some((key, given(name)?)),
            _ => Some((key, value)),
        })
        .collect();
    Cow::Owned(node)
}

/// Why a node stops: a reason of its own, or that of a node within it.
enum Stop {
    Here(Problem),
    Within(Fault),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Here(problem)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Within(fault)
    }
}

/// What is wrong with a body as a whole.
fn of_body(body: usize, problem: Problem) -> Fault {
    let node = match body {
        0 => "the model".to_owned(),
        body => format!("body {body}"),
    };
    Fault { node, problem }
}

fn look_up(name: &str, scope: &Scope, outer: &[&Scope]) -> Option<Value> {
    let found = scope.values.get(name);
    let found = found.or_else(|| outer.iter().rev().find_map(|scope| scope.values.get(name)));
    found.cloned()
}

fn described(node: &Node) -> String {
    match node.name.is_empty() {
        true => match node.outputs.first() {
            Some(output) => format!("the {} that makes {output:?}", node.operator),
            None => node.operator.clone(),
        },
        false => format!("{} {:?}", node.operator, node.name),
    }
}

fn body_of(node: &Node, name: &'static str) -> Result<usize, Problem> {
    match node.attribute(name) {
        Some(&Attribute::Body(body)) => Ok(body),
        other => Err(Problem::Attribute {
            name,
            value: format!("{other:?}"),
        }),
    }
}

/// A condition, which must be known while the graph is recorded.
fn truth(value: Option<&Option<Value>>) -> Result<bool, Problem> {
    match value {
        Some(Some(Value::Whole(array))) if array.data().len() == 1 => Ok(array.data()[0] != 0),
        _ => Err(Problem::Kind {
            input: 0,
            expected: "a condition",
        }),
    }
}
