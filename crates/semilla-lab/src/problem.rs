//! What is trained on what: loaded once, shared by all replicas.

use semilla::graph::{Dim, Graph, Initializer};
use semilla::network::Network;
use semilla::number::counted;
use semilla_checkpoint::ops::{DescribeOptions, Described, describe, describe_network};
use semilla_data::Data;
use semilla_signal::{Array, Datum, InputSpec, Labels, Loss, Mode, Trace};

use crate::data::{self, DataSpec};
use crate::error::LabError;
use crate::plans::Plans;
use crate::samples::{Batch, Samples, Scales};
use crate::split::Split;
use crate::trial::Trial;

/// Samples that stand for all: fits and recommendations look at them.
const FIRST: usize = 256;

/// What is trained on what: a model, data and a loss, loaded once and shared by all replicas.
///
/// ```
/// use semilla_lab::{DataSpec, Problem};
///
/// let problem = Problem::load("mlp:64-32-10:relu", &DataSpec::of("digits"), None)?;
/// assert_eq!((problem.samples(), problem.classes()), (1797, Some(10)));
/// let [training, validation, test] = problem.sizes();
/// assert_eq!(training + validation + test, 1797);
/// # Ok::<(), semilla_lab::LabError>(())
/// ```
pub struct Problem {
    model: String,
    data: DataSpec,
    /// The loss of trials that state none.
    usual: Option<Loss>,
    pub(crate) loss: Loss,
    classes: Option<usize>,
    remarks: Vec<String>,
    pub(crate) described: Described,
    pub(crate) graph: Graph,
    pub(crate) samples: Samples,
    pub(crate) plans: Plans,
}

impl Problem {
    /// Loads a model and data. Without a loss, the one that is usual for the labels is taken: mean
    /// squares for numbers, cross-entropy for classes, the next token where there are no labels.
    ///
    /// # Errors
    /// The model or the data cannot be read, or do not go together; labels beyond the model's
    /// outputs; too few samples.
    pub fn load(model: &str, data: &DataSpec, loss: Option<Loss>) -> Result<Self, LabError> {
        let described = described(model)?;
        let graph = described.graph()?.into_owned();
        check_batch_axis(model, &graph)?;
        let mut read = data::read(data, &graph)?;
        let unfit = |problem: String| LabError::Unfit {
            data: data.source.clone(),
            problem,
        };
        let usual = usual(&read);
        let loss = loss.or(usual).ok_or_else(|| {
            unfit("they have no labels; name the column or the array with `labels`".into())
        })?;
        let remarks = std::mem::take(&mut read.remarks);
        let labels = labels(&mut read, loss).map_err(unfit)?;
        let mut samples = Samples::new(read, labels);
        if !data.classes.is_empty() {
            samples = samples.of_classes(&data.classes).map_err(unfit)?;
        }
        let mut problem = Self {
            model: model.to_owned(),
            data: data.clone(),
            usual,
            loss,
            classes: None,
            remarks,
            described,
            graph,
            samples,
            plans: Plans::default(),
        };
        if problem.sizes().contains(&0) {
            let count = problem.samples.count;
            let are = if count == 1 { "is" } else { "are" };
            let problem = format!(
                "{} {are} too few for training, validation and test",
                counted(count as u64, "sample", "samples")
            );
            return Err(unfit(problem));
        }
        problem.classes = problem.check_output().map_err(|error| match error {
            Unfit::Labels(problem) => unfit(problem),
            Unfit::Run(error) => error,
        })?;
        if let Some(only) = problem.only_class() {
            return Err(unfit(format!(
                "all {} samples are of the class {only}, and there is nothing to tell apart; give \
                 samples of two classes or more",
                problem.samples.count
            )));
        }
        Ok(problem)
    }

    /// The class of all samples, where classes are learnt and there is only one: every start would be
    /// right at once.
    fn only_class(&self) -> Option<i64> {
        let classes = self.samples.classes().filter(|_| self.classes.is_some())?;
        let first = *classes.first()?;
        classes.iter().all(|&class| class == first).then_some(first)
    }

