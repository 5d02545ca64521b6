//! How far networks are from their predictions.

use semilla_signal::theory::Scores;

/// Beyond so many standard deviations a number is not the predicted one.
pub(crate) const FAR: f64 = 4.0;

#[derive(Default)]
pub(crate) struct Summary {
    layers: usize,
    /// Layers with a prediction.
    predicted: usize,
    /// Layers all of whose numbers are near.
    near: usize,
    /// For each quantity all scores.
    scores: [Vec<f64>; 3],
}

impl Summary {
    pub(crate) const HEADER: &str = "model                                         recipe          \
                              layers  predicted   near  numbers near  \
                              E[x²] rms worst  between rms worst  gradient rms worst";

    pub(crate) fn of(scores: &[Scores], layers: usize) -> Self {
        let all = |of: fn(&Scores) -> Option<f64>| scores.iter().filter_map(of).collect();
        let is_near = |score: &&Scores| score.worst().is_none_or(|z| z.abs() < FAR);
        Self {
            layers,
            predicted: scores.len(),
            near: scores.iter().filter(is_near).count(),
            scores: [
                all(|score| score.second_moment),
                all(|score| score.between_samples),
                all(|score| score.gradient),
            ],
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.layers += other.layers;
        self.predicted += other.predicted;
        self.near += other.near;
        for (own, more) in self.scores.iter_mut().zip(&other.scores) {
            own.extend(more);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.layers == 0
    }

    pub(crate) fn line(&self, model: &str, recipe: &str) -> String {
        let all: Vec<f64> = self.scores.iter().flatten().copied().collect();
        let near = all.iter().filter(|z| z.abs() < FAR).count();
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        let mut line = format!(
            "{model:45.45} {recipe:15} {:6} {:10} {:5.1}% {:12.1}%",
            self.layers,
            self.predicted,
            share(self.near, self.predicted),
            share(near, all.len()),
        );
        for scores in &self.scores {
            let square = scores.iter().map(|z| z * z).sum::<f64>() / scores.len().max(1) as f64;
            let worst = scores.iter().fold(0.0f64, |worst, z| worst.max(z.abs()));
            line += &format!("  {:9.2} {worst:8.1}", square.sqrt());
        }
        line
    }
}
