//! The gains that other libraries tabulate, by their names.

/// The known nonlinearity names of `torch.nn.init.calculate_gain`.
const PYTORCH: [&str; 12] = [
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
];

/// The constants of NFNets (Brock et al. 2021, "Characterizing signal propagation to close the
/// performance gap in unnormalized ResNets", section 3): `1 / √Var f(z)`, measured on samples and
/// so off by up to 1e-3.
const NFNET: [(&str, f64); 14] = [
    ("identity", 1.0),
    ("celu", 1.270926833152771),
    ("elu", 1.2716004848480225),
    ("gelu", 1.7015043497085571),
    ("leaky_relu", 1.70590341091156),
    ("log_sigmoid", 1.9193484783172607),
    ("relu", 1.7139588594436646),
    ("relu6", 1.7131484746932983),
    ("selu", 1.0008515119552612),
    ("sigmoid", 4.803835391998291),
    ("silu", 1.7881293296813965),
    ("soft_sign", 2.338853120803833),
    ("softplus", 1.9203323125839233),
    ("tanh", 1.5939117670059204),
];

/// The library tabulates no gain under this name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnknownGain {
    /// Not one of the library's names.
    #[error("{library} has no gain for {name:?}; it knows {known}")]
    Name {
        /// Whose table it is.
        library: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The negative slope is not a finite number.
    #[error("negative slope {0} is not a finite number; give one such as 0.01")]
    Slope(f64),
}

/// PyTorch's gain, `torch.nn.init.calculate_gain(nonlinearity, param)`.
///
/// 1 for linear and convolutional layers and, by convention, sigmoid; 5/3 for tanh; √2 for relu;
/// `√(2/(1 + param²))` for leaky_relu, whose slope `param` is 0.01 unless given; 3/4 for selu,
/// which is near-critical where the variance-preserving gain is 1. Other names ignore `param`.
///
/// # Errors
/// PyTorch does not have the name, or the slope is not finite.
///
/// ```
/// use semilla::activation::pytorch_gain;
///
/// assert_eq!(pytorch_gain("leaky_relu", Some(5f64.sqrt()))?, (1f64 / 3.0).sqrt());
/// # Ok::<(), semilla::activation::UnknownGain>(())
/// ```
pub fn pytorch_gain(nonlinearity: &str, param: Option<f64>) -> Result<f64, UnknownGain> {
    match nonlinearity {
        "tanh" => Ok(5.0 / 3.0),
        "relu" => Ok(std::f64::consts::SQRT_2),
        "leaky_relu" => match param.unwrap_or(0.01) {
            slope if slope.is_finite() => Ok((2.0 / (1.0 + slope * slope)).sqrt()),
            slope => Err(UnknownGain::Slope(slope)),
        },
        "selu" => Ok(0.75),
        name if PYTORCH.contains(&name) => Ok(1.0),
        name => Err(unknown("PyTorch", name, PYTORCH)),
    }
}

/// The constant that NFNets multiply an activation with, so that its variance is 1 for standard
/// normal inputs.
///
/// # Errors
/// The name is not in their table.
pub fn nfnet_gamma(nonlinearity: &str) -> Result<f64, UnknownGain> {
    let entry = NFNET.iter().find(|(name, _)| *name == nonlinearity);
    let known = NFNET.map(|(name, _)| name);
    entry
        .map(|(_, gamma)| *gamma)
        .ok_or_else(|| unknown("NFNets", nonlinearity, known))
}

fn unknown<const N: usize>(library: &'static str, name: &str, known: [&str; N]) -> UnknownGain {
    UnknownGain::Name {
        library,
        name: name.to_owned(),
        known: known.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Activation, Function};
    use super::*;

    #[test]
    fn pytorch_gains() {
        for name in PYTORCH {
            let want = match name {
                "tanh" => 1.6666666666666667,
                "relu" => std::f64::consts::SQRT_2,
                "leaky_relu" => 1.4141428569978354,
                "selu" => 0.75,
                _ => 1.0,
            };
            assert_eq!(pytorch_gain(name, None), Ok(want), "{name}");
        }
        assert_eq!(
            pytorch_gain("leaky_relu", Some(0.2)),
            Ok(1.3867504905630728)
        );
        assert_eq!(pytorch_gain("tanh", Some(9.0)), Ok(5.0 / 3.0));
        assert!(pytorch_gain("leaky_relu", Some(f64::NAN)).is_err());
        let error = pytorch_gain("gelu", None).unwrap_err().to_string();
        assert!(
            error.contains("\"gelu\"") && error.contains("conv_transpose3d"),
            "{error}"
        );
    }

    #[test]
    fn nfnet_gammas_are_the_gains_of_centered_activations() {
        for (name, gamma) in NFNET {
            assert_eq!(nfnet_gamma(name), Ok(gamma));
            let function = Function::from(name.parse::<Activation>().unwrap());
            let exact = 1.0 / function.moments(0.0, 1.0).unwrap().variance().sqrt();
            assert!(
                (gamma / exact - 1.0).abs() < 2e-3,
                "{name}: {gamma}, exactly {exact}"
            );
        }
        assert!(
            nfnet_gamma("mish")
                .unwrap_err()
                .to_string()
                .contains("softplus")
        );
    }
}