    /// Loads what a trial is of.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn of(trial: &Trial) -> Result<Self, LabError> {
        Self::load(&trial.model, &trial.data, trial.loss)
    }

    /// Whether a trial is of this model, these data and this loss.
    pub fn is_of(&self, trial: &Trial) -> bool {
        let own = (&*self.model, &self.data, Some(self.loss));
        (&*trial.model, &trial.data, trial.loss.or(self.usual)) == own
    }

    /// All samples.
    pub fn samples(&self) -> usize {
        self.samples.count
    }

    /// The samples for training, validation and test.
    pub fn sizes(&self) -> [usize; 3] {
        let split = self.split(0);
        [
            split.training.len(),
            split.validation.len(),
            split.test.len(),
        ]
    }

    /// The classes that the network tells apart; `None` where it answers numbers.
    pub fn classes(&self) -> Option<usize> {
        self.classes
    }

    /// The loss.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// What the model computes.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The model's tensors.
    pub fn model(&self) -> &semilla::Model {
        &self.described.model
    }

    /// Sentences about what was done to the data.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    pub(crate) fn split(&self, seed: u64) -> Split {
        let classes = self.samples.classes();
        Split::new(self.samples.count, classes, seed, self.data.training)
    }

    /// The first training samples of a split, and the scales of all of them.
    pub(crate) fn first_batch(&self, split: &Split) -> (Batch, Scales) {
        let first = &split.training[..split.training.len().min(FIRST)];
        let scales = self.samples.scales(&split.training);
        (self.samples.batch(first, &scales), scales)
    }

    /// Runs a few samples through the network, its weights all 0, and compares what comes out with
    /// the labels; the number of classes.
    fn check_output(&self) -> Result<Option<usize>, Unfit> {
        let places: Vec<usize> = (0..self.samples.count.min(2)).collect();
        let (inputs, labels) = self.samples.batch(&places, &self.samples.scales(&places));
        let given = inputs.iter().map(|(name, datum)| (&**name, datum.clone()));
        let zeros = |tensor: &Initializer| {
            let is_weight =
                tensor.tensor.is_some() && tensor.dtype.is_some_and(|dtype| dtype.is_float());
            is_weight.then(|| Datum::Float(Array::filled(&*tensor.shape, 0.0)))
        };
        let trace = Trace::record(&self.graph, Mode::Training, given, zeros)
            .map_err(|error| Unfit::Run(error.into()))?;
        let mut outputs = self.graph.main().outputs.iter();
        let output = outputs.find_map(|output| trace.find(&output.name));
        let output = output.ok_or_else(|| {
            Unfit::Run(LabError::Model {
                model: self.model.clone(),
                problem: "no output is numbers".to_owned(),
            })
        })?;
        let output = trace.array(output);
        let run = |error| Unfit::Run(LabError::Train(error));
        let classes = match (&labels, self.loss) {
            (Labels::Values(_), _) => None,
            (Labels::Classes(_), loss) => Some(loss.classes(output.shape()).map_err(run)?),
        };
        if let Some((place, label)) = classes.and_then(|classes| self.samples.beyond(classes)) {
            let most = classes.unwrap_or(0).saturating_sub(1);
            return Err(Unfit::Labels(format!(
                "sample {place} (counted from 0) has the label {label}, and the model's {} outputs \
                 are the classes 0 to {most}; change the labels or the model's output",
                most + 1
            )));
        }
        self.loss.of(output, &labels).map_err(run)?;
        Ok(classes)
    }
}

/// Why labels and outputs do not go together.
enum Unfit {
    Labels(String),
    Run(LabError),
}

/// A model: the text of a network, one line, or a path.
fn described(model: &str) -> Result<Described, LabError> {
    match model.contains('\n') {
        true => Ok(describe_network(Network::read(model, "")?)),
        false => Ok(describe(model, DescribeOptions::default())?),
    }
}

/// Checks that batches may have any size.
fn check_batch_axis(model: &str, graph: &Graph) -> Result<(), LabError> {
    for input in InputSpec::all(graph, &Default::default()) {
        if let Some([Dim::Known(size), ..]) = input.shape.as_deref() {
            return Err(LabError::Model {
                model: model.to_owned(),
                problem: format!(
                    "the input {:?} takes exactly {size} samples; export the model with an open \
                     first axis (dynamic_shapes in PyTorch)",
                    input.name
                ),
            });
        }
    }
    Ok(())
}

/// The loss that fits data best; `None` if they have no labels.
fn usual(data: &Data) -> Option<Loss> {
    match &data.labels {
        Some(Labels::Classes(_)) => Some(Loss::CrossEntropy),
        Some(Labels::Values(_)) => Some(Loss::Mse),
        None => tokens(data).map(|_| Loss::NextToken),
    }
}

/// The input of token ids.
fn tokens(data: &Data) -> Option<&Array<i64>> {
    data.inputs.iter().find_map(|(_, datum)| match datum {
        Datum::Whole(array) if array.rank() == 2 => Some(array),
        _ => None,
    })
}

/// The labels, checked for what does not depend on the model.
fn labels(data: &mut Data, loss: Loss) -> Result<Labels, String> {
    if loss == Loss::NextToken {
        let tokens = tokens(data).ok_or("the next token needs a model that takes token ids")?;
        return Ok(Labels::next_tokens(tokens));
    }
    let labels = data.labels.take();
    let labels = labels.ok_or("they have no labels; name the column or the array with `labels`")?;
    let count = match &labels {
        Labels::Classes(classes) => classes.len(),
        Labels::Values(values) => {
            if values.data().iter().any(|x| !x.is_finite()) {
                return Err("a label is NaN or infinite; clean the data".to_owned());
            }
            values.shape().first().copied().unwrap_or(0)
        }
    };
    match data.samples > 0 && count % data.samples == 0 && count > 0 {
        true => Ok(labels),
        false => Err(format!("{} samples have {count} labels", data.samples)),
    }
}
