//! Starts as recipes and initializers.

use super::setup::Setup;
use super::start::Start;

impl Setup {
    /// The initializer of a start's weight matrices, as `--recipes` and recipes name it; `auto` is
    /// a recipe. Of pretrained weights, it is that of the layers which are new.
    pub(super) fn initializer(&self, start: Start) -> String {
        match start {
            Start::Zeros => "zeros".to_owned(),
            Start::Small => "normal(std=0.01)".to_owned(),
            Start::Large => "normal(std=1)".to_owned(),
            Start::Random => scaled(1.0 / 3.0, "uniform"),
            Start::Xavier => "xavier_normal".to_owned(),
            Start::He => "kaiming_normal".to_owned(),
            Start::Orthogonal => format!("orthogonal(gain={})", self.usual_gain()),
            Start::Auto | Start::Pretrained => "auto".to_owned(),
            Start::Own => scaled(self.gain * self.gain, "normal"),
        }
    }

    /// The recipe of a start, in TOML.
    pub(super) fn recipe(&self, start: Start) -> String {
        let (name, initializer) = (start.key(), self.initializer(start));
        match start {
            Start::Auto | Start::Pretrained => {
                format!("name = \"{name}\"\nextends = \"{initializer}\"\n")
            }
            _ => format!(
                "name = \"{name}\"\ndefaults = true\n\n[[rule]]\nrole = \"matrix\"\ninit = \
                 \"{initializer}\"\n"
            ),
        }
    }

    /// The gain that keeps the second moment of the activation; 1 where none does.
    fn usual_gain(&self) -> f64 {
        let function = semilla::activation::Function::from(self.activation);
        let gain = function.forward_gain().map_or(1.0, |gain| gain.value);
        (gain * 1e6).round() / 1e6
    }
}

fn scaled(scale: f64, distribution: &str) -> String {
    format!("variance_scaling(scale={scale},mode=fan_in,distribution={distribution})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use semilla::Recipe;
    use semilla::model::Spec;

    #[test]
    fn every_start_plans_every_shape() {
        for shape in ["plain", "batch", "layer", "residual", "convolutions"] {
            for start in Start::ALL {
                let query = format!("shape={shape}&start={}&depth=3&width=8", start.key());
                let setup = Setup::from_query(&query, None).unwrap();
                let model = Spec::parse(&setup.model()).unwrap();
                let recipe = Recipe::from_toml(&setup.recipe(start)).unwrap();
                assert!(recipe.plan(&model, 0).is_ok(), "{shape} {start:?}");
            }
        }
    }
}
