//! A network whose weights change.

use std::collections::BTreeMap;

use semilla::graph::Initializer;
use semilla::plan::Line;
use semilla::{Graph, scheme};

use crate::array::Array;
use crate::executor::{Datum, Fault, Mode, Trace};
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
    parameters: BTreeMap<String, Parameter>,
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
            parameters,
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
        self.parameters.keys().map(String::as_str)
    }

    /// The numbers of a weight.
    pub fn values(&self, name: &str) -> Option<&Array<f32>> {
        match &self.parameters.get(name)?.value {
            Datum::Float(array) => Some(array),
            Datum::Whole(_) => None,
        }
    }

    /// A weight and its factors.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }

    /// Changes the numbers of a weight in place; nothing where there is none.
    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut [f32])) {
        if let Some(Parameter {
            value: Datum::Float(array),
            moments,
            ..
        }) = self.parameters.get_mut(name)
        {
            *moments = None;
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
        let known = self.parameters.get(name).and_then(|own| own.moments);
        self.change(name, |values| {
            values
                .iter_mut()
                .for_each(|x| *x = (f64::from(*x) * factor) as f32);
        });
        if let Some(parameter) = self.parameters.get_mut(name) {
            parameter.moments = known.map(|moments| moments.scaled(factor));
        }
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
        let parameter = self.parameters.get(tensor.tensor.as_deref()?)?;
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
    pub(super) fn run_again(&self, trace: &mut Trace<f32>) {
        for (name, datum) in &self.inputs {
            if let (Datum::Float(array), Some(id)) = (datum, trace.find(name)) {
                trace.array_mut(id).data_mut().copy_from_slice(array.data());
            }
        }
        trace.change_weights(|name, array| {
            let Some(parameter) = self.parameters.get(name) else {
                return;
            };
            if let Datum::Float(own) = &parameter.value {
                let factor = parameter.multiplier as f32;
                let pairs = array.data_mut().iter_mut().zip(own.data());
                pairs.for_each(|(to, &x)| *to = x * factor);
            }
        });
        trace.repeat();
    }

    /// The inputs, as a run takes them.
    fn given(&self) -> impl Iterator<Item = (&str, Datum<f32>)> {
        let inputs = self.inputs.iter();
        inputs.map(|(name, datum)| (&**name, datum.clone()))
    }

    /// What the graph takes for a tensor: its values, times the factor on what they make.
    fn effective(&self, tensor: &Initializer) -> Option<Datum<f32>> {
        let parameter = self.parameters.get(tensor.tensor.as_deref()?)?;
        match &parameter.value {
            Datum::Float(array) if parameter.multiplier != 1.0 => {
                let factor = parameter.multiplier as f32;
                Some(Datum::Float(array.map(|x| x * factor)))
            }
            value => Some(value.clone()),
        }
    }
}
