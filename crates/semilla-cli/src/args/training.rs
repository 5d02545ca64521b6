//! How a few steps are trained.

use clap::Args;
use semilla_signal::{Loss, Optimizer};

/// How a few steps are trained.
#[derive(Args)]
#[command(next_help_heading = "First steps")]
pub(crate) struct TrainingArgs {
    /// Look at the initial loss and the first step: cross-entropy, next-token or mse [default: when
    /// the data have labels]
    #[arg(long, value_name = "LOSS")]
    pub(crate) loss: Option<Loss>,

    /// The optimizer of the first step: sgd, momentum, adam or adamw [default: adam]
    #[arg(long, value_name = "NAME")]
    pub(crate) optimizer: Option<Optimizer>,

    /// Its learning rate [default: 0.1 of sgd, 0.01 of momentum, 0.001 of adam and adamw]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) lr: Option<f64>,

    /// Check that no layer's first moves grow or shrink with the model's width: muP's coordinate
    /// check; needs a description whose width can change
    #[arg(long, conflicts_with_all = ["weights", "plan", "recorded", "html", "spectra"])]
    pub(crate) mup: bool,

    /// Multiples of the model's width for --mup
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2, 4, 8], hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1 << 16), requires = "mup")]
    pub(crate) widths: Vec<u32>,

    /// Steps for --mup
    #[arg(long, value_name = "N", default_value_t = 3, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "mup")]
    pub(crate) steps: u32,
}

impl TrainingArgs {
    /// The optimizer and its learning rate.
    pub(crate) fn method(&self) -> (Optimizer, f64) {
        let optimizer = self.optimizer.unwrap_or(Optimizer::Adam);
        (optimizer, self.lr.unwrap_or(optimizer.usual_lr()))
    }

    /// Whether a first step is asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.loss.is_some() || self.optimizer.is_some() || self.lr.is_some()
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "write a positive number, such as 0.001".to_owned())
}
