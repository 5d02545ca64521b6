//! One trial under way.

use semilla_signal::{Graded, Layer, Stepper, Training};

use crate::error::LabError;
use crate::order::Order;
use crate::outcome::{End, LayerState, Outcome, Point, Score, Snapshot, Validation};
use crate::problem::Problem;
use crate::samples::Scales;
use crate::split::Split;
use crate::start::{Weights, first};
use crate::trial::Trial;

/// A loss beyond this has no way back.
const BEYOND: f64 = 1e9;
/// Samples that are measured at a time, at most.
const MEASURED: usize = 256;

/// One trial under way: to be advanced as far as one likes, and looked at in between.
///
/// ```
/// use semilla_lab::{Problem, Replica, Trial};
///
/// let trial = Trial::from_json(r#"{"model": "mlp:2-16-2:tanh", "recipe": "xavier_normal",
///     "data": {"source": "spirals"}, "optimizer": "adam", "rate": 0.01, "steps": 20}"#)?;
/// let problem = Problem::of(&trial)?;
/// let mut replica = Replica::start(&problem, &trial)?;
/// while replica.advance(5)? {
///     println!("{}: {}", replica.step(), replica.validate()?.loss);
/// }
/// let outcome = replica.finish()?;
/// assert!(outcome.test.is_some());
/// # Ok::<(), semilla_lab::LabError>(())
/// ```
pub struct Replica<'p> {
    problem: &'p Problem,
    trial: Trial,
    split: Split,
    scales: Scales,
    order: Order,
    batch: usize,
    training: Training<'p>,
    step: u64,
    /// The losses since the last point of the curve.
    losses: Vec<f64>,
    outcome: Outcome,
}

impl<'p> Replica<'p> {
    /// Makes the first weights of a trial; trains its trunk, if it has one.
    ///
    /// # Errors
    /// The recipe does not fit the model, the trunk does not train, or the trial is of another
    /// problem.
    pub fn start(problem: &'p Problem, trial: &Trial) -> Result<Self, LabError> {
        let trunk = match &trial.trunk {
            Some(trunk) => Some(trained(&Problem::of(&trunk.trial)?, &trunk.trial)?),
            None => None,
        };
        Self::start_from(problem, trial, trunk.as_ref())
    }

    /// The same with a trunk that was trained already.
    pub(crate) fn start_from(
        problem: &'p Problem,
        trial: &Trial,
        trunk: Option<&Weights>,
    ) -> Result<Self, LabError> {
        trial.check()?;
        if !problem.is_of(trial) {
            return Err(LabError::OtherProblem(trial.id()));
        }
        let split = problem.split(trial.seeds.split);
        let (batch, scales) = problem.first_batch(&split);
        let network = first(problem, trial, trunk, batch)?;
        let stepper = Stepper::new(trial.optimizer, trial.rate).with_decay(trial.weight_decay);
        let mut replica = Self {
            problem,
            order: Order::new(trial.seeds.order, split.training.len()),
            batch: trial.batch.min(split.training.len()),
            split,
            scales,
            training: Training::new(network, problem.loss, stepper),
            step: 0,
            losses: Vec::new(),
            outcome: Outcome {
                trial: trial.id(),
                end: End::Finished,
                curve: Vec::new(),
                validations: Vec::new(),
                test: None,
                layers: Vec::new(),
            },
            trial: trial.clone(),
        };
        if replica.trial.record.layers > 0 {
            replica.note_layers()?;
        }
        Ok(replica)
    }

    /// Takes so many steps, or fewer at the end; whether steps are left.
    ///
    /// # Errors
    /// The network does not run.
    pub fn advance(&mut self, steps: u64) -> Result<bool, LabError> {
        for _ in 0..steps {
            if self.is_over() {
                break;
            }
            self.take_step()?;
        }
        Ok(!self.is_over())
    }

    /// The steps that were taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What is noted so far.
    pub fn so_far(&self) -> &Outcome {
        &self.outcome
    }

    /// Looks at the layers, on a batch of the training samples.
    ///
    /// # Errors
    /// The network does not run.
    pub fn layers(&mut self) -> Result<Vec<LayerState>, LabError> {
        let places = &self.split.training[..self.batch];
        let (inputs, labels) = self.problem.samples.batch(places, &self.scales);
        let layers = self.training.look(inputs, &labels)?;
        Ok(layers.into_iter().map(state).collect())
    }

    /// Measures the network on the validation set.
    ///
    /// # Errors
    /// The network does not run.
    pub fn validate(&mut self) -> Result<Score, LabError> {
        let places = self.split.validation.clone();
        self.measure(&places)
    }

    /// Takes the steps that are left, and measures the network on the test set.
    ///
    /// # Errors
    /// The network does not run.
    pub fn finish(mut self) -> Result<Outcome, LabError> {
        self.end()?;
        Ok(self.outcome)
    }

