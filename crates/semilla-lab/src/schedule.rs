//! How the learning rate changes over a training.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes over a training: a linear warm-up, and a decay behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The steps in which the rate grows linearly; the first has 1/warmup of it.
    #[serde(default)]
    pub warmup: u64,
    /// What comes after them.
    #[serde(default)]
    pub decay: Decay,
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Not at all.
    #[default]
    Constant,
    /// Along a half period of a cosine to 0: Loshchilov & Hutter 2017, without restarts.
    Cosine,
    /// On a line to 0.
    Linear,
}

impl Schedule {
    /// The factor on the learning rate at a step, counted from 0, of so many.
    ///
    /// ```
    /// use semilla_lab::{Decay, Schedule};
    ///
    /// let schedule = Schedule { warmup: 2, decay: Decay::Linear };
    /// let factors: Vec<f64> = (0..6).map(|step| schedule.factor(step, 6)).collect();
    /// assert_eq!(factors, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]);
    /// ```
    pub fn factor(self, step: u64, steps: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let rest = steps.saturating_sub(self.warmup).max(1);
        let part = (step - self.warmup) as f64 / rest as f64;
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Cosine => f64::midpoint(1.0, (PI * part).cos()),
            Decay::Linear => 1.0 - part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_falls_to_nothing() {
        let cosine = Schedule {
            warmup: 0,
            decay: Decay::Cosine,
        };
        assert_eq!(cosine.factor(0, 100), 1.0);
        assert!((cosine.factor(50, 100) - 0.5).abs() < 1e-12);
        assert!(cosine.factor(99, 100) < 0.001);
        assert_eq!(Schedule::default().factor(7, 9), 1.0);
    }
}
