//! One training, described completely.

use semilla_signal::{Loss, Optimizer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::DataSpec;
use crate::error::LabError;
use crate::hash::hex;
use crate::schedule::Schedule;

/// One training, described completely: what comes of it is a function of this alone, the same
/// bits on any number of threads, and whatever runs beside it.
///
/// ```
/// use semilla_lab::Trial;
///
/// let trial = Trial::from_json(r#"{
///     "model": "mlp:64-32-10:relu", "recipe": "kaiming_normal", "data": {"source": "digits"},
///     "optimizer": "momentum", "rate": 0.1, "steps": 100
/// }"#)?;
/// assert_eq!((trial.batch, trial.seeds.weights), (64, 0));
/// assert_eq!(trial.id().len(), 32);
/// # Ok::<(), semilla_lab::LabError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// A network in one line, a network in TOML (the text itself), or a path.
    pub model: String,
    /// A recipe's name, that of an initializer such as `kaiming_normal`, TOML (the text itself), or a
    /// path.
    pub recipe: String,
    /// The data.
    pub data: DataSpec,
    /// The loss; if none, the one that is usual for the data's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The learning rate.
    pub rate: f64,
    /// How the learning rate changes over the steps.
    #[serde(default)]
    pub schedule: Schedule,
    /// The samples of a step; all of the training's, if they are fewer.
    #[serde(default = "usual_batch")]
    pub batch: usize,
    /// The steps.
    pub steps: u64,
    /// The weight decay: beside the gradient for AdamW (Loshchilov & Hutter 2019), added to it for
    /// the other optimizers.
    #[serde(default)]
    pub weight_decay: f64,
    /// The seeds.
    #[serde(default)]
    pub seeds: Seeds,
    /// A training before this one, from which weights are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Trunk>,
    /// What is noted on the way.
    #[serde(default)]
    pub record: Record,
}

/// The seeds of a trial, which vary one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Of the first weights.
    #[serde(default)]
    pub weights: u64,
    /// Of the order in which the samples come.
    #[serde(default)]
    pub order: u64,
    /// Of the split into training, validation and test.
    #[serde(default)]
    pub split: u64,
}

/// A training before a trial, whose trained weights are the trial's first ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// The training. Its model may have other tensors too.
    pub trial: Box<Trial>,
    /// The tensors that are not taken, by their names in the trial's model; `*` stands for any
    /// text. All others must be there in the same shape.
    #[serde(default)]
    pub fresh: Vec<String>,
}

/// What is noted on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The points of the training curve, at most, evenly spread over the steps.
    #[serde(default = "usual_points")]
    pub curve: u64,
    /// How many times the loss on the validation set is measured, evenly spread, the last time at
    /// the end; 1 if it is 0.
    #[serde(default)]
    pub validations: u64,
    /// How many times the layers are looked at, evenly spread from the start to the end.
    #[serde(default)]
    pub layers: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            curve: usual_points(),
            validations: 0,
            layers: 0,
        }
    }
}

fn usual_batch() -> usize {
    64
}

fn usual_points() -> u64 {
    50
}

impl Trial {
    /// Reads a trial and checks it.
    ///
    /// # Errors
    /// No JSON of a trial, or numbers out of range.
    pub fn from_json(text: &str) -> Result<Self, LabError> {
        let trial: Self = serde_json::from_str(text).map_err(LabError::Json)?;
        trial.check()?;
        Ok(trial)
    }

    /// Reads trials that follow each other, each checked.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json); also where there is none.
    pub fn all_from_json(text: &str) -> Result<Vec<Self>, LabError> {
        let trials = serde_json::Deserializer::from_str(text).into_iter::<Self>();
        let trials = trials
            .collect::<Result<Vec<Self>, _>>()
            .map_err(LabError::Json)?;
        trials.iter().try_for_each(Self::check)?;
        match trials.is_empty() {
            true => Self::from_json(text).map(|trial| vec![trial]),
            false => Ok(trials),
        }
    }

    /// The trial as JSON of one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Its name: the first 32 digits of the SHA-256 of its JSON.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.to_json()))
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`LabError::Number`]: the first that is out of range.
    pub fn check(&self) -> Result<(), LabError> {
        let must = |is_right: bool, name: &'static str, needs: &'static str| match is_right {
            true => Ok(()),
            false => Err(LabError::Number { name, needs }),
        };
        must(
            self.rate.is_finite() && self.rate > 0.0,
            "rate",
            "positive and finite",
        )?;
        must(self.batch > 0, "batch", "1 or more")?;
        must(self.steps > 0, "steps", "1 or more")?;
        must(
            self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            "weight_decay",
            "0 or more, and finite",
        )?;
        must(
            self.schedule.warmup <= self.steps,
            "schedule.warmup",
            "no more than the steps",
        )?;
        must(self.data.training != Some(0), "data.training", "1 or more")?;
        match &self.trunk {
            Some(trunk) => trunk.trial.check(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"model": "mlp:2-2:relu", "recipe": "kaiming_normal", "data": {"source": "spirals"},
        "optimizer": "adam", "rate": 0.1, "steps": 3}"#;

    #[test]
    fn the_id_is_that_of_the_content() {
        let trial = Trial::from_json(SMALL).unwrap();
        let again = Trial::from_json(&trial.to_json()).unwrap();
        assert_eq!((&again, again.id()), (&trial, trial.id()));
        let mut other = trial.clone();
        other.seeds.order = 1;
        assert_ne!(other.id(), trial.id());
    }

    #[test]
    fn numbers_are_checked() {
        for (from, to) in [
            ("0.1", "0"),
            ("0.1", "-1"),
            ("\"steps\": 3", "\"steps\": 0"),
            ("\"steps\": 3", "\"steps\": 3, \"batch\": 0"),
            ("\"steps\": 3", "\"steps\": 3, \"weight_decay\": -1"),
            (
                "\"steps\": 3",
                "\"steps\": 3, \"schedule\": {\"warmup\": 4}",
            ),
            ("\"steps\": 3", "\"steps\": 3, \"stops\": 3"),
            ("\"spirals\"", "\"spirals\", \"training\": 0"),
        ] {
            assert!(Trial::from_json(&SMALL.replace(from, to)).is_err(), "{to}");
        }
    }
}
