//! A network whose weights change.

use std::collections::BTreeMap;

use semilla::graph::Initializer;
use semilla::plan::Line;
use semilla::{Graph, scheme};

use crate::array::Array;
use crate::executor::{Datum, Fault, Mode, Trace, ValueId};
use crate::measure::{Measurement, Spectra, measure, spectra};
use crate::theory::{Given, Prediction, UnitScales, WeightMoments, predict, unit_scales};

/// A weight that is trained, and what a scheme scales of it besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its values.
    pub value: Datum<f32>,
    /// The factor on its learning rate.
    pub lr: f64,
    /// The factor on what its layer makes of it.
    pub multiplier: f64,
    /// What theory knows of it, that factor included, where it is made by a formula; else its
    /// values tell.
    pub moments: Option<WeightMoments>,
}

impl Parameter {
    /// A planned weight, with what its scheme scales besides under an optimizer.
    pub fn planned(value: Datum<f32>, line: &Line, optimizer: scheme::Optimizer) -> Self {
        Self {
            value,
            lr: line.lr.map_or(1.0, |rates| rates.of(optimizer)),
            multiplier: line.multiplier.unwrap_or(1.0),
            moments: WeightMoments::of_line(line),
        }
    }
}

impl From<Datum<f32>> for Parameter {
    /// A weight that nothing scales.
    fn from(value: Datum<f32>) -> Self {
        Self {
            value,
            lr: 1.0,
            multiplier: 1.0,
            moments: None,
        }
    }
}

/// A graph with inputs and weights, which is run again and again while its weights change.
pub struct Network<'g> {
    graph: &'g Graph,
    inputs: Vec<(String, Datum<f32>)>,
    /// In the order of their names.
    parameters: Vec<(String, Parameter)>,
}

/// Where a trace takes a network's weights: for each weight that it takes, its place in the network
/// and its arrays in the trace.
pub(super) struct Uses(Vec<(usize, Vec<ValueId>)>);

impl Uses {
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[ValueId])> {
        self.0.iter().map(|(place, values)| (*place, &**values))
    }
}

impl<'g> Network<'g> {
    /// A network. `weight` gives a tensor's values by the name under which the model's checkpoint
    /// lists it; where it gives none, the graph's own are used.
    ///
    /// # Errors
    /// Those of `weight`.
    pub fn new<E>(
        graph: &'g Graph,
        inputs: Vec<(String, Datum<f32>)>,
        mut weight: impl FnMut(&str) -> Result<Option<Parameter>, E>,
    ) -> Result<Self, E> {
        let mut parameters = BTreeMap::new();
        for tensor in graph.bodies().iter().flat_map(|body| &body.initializers) {
            let Some(name) = tensor.tensor.as_deref() else {
                continue;
            };
            if !parameters.contains_key(name) {
                let found = weight(name)?;
                parameters.extend(found.map(|found| (name.to_owned(), found)));
            }
        }
        Ok(Self {
            graph,
            inputs,
            parameters: parameters.into_iter().collect(),
        })
    }

    /// The graph.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// The inputs, by their names.
    pub fn inputs(&self) -> &[(String, Datum<f32>)] {
        &self.inputs
    }

    /// Takes other inputs, which replace those before them.
    pub fn give(&mut self, inputs: Vec<(String, Datum<f32>)>) {
        self.inputs = inputs;
    }

