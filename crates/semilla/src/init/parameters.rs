//! Each initializer's parameters, with their defaults.

use serde::{Deserialize, Serialize};

use super::Initializer;
use crate::activation::Activation;
use crate::expression::Scalar;
pub use crate::fill::{Projection, StatePart};

/// Declares parameter structs with defaults, conversions into [`Initializer`] and one-line constructors.
macro_rules! initializers {
    ($(
        $(#[$doc:meta])*
        $name:ident / $function:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl From<$name> for Initializer {
            fn from(parameters: $name) -> Self {
                Initializer::$name(parameters)
            }
        }

        #[doc = concat!("[`", stringify!($name), "`] with its defaults.")]
        pub fn $function() -> Initializer {
            $name::default().into()
        }
    )*};
}

fn number(value: f64) -> Scalar {
    value.into()
}

/// Which fan a variance is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Inputs per output: keeps the forward variance.
    #[default]
    FanIn,
    /// Outputs per input: keeps the backward variance.
    FanOut,
    /// The arithmetic mean of both.
    FanAvg,
    /// The geometric mean of both.
    #[serde(alias = "fan_geo")]
    FanGeoAvg,
}

/// The shape of a variance scaling's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A plain normal.
    #[serde(alias = "untruncated_normal")]
    Normal,
    /// A normal cut at two standard deviations, widened by 1/0.8796 so that what remains has the variance asked for.
    TruncatedNormal,
    /// Uniform around 0.
    Uniform,
}

/// What a truncation's bounds are measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bounds {
    /// In standard deviations from the mean, as Keras and JAX count.
    #[default]
    Std,
    /// In the weights' own units, as PyTorch's `trunc_normal_` counts: at std 0.02 its ±2 cuts nothing.
    Absolute,
}