    fn end(&mut self) -> Result<(), LabError> {
        self.advance(u64::MAX)?;
        if self.outcome.end == End::Finished {
            let places = self.split.test.clone();
            let test = self.measure(&places)?;
            match is_beyond(test.loss) {
                true => self.diverge(),
                false => self.outcome.test = Some(test),
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.step == self.trial.steps || self.outcome.end != End::Finished
    }

    fn take_step(&mut self) -> Result<(), LabError> {
        let numbers = self.order.next(self.batch).into_iter();
        let places: Vec<usize> = numbers.map(|i| self.split.training[i]).collect();
        let (inputs, labels) = self.problem.samples.batch(&places, &self.scales);
        let trial = &self.trial;
        let rate = trial.rate * trial.schedule.factor(self.step, trial.steps);
        let loss = self.training.step(inputs, &labels, rate)?;
        if is_beyond(loss) {
            self.diverge();
            return Ok(());
        }
        self.step += 1;
        self.losses.push(loss);
        let record = self.trial.record;
        if self.is_due(record.curve) {
            let loss = self.losses.iter().sum::<f64>() / self.losses.len() as f64;
            self.losses.clear();
            self.outcome.curve.push(Point {
                step: self.step,
                loss,
            });
        }
        if self.is_due(record.validations.max(1)) {
            let score = self.validate()?;
            if is_beyond(score.loss) {
                self.diverge();
                return Ok(());
            }
            let step = self.step;
            self.outcome.validations.push(Validation { step, score });
        }
        if record.layers > 1 && self.is_due(record.layers - 1) {
            self.note_layers()?;
        }
        Ok(())
    }

    /// Whether one of so many points, evenly spread, the last at the end, lies at this step.
    fn is_due(&self, points: u64) -> bool {
        let passed =
            |step: u64| u128::from(step) * u128::from(points) / u128::from(self.trial.steps);
        passed(self.step) > passed(self.step - 1)
    }

    fn note_layers(&mut self) -> Result<(), LabError> {
        let (step, layers) = (self.step, self.layers()?);
        // Numbers beyond all bounds have no JSON, and nothing to show.
        if layers.iter().all(LayerState::is_finite) {
            self.outcome.layers.push(Snapshot { step, layers });
        }
        Ok(())
    }

    fn diverge(&mut self) {
        self.outcome.end = End::Diverged { step: self.step };
    }

    /// The loss and the accuracy on some samples.
    fn measure(&mut self, places: &[usize]) -> Result<Score, LabError> {
        let (mut loss, mut labels, mut right) = (0.0, 0, Some(0));
        // Parts of one size, so that each is measured alike.
        let parts = places.len().div_ceil(MEASURED).max(1);
        for places in places.chunks(places.len().div_ceil(parts).max(1)) {
            let (inputs, own) = self.problem.samples.batch(places, &self.scales);
            let found: Graded = self.training.grade(inputs, &own)?;
            loss += found.loss * found.labels as f64;
            labels += found.labels;
            right = right.zip(found.right).map(|(sum, own)| sum + own);
        }
        let count = labels.max(1) as f64;
        Ok(Score {
            loss: loss / count,
            accuracy: right.map(|right: usize| right as f64 / count),
        })
    }

    /// The weights, as they are now.
    pub(crate) fn weights(&self) -> Weights {
        let network = self.training.network();
        let values = network
            .names()
            .filter_map(|name| Some((name.to_owned(), network.values(name)?.clone())));
        values.collect()
    }
}

/// Whether a loss has no way back; NaN has none.
fn is_beyond(loss: f64) -> bool {
    loss.is_nan() || loss > BEYOND
}

/// The weights that come of a trial.
pub(crate) fn trained(problem: &Problem, trial: &Trial) -> Result<Weights, LabError> {
    let mut replica = Replica::start(problem, trial)?;
    replica.end()?;
    match replica.outcome.end {
        End::Finished => Ok(replica.weights()),
        End::Diverged { step } => Err(LabError::TrunkDiverged(step)),
    }
}

fn state(layer: Layer) -> LayerState {
    let std = |mean: f64, second_moment: f64| (second_moment - mean * mean).max(0.0).sqrt();
    LayerState {
        weight: layer.weight,
        mean: layer.forward.mean,
        std: std(layer.forward.mean, layer.forward.second_moment),
        activated: layer
            .activated
            .map(|found| std(found.mean, found.second_moment)),
        gradient: layer
            .backward
            .map_or(0.0, |found| found.squared_norm.sqrt()),
        weight_gradient: layer.weight_gradient.map_or(0.0, f64::sqrt),
        dead: layer.backward.map_or(1.0, |found| found.dead),
        histogram: layer.histogram,
        gradient_histogram: layer.gradient_histogram,
    }
}
