//! Training: step after step, each on a batch of its own.

use super::error::TrainError;
use super::labels::Labels;
use super::loss::Loss;
use super::network::{Network, Uses};
use super::optimizer::Stepper;
use super::parts::{Inputs, part_of, parts, share};
use crate::array::Array;
use crate::executor::{Repeated, Trace, ValueId};
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
    /// How many of its samples pass at a time from its second step on.
    share: Option<usize>,
    trace: Trace<f32>,
    uses: Uses,
    output: ValueId,
    /// The gradient of the loss by the output.
    slope: Array<f32>,
    gradients: Repeated<f32>,
}

/// Programs that are kept: batches have few sizes.
const PROGRAMS: usize = 8;

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
        let known = self.known(&inputs);
        let share = known.and_then(|place| self.programs[place].share);
        let parts = parts(inputs, labels, share, self.loss);
        let mut last = match &*parts {
            [part, _, ..] => self.known(&part.inputs),
            _ => known,
        };
        let mut value = 0.0;
        for (place, part) in parts.into_iter().enumerate() {
            let program = self.run(part.inputs, last)?;
            last = Some(program);
            let Program {
                trace,
                output,
                slope,
                gradients,
                ..
            } = &mut self.programs[program];
            let loss = self
                .loss
                .descend(trace.array(*output), &part.labels, slope)?;
            value += part.weight * loss;
            if part.weight != 1.0 {
                let slopes = slope.data_mut().iter_mut();
                slopes.for_each(|slope| *slope *= part.weight as f32);
            }
            if place == 0 {
                gradients.clear();
            }
            gradients.add(trace, *output, slope);
        }
        let last = last.expect("a batch has a part");
        let program = &self.programs[last];
        self.stepper.set_lr(lr);
        self.stepper.step_at(
            &mut self.network,
            &program.uses,
            program.gradients.gradients(),
        );
        if program.share.is_none() {
            self.programs[last].share = Some(self.share(last));
        }
        Ok(value)
    }

    /// How many samples pass at a time: as many as stay in the cache, or all where they do not stay
    /// apart.
    fn share(&self, place: usize) -> usize {
        let inputs = self.network.inputs();
        let first = inputs.first().and_then(|(_, datum)| datum.shape().first());
        let samples = first.copied().unwrap_or(0);
        let whole = &self.programs[place].trace;
        let share = share(whole, samples);
        if share == samples {
            return samples;
        }
        let part = self.network.run_on(&part_of(inputs, 0, samples / share));
        match part.is_ok_and(|part| part.is_part_of(whole)) {
            true => share,
            false => samples,
        }
    }

    /// Runs the network on a batch, in the program of such inputs if one is known: the place of its
    /// program.
    fn run(&mut self, inputs: Inputs, known: Option<usize>) -> Result<usize, TrainError> {
        self.network.give(inputs);
        if let Some(place) = known {
            let Program { trace, uses, .. } = &mut self.programs[place];
            self.network.run_again(trace, uses);
            return Ok(place);
        }
        let trace = self.network.run()?;
        let output = output(&trace, self.network.graph())?;
        if self.programs.len() == PROGRAMS {
            self.programs.remove(0);
        }
        self.programs.push(Program {
            share: None,
            slope: Array::filled(trace.array(output).shape(), 0.0),
            output,
            gradients: Repeated::new(&trace),
            uses: self.network.uses(&trace),
            trace,
        });
        Ok(self.programs.len() - 1)
    }

    /// The program of such inputs.
    fn known(&mut self, inputs: &Inputs) -> Option<usize> {
        self.programs
            .retain(|program| program.trace.is_repeatable());
        let is_of = |program: &Program| {
            inputs.iter().all(|(name, datum)| {
                let id = program.trace.find(name);
                id.is_some_and(|id| program.trace.array(id).shape() == datum.shape())
            })
        };
        self.programs.iter().position(is_of)
    }

    /// How the network does on a batch; nothing is changed.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn grade(&mut self, inputs: Inputs, labels: &Labels) -> Result<Graded, TrainError> {
        let known = self.known(&inputs);
        let place = self.run(inputs, known)?;
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
        let known = self.known(&inputs);
        let place = self.run(inputs, known)?;
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use semilla::Recipe;
    use semilla::network::Network as Described;

    use super::*;
    use crate::executor::Datum;
    use crate::train::{Optimizer, Parameter};

    /// How many of 6 samples pass at a time in a network of such layers.
    fn share(layers: &str) -> usize {
        let text =
            format!("[inputs]\nx = \"numbers(2, 32, 32)\"\n[network]\nlayers = [{layers}]\n");
        let described = Described::read(&text, "").unwrap();
        let plan = Recipe::auto().plan(&described.model, 1).unwrap();
        let weight = |name: &str| {
            let line = plan.line(name)?;
            let value = Datum::decode(line.dtype, &line.shape, &line.to_bytes().ok()?)?;
            Some(Parameter::from(value))
        };
        let weight = |name: &str| Ok::<_, Infallible>(weight(name));
        let network = Network::new(&described.graph, Vec::new(), weight).unwrap();
        let stepper = Stepper::new(Optimizer::Sgd, 0.1);
        let mut training = Training::new(network, Loss::CrossEntropy, stepper);
        let x = Array::filled([6, 2, 32, 32], 1.0);
        let labels = Labels::Classes(vec![0, 1, 2, 0, 1, 2]);
        training
            .step(vec![("x".to_owned(), Datum::Float(x))], &labels, 0.1)
            .unwrap();
        training.programs[0].share.unwrap()
    }

    #[test]
    fn samples_pass_in_parts_where_they_stay_apart() {
        let head = "\"max_pool(2) -> flatten -> head: linear(3)\"";
        let own = "\"a: conv(16) -> relu\", { residual = [\"b: conv(16) -> tanh\"] }";
        assert_eq!(share(&format!("{own}, {head}")), 2);
        // A batch is normalized as a whole.
        assert_eq!(share(&format!("{own}, \"batch_norm\", {head}")), 6);
        // All of them stay in the cache.
        assert_eq!(share(head), 6);
    }
}
