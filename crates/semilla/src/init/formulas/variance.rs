//! Variance scaling: a variance divided by a fan.

use crate::activation::{Activation, Function, pytorch_gain};
use crate::distribution::Distribution;
use crate::expression::Scalar;
use crate::fill::Fill;
use crate::init::catalogue::{
    BiasUniform, KaimingNormal, KaimingUniform, LecunNormal, LecunUniform, Siren, VarianceScaling,
    XavierNormal, XavierUniform,
};
use crate::init::context::Resolved;
use crate::init::error::InitError;
use crate::init::formula::{Formula, Place};
use crate::init::parameters::{Mode, Shape};
use crate::number::Short;

/// A truncation at ±2σ leaves this part of the standard deviation.
const TWO_SIGMA_STD: f64 = 0.879_625_661_034_239_8;

impl Formula for VarianceScaling {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let scale = place.magnitude("scale", &self.scale)?;
        let gain = self.activation.map_or(Ok(1.0), forward_gain)?;
        let whole = scale * gain * gain;
        check_scale(
            place,
            "scale",
            Short(scale).to_string(),
            whole,
            scale == 0.0,
        )?;
        scaled(place, whole, self.mode, self.distribution, whole.sqrt())
    }
}

impl Formula for XavierUniform {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        xavier(place, &self.gain, Shape::Uniform)
    }
}

impl Formula for XavierNormal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        xavier(place, &self.gain, self.distribution)
    }
}

impl Formula for KaimingUniform {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        kaiming(place, &self.a, self.nonlinearity, self.mode, Shape::Uniform)
    }
}

impl Formula for KaimingNormal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        kaiming(
            place,
            &self.a,
            self.nonlinearity,
            self.mode,
            self.distribution,
        )
    }
}

impl Formula for LecunUniform {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        scaled(place, 1.0, Mode::FanIn, Shape::Uniform, 1.0)
    }
}

impl Formula for LecunNormal {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        scaled(place, 1.0, Mode::FanIn, self.distribution, 1.0)
    }
}

impl Formula for BiasUniform {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let fan_in = place.bias_fan_in().ok_or(InitError::NoWeight {
            initializer: place.name,
        })?;
        let fan_in = positive_fan(place, "the fan_in of the bias's weight", fan_in)?;
        let bound = fan_in.sqrt().recip();
        Ok(Resolved::plain(Fill::Draw(symmetric(bound))))
    }

    fn is_blockwise(&self) -> bool {
        false
    }
}

impl Formula for Siren {
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError> {
        let fans = place.fans()?;
        let omega = place.positive("omega", &self.omega)?;
        let n = fans.fan_in.max(1.0);
        let bound = if self.first {
            n.recip()
        } else {
            (6.0 / n).sqrt() / omega
        };
        check_scale(place, "omega", Short(omega).to_string(), bound, false)?;
        Ok(Resolved {
            fans: Some(fans),
            ..Resolved::plain(Fill::Draw(symmetric(bound)))
        })
    }
}

fn xavier(place: &Place<'_>, gain: &Scalar, shape: Shape) -> Result<Resolved, InitError> {
    let gain = place.magnitude("gain", gain)?;
    check_scale(
        place,
        "gain",
        Short(gain).to_string(),
        gain * gain,
        gain == 0.0,
    )?;
    scaled(place, gain * gain, Mode::FanAvg, shape, gain)
}

fn kaiming(
    place: &Place<'_>,
    slope: &Scalar,
    nonlinearity: Option<Activation>,
    mode: Mode,
    shape: Shape,
) -> Result<Resolved, InitError> {
    let (parameter, value, gain) = match nonlinearity {
        None => {
            let slope = place.value("a", slope)?;
            let gain = (2.0 / slope.mul_add(slope, 1.0)).sqrt();
            ("a", Short(slope).to_string(), gain)
        }
        Some(activation) => {
            let gain = peers_gain(activation)?;
            ("nonlinearity", activation.to_string(), gain)
        }
    };
    check_scale(place, parameter, value, gain * gain, false)?;
    scaled(place, gain * gain, mode, shape, gain)
}

/// Variance `scale` / fan.
fn scaled(
    place: &Place<'_>,
    scale: f64,
    mode: Mode,
    shape: Shape,
    gain: f64,
) -> Result<Resolved, InitError> {
    let fans = place.fans()?;
    let (name, fan) = match mode {
        Mode::FanIn => ("fan_in", fans.fan_in),
        Mode::FanOut => ("fan_out", fans.fan_out),
        Mode::FanAvg => ("(fan_in + fan_out) / 2", (fans.fan_in + fans.fan_out) / 2.0),
        Mode::FanGeoAvg => ("√(fan_in · fan_out)", (fans.fan_in * fans.fan_out).sqrt()),
    };
    // An empty tensor has nothing to divide: any positive fan does.
    let fan = match place.tensor.is_empty() {
        true if fan <= 0.0 => 1.0,
        _ => positive_fan(place, name, fan)?,
    };
    let variance = scale / fan;
    let fill = if variance == 0.0 {
        Fill::Constant { value: 0.0 }
    } else {
        Fill::Draw(centred(variance.sqrt(), shape))
    };
    Ok(Resolved {
        fill,
        fans: Some(fans),
        gain: Some(gain),
    })
}

