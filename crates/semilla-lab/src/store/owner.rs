//! What the trials of a store have in common.

use semilla_signal::{Datum, Labels, Loss};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::DataSpec;
use crate::hash::hex;
use crate::problem::Problem;
use crate::trial::Trial;

/// What the trials of a store have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// The version of what is stored: 3. Trainings of version 1 took other samples than those of
    /// their split; those of version 2 added up gradients in another order.
    pub format: u32,
    /// The model, as trials name it.
    pub model: String,
    /// The data, as trials name them.
    pub data: DataSpec,
    /// The loss.
    pub loss: Loss,
    /// The digest of the network and of all samples: a file that changed is another problem.
    pub digest: String,
}

/// The version of what is stored.
const FORMAT: u32 = 3;

impl Owner {
    /// What trials like this one of a problem have in common.
    pub fn of(problem: &Problem, trial: &Trial) -> Self {
        Self {
            format: FORMAT,
            model: trial.model.clone(),
            data: trial.data.clone(),
            loss: problem.loss(),
            digest: digest(problem),
        }
    }
}

/// The digest of the network and of all samples.
fn digest(problem: &Problem) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?}", problem.graph()));
    let all: Vec<usize> = (0..problem.samples()).collect();
    let (inputs, labels) = problem.samples.batch(&all, &problem.samples.scales(&all));
    for (name, datum) in inputs {
        hash.update(name);
        match datum {
            Datum::Float(array) => array
                .data()
                .iter()
                .for_each(|x| hash.update(x.to_le_bytes())),
            Datum::Whole(array) => array
                .data()
                .iter()
                .for_each(|x| hash.update(x.to_le_bytes())),
        }
    }
    match labels {
        Labels::Classes(classes) => classes.iter().for_each(|x| hash.update(x.to_le_bytes())),
        Labels::Values(values) => values
            .data()
            .iter()
            .for_each(|x| hash.update(x.to_le_bytes())),
    }
    hex(&hash.finalize())
}