initializers! {
    /// One value everywhere. PyTorch `constant_`, Keras `Constant`.
    Constant / constant {
        /// The value.
        value: Scalar = number(0.0),
    }

    /// 0 everywhere. Also the last layer of a Fixup branch, a zero-initialized gain (ReZero, SkipInit).
    Zeros / zeros {}

    /// 1 everywhere.
    Ones / ones {}

    /// Uniform on `[low, high)`. PyTorch `uniform_(a=0, b=1)`.
    Uniform / uniform {
        /// The least value.
        low: Scalar = number(0.0),
        /// The bound above every value.
        high: Scalar = number(1.0),
    }

    /// Normal. PyTorch `normal_(mean=0, std=1)`.
    Normal / normal {
        /// The mean.
        mean: Scalar = number(0.0),
        /// The standard deviation.
        std: Scalar = number(1.0),
    }

    /// Normal cut to an interval, drawn by its inverse CDF: exact bounds, no rejection, no pile-up at the ends.
    ///
    /// The bounds count standard deviations by default; `units = "absolute"` is PyTorch's `trunc_normal_`.
    TruncNormal / trunc_normal {
        /// The mean before truncation.
        mean: Scalar = number(0.0),
        /// The standard deviation before truncation.
        std: Scalar = number(1.0),
        /// The lower bound.
        a: Scalar = number(-2.0),
        /// The upper bound.
        b: Scalar = number(2.0),
        /// What `a` and `b` are measured in.
        units: Bounds = Bounds::Std,
    }

    /// The identity, rectangular where the tensor is: `gain` where row equals column. PyTorch `eye_`, Keras `Identity`;
    /// with gain on a recurrent weight, IRNN (Le, Jaitly & Hinton 2015).
    Eye / eye {
        /// The diagonal's value.
        gain: Scalar = number(1.0),
    }

    /// A convolution that passes its channels through: 1 at the kernel's centre of matching channels, per group.
    /// PyTorch `dirac_(groups=1)`. Zagoruyko & Komodakis, *DiracNets*, 2017.
    Dirac / dirac {
        /// The groups that pass through each.
        groups: usize = 1,
    }

    /// Normal with a fraction of each column zero. PyTorch `sparse_(sparsity, std=0.01)`.
    /// Martens, *Deep learning via Hessian-free optimization*, ICML 2010, section 5.
    Sparse / sparse {
        /// The fraction of each column that is zero, rounded up to whole elements.
        sparsity: Scalar = number(0.1),
        /// The standard deviation of the rest.
        std: Scalar = number(0.01),
    }

    /// Variance `scale / n`, with n a fan. Keras and JAX `VarianceScaling`, of which Xavier, He and LeCun are cases.
    VarianceScaling / variance_scaling {
        /// What the variance times the fan is.
        scale: Scalar = number(1.0),
        /// The fan.
        mode: Mode = Mode::FanIn,
        /// The distribution.
        distribution: Shape = Shape::TruncatedNormal,
        /// The activation after the layer: its variance-preserving gain, by quadrature, squared, multiplies the scale.
        activation: Option<Activation> = None,
    }

    /// U(±gain √(6 / (fan_in + fan_out))). Glorot & Bengio, *Understanding the difficulty of training deep feedforward
    /// neural networks*, AISTATS 2010, equation 16.
    XavierUniform / xavier_uniform {
        /// A factor on the bound.
        gain: Scalar = number(1.0),
    }

    /// Standard deviation gain √(2 / (fan_in + fan_out)). PyTorch draws a plain normal; Keras's and JAX's
    /// `glorot_normal` (accepted as a name here) a truncated one. Glorot & Bengio 2010.
    XavierNormal / xavier_normal {
        /// A factor on the standard deviation.
        gain: Scalar = number(1.0),
        /// Plain or truncated normal.
        distribution: Shape = Shape::Normal,
    }

    /// U(±gain √(3 / fan)), gain √(2 / (1 + a²)) for leaky ReLU. PyTorch `kaiming_uniform_`; with `a = sqrt(5)` the
    /// default of its Linear and Conv layers. He, Zhang, Ren & Sun, *Delving Deep into Rectifiers*, ICCV 2015, section 2.2.
    KaimingUniform / kaiming_uniform {
        /// The negative slope of leaky ReLU; other nonlinearities ignore it.
        a: Scalar = number(0.0),
        /// The fan.
        mode: Mode = Mode::FanIn,
        /// The nonlinearity after the layer. PyTorch's table where it has the name, else the forward gain by quadrature.
        nonlinearity: Option<Activation> = None,
    }

    /// Standard deviation gain / √fan, gain √(2 / (1 + a²)) for leaky ReLU. PyTorch draws a plain normal; Keras's and
    /// JAX's `he_normal` (accepted as a name here) a truncated one. He et al. 2015, section 2.2.
    KaimingNormal / kaiming_normal {
        /// The negative slope of leaky ReLU; other nonlinearities ignore it.
        a: Scalar = number(0.0),
        /// The fan.
        mode: Mode = Mode::FanIn,
        /// The nonlinearity after the layer. PyTorch's table where it has the name, else the forward gain by quadrature.
        nonlinearity: Option<Activation> = None,
        /// Plain or truncated normal.
        distribution: Shape = Shape::Normal,
    }

    /// U(±√(3 / fan_in)). LeCun, Bottou, Orr & Müller, *Efficient BackProp*, 1998, section 4.6.
    LecunUniform / lecun_uniform {}

    /// Standard deviation 1 / √fan_in, truncated as in Keras and JAX; for SELU networks (Klambauer et al. 2017) too.
    LecunNormal / lecun_normal {
        /// Plain or truncated normal.
        distribution: Shape = Shape::TruncatedNormal,
    }

    /// U(±1/√fan_in) with the fan_in of the weight that the bias belongs to: PyTorch's default for biases.
    BiasUniform / bias_uniform {}

    /// Haar-distributed semi-orthogonal matrix times `gain`: the weight flattened to `[out, rest]` as PyTorch does where
    /// the output axis comes first, to `[rest, out]` as Keras does where it comes last; each block and each stacked
    /// weight a matrix of its own. Saxe, McClelland & Ganguli, ICLR 2014.
    Orthogonal / orthogonal {
        /// A factor on the matrix.
        gain: Scalar = number(1.0),
    }

    /// Orthonormal columns (inputs), so that norms are kept exactly going forward; needs outputs ≥ inputs.
    ColumnOrthogonal / column_orthogonal {
        /// A factor on the matrix.
        gain: Scalar = number(1.0),
    }

    /// A convolution that is an orthogonal matrix at its kernel's centre and zero around it; needs outputs ≥ inputs.
    /// Xiao et al., *Dynamical Isometry and a Mean Field Theory of CNNs*, ICML 2018, algorithm 1.
    DeltaOrthogonal / delta_orthogonal {
        /// A factor on the matrix.
        gain: Scalar = number(1.0),
    }

    /// Sine networks: U(±1/n) in the first layer, U(±√(6/n)/ω₀) in the others.
    /// Sitzmann et al., *Implicit Neural Representations with Periodic Activation Functions*, NeurIPS 2020, section 3.2.
    Siren / siren {
        /// Whether this is the first layer.
        first: bool = false,
        /// The frequency factor ω₀ of the sine.
        omega: Scalar = number(30.0),
    }

    /// Deterministic: identity where the layer keeps its width, partial identity where it narrows, a Hadamard matrix
    /// scaled by 2^(-(m-1)/2) where it widens. Zhao, Schäfer & Anandkumar, *ZerO Initialization*, TMLR 2022, algorithm 1.
    Hadamard / hadamard {}

    /// [W, -W; -W, W] with W orthogonal: with mirrored (concatenated) ReLUs the network starts linear.
    /// Balduzzi et al., *The Shattered Gradients Problem*, ICML 2017, section 4.
    LooksLinear / looks_linear {
        /// A factor on the orthogonal blocks.
        gain: Scalar = number(1.0),
    }

    /// The kernel before a pixel shuffle: one draw repeated `upscale`² times along the outputs, so that the first
    /// output is nearest-neighbour upsampling. Aitken et al., *Checkerboard artifact free sub-pixel convolution*, 2017.
    Icnr / icnr {
        /// The shuffle's factor.
        upscale: usize = 2,
        /// What the repeated kernel is drawn by.
        of: Box<Initializer> = Box::new(kaiming_normal()),
    }

    /// A transposed convolution that upsamples bilinearly, channel by channel. Long, Shelhamer & Darrell, *Fully
    /// Convolutional Networks*, CVPR 2015, section 3.3.
    Bilinear / bilinear {}

    /// A recurrent bias with one value per gate block, in the order of the tensor's blocks. The default is the LSTM's of
    /// PyTorch and Keras (input, forget, cell, output) with the forget gate at 1: Jozefowicz, Zaremba & Sutskever, ICML 2015.
    GateBias / gate_bias {
        /// A value per gate.
        values: Vec<Scalar> = [0.0, 1.0, 0.0, 0.0].map(number).to_vec(),
    }

    /// LSTM biases for memories up to `t_max` steps: forget log(U(1, t_max - 1)), input its negative, the rest 0.
    /// Tallec & Ollivier, *Can recurrent neural networks warp time?*, ICLR 2018, section 2.
    Chrono / chrono {
        /// The longest dependency, in steps.
        t_max: Scalar = number(784.0),
    }

    /// An embedding with a padding row of zeros. PyTorch `Embedding(padding_idx=...)`.
    Padded / padded {
        /// The row, from 0.
        row: usize = 0,
        /// What the other rows are drawn by.
        of: Box<Initializer> = Box::new(normal()),
    }

    /// Positions as sines and cosines: sin(p / base^(2i/d)) at 2i, the cosine at 2i + 1.
    /// Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, section 3.5.
    Sinusoidal / sinusoidal {
        /// The base of the wavelengths.
        base: Scalar = number(10_000.0),
    }

    /// base^(-2i/d): a rotary embedding's inverse frequencies. Su et al., *RoFormer*, 2021, section 3.2.
    RotaryFrequencies / rotary_frequencies {
        /// The base of the wavelengths.
        base: Scalar = number(10_000.0),
    }

    /// A diagonal state matrix, the state along the last axis. Gu et al., *On the Parameterization and Initialization of
    /// Diagonal State Space Models*, NeurIPS 2022, section 4; Gu & Dao, *Mamba*, 2023, section 3.6.
    S4d / s4d {
        /// What the tensor stores.
        part: StatePart = StatePart::ALog,
    }

    /// Mamba's time-step bias: softplus⁻¹(dt), log dt uniform between the bounds, dt at least `floor`.
    MambaDtBias / mamba_dt_bias {
        /// The least time step.
        dt_min: Scalar = number(0.001),
        /// The greatest time step.
        dt_max: Scalar = number(0.1),
        /// Time steps are raised to this.
        floor: Scalar = number(1e-4),
    }

    /// Attention that starts as trained attention looks: per head W_Q W_Kᵀ ≈ αZ + βI, and W_V W_O ≈ αZ - βI, factored by
    /// SVD. Trockman & Kolter, *Mimetic Initialization of Self-Attention Layers*, ICML 2023, algorithm 1.
    Mimetic / mimetic {
        /// Which projection this tensor is.
        part: Projection = Projection::Query,
        /// The name that the projections of one layer share: their common noise is drawn under it. By default the tensor's
        /// name without its last two components (`layers.0.attn` of `layers.0.attn.q_proj.weight`).
        pair: Option<String> = None,
        /// The number of heads.
        heads: usize = 1,
        /// The noise's weight; 0.7 for queries and keys, 0.4 for values and outputs if not given.
        alpha: Option<Scalar> = None,
        /// The identity's weight; 0.7 and 0.4 likewise.
        beta: Option<Scalar> = None,
    }

    /// 0, 1, 2... along the last axis: a buffer of positions.
    Arange / arange {}

    /// The values that the model's own file holds, byte for byte.
    Keep / keep {}

    /// The values that a checkpoint gives (`--from`, or `[[pretrained]]` in a recipe). As a rule it says that one must.
    Pretrained / pretrained {}
}