fn positive_fan(place: &Place<'_>, fan: &'static str, value: f64) -> Result<f64, InitError> {
    if value > 0.0 {
        return Ok(value);
    }
    Err(InitError::Fan {
        initializer: place.name,
        fan,
        value,
        shape: place.tensor.shape.clone(),
    })
}

/// Refuses a parameter that makes a scale vanish or overflow, unless zeros were asked for.
fn check_scale(
    place: &Place<'_>,
    parameter: &'static str,
    value: String,
    scale: f64,
    may_be_zero: bool,
) -> Result<(), InitError> {
    if scale.is_normal() || (scale == 0.0 && may_be_zero) {
        return Ok(());
    }
    Err(InitError::Scale {
        initializer: place.name,
        parameter,
        value,
    })
}

/// PyTorch's constant where its table has the activation, otherwise the gain that keeps the
/// variance.
fn peers_gain(activation: Activation) -> Result<f64, InitError> {
    let slope = match activation {
        Activation::LeakyRelu { slope } => Some(slope),
        _ => None,
    };
    let text = activation.to_string();
    let name = text.split('(').next().unwrap_or(&text);
    pytorch_gain(name, slope).or_else(|_| forward_gain(activation))
}

/// The gain that keeps the variance of standard normal signals, from the activation's definition.
fn forward_gain(activation: Activation) -> Result<f64, InitError> {
    let gain = Function::from(activation).forward_gain();
    gain.map(|gain| gain.value)
        .map_err(|source| InitError::Gain { activation, source })
}

/// A distribution around 0 with the given standard deviation after any truncation.
fn centred(std: f64, shape: Shape) -> Distribution {
    match shape {
        Shape::Normal => Distribution::Normal { mean: 0.0, std },
        Shape::TruncatedNormal => {
            let std = std / TWO_SIGMA_STD;
            Distribution::TruncatedNormal {
                mean: 0.0,
                std,
                low: -2.0 * std,
                high: 2.0 * std,
            }
        }
        Shape::Uniform => symmetric(3f64.sqrt() * std),
    }
}

fn symmetric(bound: f64) -> Distribution {
    Distribution::Uniform {
        low: -bound,
        high: bound,
    }
}

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::init::{self, Context, Initializer};
    use crate::model::{Role, Tensor};

    fn refused(initializer: impl Into<Initializer>) -> String {
        let tensor = Tensor::linear("w", 8, 8);
        let initializer: Initializer = initializer.into();
        let refused = initializer.resolve(&tensor, &Context::default());
        refused.unwrap_err().to_string()
    }

    #[test]
    fn parameters_that_leave_no_scale_are_refused_by_name() {
        let steep = crate::Activation::LeakyRelu { slope: 1e300 };
        for (message, named) in [
            (
                refused(init::kaiming_normal().a(1e300)),
                "kaiming_normal: with a 1e300 ",
            ),
            (
                refused(init::kaiming_uniform().a(-1e200)),
                "kaiming_uniform: with a -1e200 ",
            ),
            (
                refused(init::kaiming_normal().nonlinearity(steep)),
                "kaiming_normal: with nonlinearity leaky_relu(1",
            ),
            (
                refused(init::xavier_uniform().gain(1e200)),
                "xavier_uniform: with gain 1e200 ",
            ),
            (
                refused(init::xavier_normal().gain(1e-200)),
                "xavier_normal: with gain 1e-200 ",
            ),
            (
                refused(init::siren().omega(1e-320)),
                "siren: with omega 1e-320 ",
            ),
        ] {
            assert!(message.starts_with(named), "{message}");
            assert!(message.len() < 500 && !message.contains("NaN"), "{message}");
        }
        let scale = "fan_in ^ 1000".parse::<crate::Scalar>().unwrap();
        let message = refused(init::variance_scaling().scale(scale));
        assert!(
            message.starts_with("variance_scaling: scale: "),
            "{message}"
        );
        assert!(refused(init::xavier_normal().gain(-1.0)).contains("gain is -1; it must be"));
    }

    #[test]
    fn a_scale_of_zero_asks_for_zeros() {
        let tensor = Tensor::linear("w", 8, 8);
        let zeros: Vec<f32> = init::variance_scaling()
            .scale(0.0)
            .generate(&tensor, 0)
            .unwrap();
        assert_eq!(zeros, [0.0; 64]);
    }

    #[test]
    fn a_bias_without_its_weight_is_named() {
        let bias = Tensor::new("b", [8], DType::F32).role(Role::Bias);
        let error = init::bias_uniform().resolve(&bias, &Context::default());
        let message = error.unwrap_err().to_string();
        assert!(
            message.contains("no weight was found beside this bias"),
            "{message}"
        );
    }
}