    /// The names of the weights.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| name.as_str())
    }

    /// The numbers of a weight.
    pub fn values(&self, name: &str) -> Option<&Array<f32>> {
        match &self.parameter(name)?.value {
            Datum::Float(array) => Some(array),
            Datum::Whole(_) => None,
        }
    }

    /// The place of a weight.
    fn place(&self, name: &str) -> Option<usize> {
        let names = |(own, _): &(String, Parameter)| own.as_str().cmp(name);
        self.parameters.binary_search_by(names).ok()
    }

    /// A weight and its factors.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        Some(&self.parameters[self.place(name)?].1)
    }

    /// The factors on what the layer of a weight makes, and on its learning rate.
    pub(super) fn factors(&self, place: usize) -> (f64, f64) {
        let (_, parameter) = &self.parameters[place];
        (parameter.multiplier, parameter.lr)
    }

    /// Where a trace of it takes its weights.
    pub(super) fn uses(&self, trace: &Trace<f32>) -> Uses {
        let mut uses = BTreeMap::<usize, Vec<ValueId>>::new();
        for (name, id) in trace.weights() {
            if let Some(place) = self.place(name) {
                uses.entry(place).or_default().push(*id);
            }
        }
        Uses(uses.into_iter().collect())
    }

    /// Changes the numbers of a weight in place; nothing where there is none.
    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut [f32])) {
        if let Some(place) = self.place(name) {
            self.change_at(place, change);
        }
    }

    /// The same of a weight by its place.
    pub(super) fn change_at(&mut self, place: usize, change: impl FnOnce(&mut [f32])) {
        let (_, parameter) = &mut self.parameters[place];
        if let Datum::Float(array) = &mut parameter.value {
            parameter.moments = None;
            change(array.data_mut());
        }
    }

    /// Gives a weight other numbers.
    pub(crate) fn set(&mut self, name: &str, numbers: &[f64]) {
        self.change(name, |values| {
            let pairs = values.iter_mut().zip(numbers);
            pairs.for_each(|(value, &number)| *value = number as f32);
        });
    }

    /// Multiplies a weight by a factor.
    pub(crate) fn scale(&mut self, name: &str, factor: f64) {
        let Some(place) = self.place(name) else {
            return;
        };
        let known = self.parameters[place].1.moments;
        self.change_at(place, |values| {
            values
                .iter_mut()
                .for_each(|x| *x = (f64::from(*x) * factor) as f32);
        });
        self.parameters[place].1.moments = known.map(|moments| moments.scaled(factor));
    }

    /// What theory expects of it as it is, nothing being run, as [`predict`] does.
    pub fn predict(&self) -> Prediction {
        let weights = |tensor: &Initializer| self.moments(tensor);
        predict(self.graph, weights, &self.known_inputs())
    }

    /// The factors on weights with which theory expects layers to make variance 1, as
    /// [`unit_scales`] finds them.
    pub(crate) fn unit_scales(&self, wanted: &[&str]) -> UnitScales {
        let weights = |tensor: &Initializer| self.moments(tensor);
        unit_scales(self.graph, &weights, &self.known_inputs(), wanted)
    }

    fn moments(&self, tensor: &Initializer) -> Option<WeightMoments> {
        let parameter = self.parameter(tensor.tensor.as_deref()?)?;
        match (&parameter.value, parameter.moments) {
            (Datum::Float(_), Some(moments)) => Some(moments),
            (Datum::Float(array), None) => {
                Some(WeightMoments::of_values(array.data()).scaled(parameter.multiplier))
            }
            (Datum::Whole(_), _) => None,
        }
    }

    fn known_inputs(&self) -> Vec<(String, Given)> {
        let inputs = self.inputs.iter().map(|(name, datum)| (name, datum));
        let whole = (self.parameters.iter())
            .map(|(name, parameter)| (name, &parameter.value))
            .filter(|(_, value)| matches!(value, Datum::Whole(_)));
        (inputs.chain(whole))
            .map(|(name, datum)| (name.clone(), Given::of(datum)))
            .collect()
    }

    /// Runs it forward, as in training.
    ///
    /// # Errors
    /// The graph does not run on these inputs and weights.
    pub fn run(&self) -> Result<Trace<f32>, Fault> {
        self.run_on(&self.inputs)
    }

    /// The same on other inputs.
    pub(super) fn run_on(&self, inputs: &[(String, Datum<f32>)]) -> Result<Trace<f32>, Fault> {
        let inputs = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        let weights = |tensor: &Initializer| self.effective(tensor);
        Trace::record(self.graph, Mode::Training, inputs, weights)
    }

    /// Runs it forward and back, and looks at every layer, as [`measure`] does.
    ///
    /// # Errors
    /// As [`measure`].
    pub fn measure(&self, seed: u64) -> Result<Measurement, Fault> {
        let weights = |tensor: &Initializer| self.effective(tensor);
        measure(self.graph, self.given(), weights, seed)
    }

    /// Looks at its singular values, as [`spectra`] does.
    ///
    /// # Errors
    /// As [`spectra`].
    pub fn spectra(&self, seed: u64) -> Result<Spectra, Fault> {
        let weights = |tensor: &Initializer| self.effective(tensor);
        spectra(self.graph, self.given(), weights, seed)
    }

    /// Runs it again as it ran in a trace: in the same arrays, with the inputs and the weights as
    /// they are now.
    pub(super) fn run_again(&self, trace: &mut Trace<f32>, uses: &Uses) {
        for (name, datum) in &self.inputs {
            if let (Datum::Float(array), Some(id)) = (datum, trace.find(name)) {
                trace.array_mut(id).data_mut().copy_from_slice(array.data());
            }
        }
        for (place, values) in uses.iter() {
            let (_, parameter) = &self.parameters[place];
            let Datum::Float(own) = &parameter.value else {
                continue;
            };
            let factor = parameter.multiplier as f32;
            for &id in values {
                let to = trace.array_mut(id).data_mut();
                if factor == 1.0 {
                    to.copy_from_slice(own.data());
                    continue;
                }
                let pairs = to.iter_mut().zip(own.data());
                pairs.for_each(|(to, &x)| *to = x * factor);
            }
        }
        trace.repeat();
    }

    /// The inputs, as a run takes them.
    fn given(&self) -> impl Iterator<Item = (&str, Datum<f32>)> {
        let inputs = self.inputs.iter();
        inputs.map(|(name, datum)| (&**name, datum.clone()))
    }

    /// What the graph takes for a tensor: its values, times the factor on what they make.
    fn effective(&self, tensor: &Initializer) -> Option<Datum<f32>> {
        let parameter = self.parameter(tensor.tensor.as_deref()?)?;
        match &parameter.value {
            Datum::Float(array) if parameter.multiplier != 1.0 => {
                let factor = parameter.multiplier as f32;
                Some(Datum::Float(array.map(|x| x * factor)))
            }
            value => Some(value.clone()),
        }
    }
}
