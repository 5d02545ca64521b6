//! Training: step after step, each on a batch of its own.

use super::error::TrainError;
use super::labels::Labels;
use super::loss::Loss;
use super::network::Network;
use super::optimizer::Stepper;
use crate::array::Array;
use crate::executor::{Datum, Repeated, Trace, ValueId};
use crate::measure::Layer;
use crate::measure::measurement::{measured_layers, output};

/// A network in training. A network of numbers runs through the graph once for each size of
/// batches: from then on its steps are repeated in the same arrays.
pub struct Training<'g> {
    network: Network<'g>,
    loss: Loss,
    stepper: Stepper,
    programs: Vec<Program>,
}

/// A run that was recorded, and what a way back needs.
struct Program {
    trace: Trace<f32>,
    output: ValueId,
    /// The gradient of the loss by the output.
    slope: Array<f32>,
    gradients: Repeated<f32>,
}

/// Programs that are kept: batches have few sizes.
const PROGRAMS: usize = 6;

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
            programs: Vec::new(),
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
        let place = self.run(inputs)?;
        let program = &mut self.programs[place];
        let output = program.trace.array(program.output);
        let value = self.loss.descend(output, labels, &mut program.slope)?;
        let Program {
            trace,
            output,
            slope,
            gradients,
        } = program;
        let gradients = gradients.gradients(trace, *output, slope);
        self.stepper.set_lr(lr);
        self.stepper.step(&mut self.network, trace, gradients);
        Ok(value)
    }

    /// Runs the network on a batch: the place of its program.
    fn run(&mut self, inputs: Inputs) -> Result<usize, TrainError> {
        self.network.give(inputs);
        self.programs
            .retain(|program| program.trace.is_repeatable());
        let inputs = self.network.inputs();
        let is_of = |program: &Program| {
            inputs.iter().all(|(name, datum)| {
                let id = program.trace.find(name);
                id.is_some_and(|id| program.trace.array(id).shape() == datum.shape())
            })
        };
        if let Some(place) = self.programs.iter().position(is_of) {
            self.network.run_again(&mut self.programs[place].trace);
            return Ok(place);
        }
        let trace = self.network.run()?;
        let output = output(&trace, self.network.graph())?;
        if self.programs.len() == PROGRAMS {
            self.programs.remove(0);
        }
        self.programs.push(Program {
            slope: Array::filled(trace.array(output).shape(), 0.0),
            output,
            gradients: Repeated::new(&trace),
            trace,
        });
        Ok(self.programs.len() - 1)
    }

    /// How the network does on a batch; nothing is changed.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn grade(&mut self, inputs: Inputs, labels: &Labels) -> Result<Graded, TrainError> {
        let place = self.run(inputs)?;
        let program = &mut self.programs[place];
        let output = program.trace.array(program.output);
        let loss = self.loss.descend(output, labels, &mut program.slope)?;
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
        let place = self.run(inputs)?;
        let Program {
            trace,
            output,
            slope,
            ..
        } = &mut self.programs[place];
        self.loss.descend(trace.array(*output), labels, slope)?;
        let gradients = trace.gradients([(*output, slope.clone())]);
        Ok(measured_layers(trace, self.network.graph(), &gradients))
    }
}
