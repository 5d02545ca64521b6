//! Scales that theory finds: no run.

use semilla::plan::{Change, Fitted};

use super::by_layer::rough;
use crate::train::Network;

/// Scales weights so that theory expects variance 1 of what their layers make.
pub(super) fn scale(network: &mut Network<'_>, tensors: &[&str]) -> Vec<Fitted> {
    let scales = network.unit_scales(tensors);
    let fitted = tensors.iter().map(|&name| {
        let left = |why: &str| (Change::Left, format!("analytic: left as it is: {why}"));
        let (change, reason) = match scales.found.get(name) {
            Some(scale) if scale.factor.is_finite() && scale.factor > 0.0 => {
                network.scale(name, scale.factor);
                let said = format!(
                    "analytic: std × {} by theory (variance {} → 1)",
                    rough(scale.factor),
                    rough(scale.before)
                );
                (Change::Scaled(scale.factor), said)
            }
            Some(_) => left("what its layer makes does not vary"),
            None => match &scales.end {
                Some(end) => left(&format!("theory ends at {}: {}", end.at, end.because)),
                None => left("no layer of the graph takes it"),
            },
        };
        Fitted {
            name: name.to_owned(),
            change,
            reason,
        }
    });
    fitted.collect()
}
