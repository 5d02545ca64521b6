//! Training: step after step, each on a batch of its own.

use super::error::TrainError;
use super::labels::Labels;
use super::loss::Loss;
use super::network::Network;
use super::optimizer::Stepper;
use crate::array::{Array, around};
use crate::executor::Datum;
use crate::measure::Layer;
use crate::measure::measurement::{measured_layers, output};

/// A network in training.
pub struct Training<'g> {
    network: Network<'g>,
    loss: Loss,
    stepper: Stepper,
}

/// How a network does on a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Graded {
    /// The mean loss.
    pub loss: f64,
    /// The labels that count: those of classes below 0 are left out.
    pub labels: usize,
    /// Those of them that are right: the class of the greatest output. `None` of numbers.
    pub right: Option<usize>,
}

/// The inputs of a network by their names.
type Inputs = Vec<(String, Datum<f32>)>;

impl<'g> Training<'g> {
    /// A training of a network, before its first step.
    pub fn new(network: Network<'g>, loss: Loss, stepper: Stepper) -> Self {
        Self {
            network,
            loss,
            stepper,
        }
    }

    /// The network, as it is now.
    pub fn network(&self) -> &Network<'g> {
        &self.network
    }

    /// Takes a step on a batch, at this learning rate; the loss before it.
    ///
    /// # Errors
    /// The network does not run on the inputs, or the loss does not fit its output or the labels.
    pub fn step(&mut self, inputs: Inputs, labels: &Labels, lr: f64) -> Result<f64, TrainError> {
        self.network.give(inputs);
        let trace = self.network.run()?;
        let output = output(&trace, self.network.graph())?;
        let lost = self.loss.of(trace.array(output), labels)?;
        let gradients = trace.gradients_of_weights([(output, lost.gradient)]);
        self.stepper.set_lr(lr);
        self.stepper.step(&mut self.network, &trace, &gradients);
        Ok(lost.value)
    }

    /// How the network does on a batch; nothing is changed.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn grade(&mut self, inputs: Inputs, labels: &Labels) -> Result<Graded, TrainError> {
        self.network.give(inputs);
        let trace = self.network.run()?;
        let output = trace.array(output(&trace, self.network.graph())?);
        let loss = self.loss.of(output, labels)?.value;
        let classes = match labels {
            Labels::Classes(classes) => classes,
            Labels::Values(values) => {
                return Ok(Graded {
                    loss,
                    labels: values.data().len(),
                    right: None,
                });
            }
        };
        let counted = classes.iter().filter(|&&class| class >= 0);
        Ok(Graded {
            loss,
            labels: counted.count(),
            right: Some(self.loss.right(output, classes)?),
        })
    }

    /// Looks at every layer on a batch, with the gradients of the loss; nothing is changed.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn look(&mut self, inputs: Inputs, labels: &Labels) -> Result<Vec<Layer>, TrainError> {
        self.network.give(inputs);
        let graph = self.network.graph();
        let trace = self.network.run()?;
        let output = output(&trace, graph)?;
        let lost = self.loss.of(trace.array(output), labels)?;
        let gradients = trace.gradients([(output, lost.gradient)]);
        Ok(measured_layers(&trace, graph, &gradients))
    }
}

impl Loss {
    /// How many classes are right: those of the greatest output of their place.
    fn right(self, output: &Array<f32>, classes: &[i64]) -> Result<usize, TrainError> {
        let (_, count, after) = around(output.shape(), self.axis(output.shape())?);
        let is_right = |(place, label): &(usize, &i64)| {
            let at = |class: usize| {
                output.data()[(place / after * count + class) * after + place % after]
            };
            let Ok(label) = usize::try_from(**label) else {
                return false;
            };
            let own = at(label);
            // NaN is never right; of equals the first is taken.
            (0..count).all(|class| match class < label {
                true => at(class) < own,
                false => at(class) <= own,
            })
        };
        Ok(classes.iter().enumerate().filter(is_right).count())
    }
}
