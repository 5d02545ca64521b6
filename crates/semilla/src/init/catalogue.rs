//! The table of initializers: each one's name, aliases, parameters, defaults, formula and paper.
//!
//! A new initializer is an entry here and a [`Formula`] in `formulas`, nothing else.

use serde::de::{Error, MapAccess};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize};

use super::context::{Context, Resolved};
use super::declare::{initializers, setter};
use super::error::InitError;
use super::formula::Formula;
use super::parameters::{Bounds, Mode, Projection, Shape, Sides, StatePart};
use super::resolve::{generate, resolve};
use super::table::{Parameters, read, within};
use super::value::Text;
use crate::activation::Activation;
use crate::dtype::Element;
use crate::expression::Scalar;
use crate::model::Tensor;

/// Another name that is read.
pub(super) struct Alias {
    pub(super) alias: &'static str,
    /// The name that it stands for.
    pub(super) name: &'static str,
    /// Sets the parameters that the alias implies.
    pub(super) set: fn(&mut Initializer),
}

fn number(value: f64) -> Scalar {
    value.into()
}

initializers! {
    /// One value everywhere, for any shape. PyTorch `constant_`, Keras `Constant`.
    Constant / constant
    {
        /// The value.
        value: Scalar = number(0.0),
    }

    /// 0 everywhere, for any shape: biases, the last layer of a Fixup branch, a gain that starts
    /// closed (ReZero, SkipInit).
    Zeros / zeros
    also "rezero", "skipinit";
    {}

    /// 1 everywhere, for any shape: the scale of a normalization.
    Ones / ones
    {}

    /// U(low, high), for any shape; `high` itself is never drawn. PyTorch `uniform_(a=0, b=1)`.
    Uniform / uniform
    also "random_uniform";
    {
        /// The least value.
        low: Scalar = number(0.0),
        /// The bound above every value.
        high: Scalar = number(1.0),
    }

    /// N(mean, std²), for any shape. PyTorch `normal_(mean=0, std=1)`.
    Normal / normal
    also "random_normal";
    {
        /// The mean.
        mean: Scalar = number(0.0),
        /// The standard deviation.
        std: Scalar = number(1.0),
    }

    /// N(mean, std²) cut to an interval, for any shape; drawn by its inverse CDF: exact bounds, no
    /// rejection, no pile-up at the ends.
    ///
    /// The bounds count standard deviations by default; `units = "absolute"` is PyTorch's
    /// `trunc_normal_`.
    TruncNormal / trunc_normal
    also "truncated_normal";
    {
        /// The mean before truncation.
        mean: Scalar = number(0.0),
        /// The standard deviation before truncation.
        std: Scalar = number(1.0),
        /// The lower bound.
        a: Scalar = number(-2.0),
        /// The upper bound.
        b: Scalar = number(2.0),
        /// The unit of `a` and `b`.
        units: Bounds = Bounds::Std,
    }

    /// `gain` where row equals column, 0 elsewhere, for a matrix. PyTorch `eye_`, Keras `Identity`;
    /// on the recurrent weight of a ReLU network, IRNN.
    ///
    /// Le, Jaitly & Hinton, *A Simple Way to Initialize Recurrent Networks of Rectified Linear
    /// Units*, 2015.
    Eye / eye
    also "identity", "irnn";
    {
        /// The diagonal's value.
        gain: Scalar = number(1.0),
    }

    /// A convolution that passes its channels through: 1 at the kernel's centre of matching
    /// channels, per group. PyTorch `dirac_(groups=1)`.
    ///
    /// Zagoruyko & Komodakis, *DiracNets*, 2017.
    Dirac / dirac
    {
        /// The groups of outputs, each of which passes all inputs through.
        groups: usize = 1,
    }

    /// N(0, std²) with a fraction of each column zero, for a matrix.
    /// PyTorch `sparse_(sparsity, std=0.01)`.
    ///
    /// Martens, *Deep learning via Hessian-free optimization*, ICML 2010, section 5.
    Sparse / sparse
    {
        /// The fraction of each column that is zero, rounded up to whole elements.
        sparsity: Scalar = number(0.1),
        /// The standard deviation of the rest.
        std: Scalar = number(0.01),
    }

    /// Variance `scale` / n with n a fan, for weights of two axes or more. Keras and JAX
    /// `VarianceScaling`, of which Xavier, He and LeCun are cases.
    VarianceScaling / variance_scaling
    {
        /// The variance times the fan.
        scale: Scalar = number(1.0),
        /// The fan.
        mode: Mode = Mode::FanIn,
        /// The distribution.
        distribution: Shape = Shape::TruncatedNormal,
        /// The activation after the layer: its variance-preserving gain, by quadrature, squared,
        /// multiplies the scale.
        activation: Option<Activation> = None,
    }

    /// U(±gain √(6 / (fan_in + fan_out))), for weights of two axes or more: keeps variances forward
    /// and backward where no activation, or one like tanh near 0, follows.
    ///
    /// Glorot & Bengio, *Understanding the difficulty of training deep feedforward neural
    /// networks*, AISTATS 2010, equation 16.
    XavierUniform / xavier_uniform
    also "xavier", "glorot", "glorot_uniform";
    {
        /// A factor on the bound.
        gain: Scalar = number(1.0),
    }

    /// Standard deviation gain √(2 / (fan_in + fan_out)), for weights of two axes or more: as
    /// [`XavierUniform`], drawn from a normal.
    ///
    /// PyTorch draws a plain normal; Keras's and JAX's `glorot_normal` (a name that is read here)
    /// a truncated one. Glorot & Bengio, AISTATS 2010, equation 12.
    XavierNormal / xavier_normal
    also "glorot_normal" with distribution = Shape::TruncatedNormal;
    {
        /// A factor on the standard deviation.
        gain: Scalar = number(1.0),
        /// Plain or truncated normal.
        distribution: Shape = Shape::Normal,
    }

    /// U(±gain √(3 / fan)) with gain √(2 / (1 + a²)), for weights of two axes or more before ReLU
    /// or leaky ReLU. PyTorch `kaiming_uniform_`; with `a = sqrt(5)` the default of its Linear and
    /// Conv layers.
    ///
    /// He, Zhang, Ren & Sun, *Delving Deep into Rectifiers*, ICCV 2015, section 2.2.
    KaimingUniform / kaiming_uniform
    also "he_uniform";
    {
        /// The negative slope of leaky ReLU; other nonlinearities ignore it.
        a: Scalar = number(0.0),
        /// The fan.
        mode: Mode = Mode::FanIn,
        /// The nonlinearity after the layer: its gain in PyTorch's table where it is listed, else
        /// its variance-preserving gain by quadrature.
        nonlinearity: Option<Activation> = None,
    }

    /// Standard deviation gain / √fan with gain √(2 / (1 + a²)), for weights of two axes or more
    /// before ReLU or leaky ReLU: as [`KaimingUniform`], drawn from a normal.
    ///
    /// PyTorch draws a plain normal; Keras's and JAX's `he_normal` (a name that is read here) a
    /// truncated one. He et al., ICCV 2015, section 2.2.
    KaimingNormal / kaiming_normal
    also "kaiming", "he", "msra", "msra_normal",
         "he_normal" with distribution = Shape::TruncatedNormal;
    {
        /// The negative slope of leaky ReLU; other nonlinearities ignore it.
        a: Scalar = number(0.0),
        /// The fan.
        mode: Mode = Mode::FanIn,
        /// The nonlinearity after the layer: its gain in PyTorch's table where it is listed, else
        /// its variance-preserving gain by quadrature.
        nonlinearity: Option<Activation> = None,
        /// Plain or truncated normal.
        distribution: Shape = Shape::Normal,
    }

    /// U(±√(3 / fan_in)), for weights of two axes or more: unit variance forward where no
    /// activation follows.
    ///
    /// LeCun, Bottou, Orr & Müller, *Efficient BackProp*, 1998, section 4.6.
    LecunUniform / lecun_uniform
    {}

    /// Standard deviation 1 / √fan_in, for weights of two axes or more; truncated as in Keras and
    /// JAX. Also for SELU networks (Klambauer et al., *Self-Normalizing Neural Networks*, 2017).
    ///
    /// LeCun et al., *Efficient BackProp*, 1998, section 4.6.
    LecunNormal / lecun_normal
    also "lecun", "selu";
    {
        /// Plain or truncated normal.
        distribution: Shape = Shape::TruncatedNormal,
    }

    /// U(±1/√fan_in) with the fan_in of the weight that the bias belongs to: PyTorch's default for
    /// biases.
    BiasUniform / bias_uniform
    {}

    /// A random (Haar-distributed) matrix with orthonormal rows or columns, times `gain`, for
    /// weights of two axes or more: norms survive many linear or recurrent steps.
    ///
    /// The weight is flattened to `[out, rest]` as PyTorch does where the output axis comes first,
    /// to `[rest, out]` as Keras does where it comes last; each block and each stacked weight is a
    /// matrix of its own. Saxe, McClelland & Ganguli, *Exact solutions to the nonlinear dynamics of
    /// learning in deep linear neural networks*, ICLR 2014.
    Orthogonal / orthogonal
    {
        /// A factor on the matrix.
        gain: Scalar = number(1.0),
    }

    /// As [`Orthogonal`] with orthonormal columns (inputs), so that norms are kept exactly going
    /// forward; needs outputs ≥ inputs.
    ColumnOrthogonal / column_orthogonal
    {
        /// A factor on the matrix.
        gain: Scalar = number(1.0),
    }

    /// A convolution that is an orthogonal matrix at its kernel's centre and zero around it; needs
    /// outputs ≥ inputs. For very deep networks of convolutions without normalization.
    ///
    /// Xiao et al., *Dynamical Isometry and a Mean Field Theory of CNNs*, ICML 2018, algorithm 1.
    DeltaOrthogonal / delta_orthogonal
    {
        /// A factor on the matrix.
        gain: Scalar = number(1.0),
    }

    /// Sine networks: U(±1/n) in the first layer, U(±√(6/n)/ω₀) in the others, n the fan_in.
    ///
    /// Sitzmann et al., *Implicit Neural Representations with Periodic Activation Functions*,
    /// NeurIPS 2020, section 3.2.
    Siren / siren
    {
        /// Whether this is the first layer.
        first: bool = false,
        /// The frequency factor ω₀ of the sine.
        omega: Scalar = number(30.0),
    }

    /// Deterministic, for matrices and convolutions: the identity where the layer keeps its width,
    /// a partial identity where it narrows, a Hadamard matrix scaled by 2^(-(m-1)/2) where it
    /// widens.
    ///
    /// Zhao, Schäfer & Anandkumar, *ZerO Initialization*, TMLR 2022, algorithm 1.
    Hadamard / hadamard
    also "zero";
    {}

    /// [W, -W; -W, W] with W orthogonal, for weights of two axes or more: units come in pairs of
    /// opposite sign, and each pair passes f(x) - f(-x) on. That is x for ReLU, GELU, SiLU and
    /// softplus, so that a plain network of any depth starts linear, and keeps norms both ways.
    ///
    /// The first layer of a network has mirrored outputs only, [W; -W], the layer after the last
    /// pair mirrored inputs only, [W, -W]. Of an odd number of units, one has no counterpart.
    /// Balduzzi et al., *The Shattered Gradients Problem*, ICML 2017, section 4.
    LooksLinear / looks_linear
    also "mirrored";
    {
        /// A factor on the orthogonal blocks.
        gain: Scalar = number(1.0),
        /// The axes along which it is mirrored.
        sides: Sides = Sides::Both,
    }

    /// An initializer from whose weights each output's mean is taken: they add up to 0, so that the
    /// mean of an activation (1/2 for a sigmoid) adds nothing to the next layer. For weights of two
    /// axes or more.
    ///
    /// Huang et al., *Centered Weight Normalization in Accelerating Training of Deep Neural
    /// Networks*, ICCV 2017, section 3.
    Centred / centred
    also "centered";
    {
        /// The initializer of the weights.
        of: Box<Initializer> = Box::new(orthogonal().into()),
    }

    /// The kernel before a pixel shuffle: one draw repeated `upscale`² times along the outputs, so
    /// that the first output is nearest-neighbour upsampling.
    ///
    /// Aitken et al., *Checkerboard artifact free sub-pixel convolution*, 2017.
    Icnr / icnr
    {
        /// The shuffle's factor; `upscale`² divides the number of outputs.
        upscale: usize = 2,
        /// The initializer of the kernel that is repeated.
        of: Box<Initializer> = Box::new(kaiming_normal().into()),
    }

    /// A transposed convolution that upsamples bilinearly, channel by channel.
    ///
    /// Long, Shelhamer & Darrell, *Fully Convolutional Networks for Semantic Segmentation*,
    /// CVPR 2015, section 3.3.
    Bilinear / bilinear
    {}

    /// A recurrent bias with one value per gate, in the order of the tensor's blocks; for a vector
    /// that divides by the number of values. The default is the LSTM's of PyTorch and Keras
    /// (input, forget, cell, output) with the forget gate at 1.
    ///
    /// Jozefowicz, Zaremba & Sutskever, *An Empirical Exploration of Recurrent Network
    /// Architectures*, ICML 2015.
    GateBias / gate_bias
    {
        /// A value per gate.
        values: Vec<Scalar> = [0.0, 1.0, 0.0, 0.0].map(number).to_vec(),
    }

    /// LSTM biases for memories of up to `t_max` steps: forget gate log(U(1, t_max - 1)), input
    /// gate its negative, the rest 0; for a vector of four gates.
    ///
    /// Tallec & Ollivier, *Can recurrent neural networks warp time?*, ICLR 2018, section 2.
    Chrono / chrono
    {
        /// The longest dependency, in steps; above 2.
        t_max: Scalar = number(784.0),
    }

    /// A table with one row of zeros, such as an embedding's padding.
    /// PyTorch `Embedding(padding_idx=...)`.
    Padded / padded
    {
        /// The row, from 0.
        row: usize = 0,
        /// The initializer of the other rows.
        of: Box<Initializer> = Box::new(normal().into()),
    }

    /// An initializer for each of the weights that one tensor holds: query, key and value of a fused
    /// projection, the gates of a recurrent layer. Each weight has fans of its own.
    Blocks / blocks
    {
        /// The initializers, in the order of the tensor's parts.
        of: Vec<Initializer> = Vec::new(),
    }

    /// Positions as sines and cosines, for a table `[positions, width]`: sin(p / base^(2i/d)) in
    /// column 2i, the cosine in column 2i + 1.
    ///
    /// Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, section 3.5.
    /// With `halves`, all sines come first, then all cosines, and the longest wavelength is the
    /// base itself: sin(p / base^(i/(d/2 - 1))) in column i, as in tensor2tensor and Whisper.
    Sinusoidal / sinusoidal
    also "sinusoid";
    {
        /// The base of the wavelengths.
        base: Scalar = number(10_000.0),
        /// Sines in the first half of the columns, cosines in the second.
        halves: bool = false,
    }

    /// base^(-2i/d): a rotary embedding's inverse frequencies, along the last axis.
    ///
    /// Su et al., *RoFormer*, 2021, section 3.2.
    RotaryFrequencies / rotary_frequencies
    {
        /// The base of the wavelengths.
        base: Scalar = number(10_000.0),
    }

    /// A diagonal state matrix, the state n = 0, 1, 2... along the last axis.
    ///
    /// Gu et al., *On the Parameterization and Initialization of Diagonal State Space Models*,
    /// NeurIPS 2022, section 4; Gu & Dao, *Mamba*, 2023, section 3.6.
    S4d / s4d
    {
        /// The part of the matrix that the tensor stores.
        part: StatePart = StatePart::ALog,
    }

    /// Mamba's time-step bias: softplus⁻¹(max(dt, floor)) with log dt uniform between `dt_min` and
    /// `dt_max`; 0 < `dt_min` ≤ `dt_max`.
    ///
    /// Gu & Dao, *Mamba*, 2023, section 3.6.
    MambaDtBias / mamba_dt_bias
    {
        /// The least time step.
        dt_min: Scalar = number(0.001),
        /// The greatest time step.
        dt_max: Scalar = number(0.1),
        /// Smaller time steps are raised to this.
        floor: Scalar = number(1e-4),
    }

    /// Attention that starts as trained attention looks: per head W_Q W_Kᵀ ≈ αZ + βI and
    /// W_V W_O ≈ αZ - βI, Z normal noise, factored by SVD. For square projections.
    ///
    /// Trockman & Kolter, *Mimetic Initialization of Self-Attention Layers*, ICML 2023,
    /// algorithm 1.
    Mimetic / mimetic
    {
        /// The projection that this tensor is.
        part: Projection = Projection::Query,
        /// The name that the projections of a layer share: their common noise is drawn under it.
        /// By default the tensor's name without its last two components (`layers.0.attn` of
        /// `layers.0.attn.q_proj.weight`).
        pair: Option<String> = None,
        /// The number of heads.
        heads: usize = 1,
        /// The noise's weight; by default 0.7 for queries and keys, 0.4 for values and outputs.
        alpha: Option<Scalar> = None,
        /// The identity's weight; by default 0.7 for queries and keys, 0.4 for values and outputs.
        beta: Option<Scalar> = None,
    }

    /// The magnitudes of a weight-normalized layer (`weight_g`, `original0`), so that it starts as
    /// its directions (`weight_v`, `original1`) are: the norms of those. PyTorch `weight_norm`.
    ///
    /// Salimans & Kingma, *Weight Normalization*, NeurIPS 2016, section 2.
    WeightNorm / weight_norm
    {
        /// The initializer of the directions.
        of: Box<Initializer> = Box::new(kaiming_uniform().a(5f64.sqrt()).into()),
        /// The shape of the directions, `[out, in, kernel...]`.
        shape: Vec<usize> = Vec::new(),
        /// The name of the directions' tensor; by default the one that PyTorch gives it beside this
        /// tensor.
        directions: Option<String> = None,
    }

    /// 0, 1, 2... along the last axis: a buffer of positions.
    Arange / arange
    {}

    /// The values that the model's own file holds, byte for byte.
    Keep / keep
    {}

    /// The values that a checkpoint gives (`--from`, or `[[pretrained]]` in a recipe). In a rule it
    /// says that a checkpoint must have them.
    Pretrained / pretrained
    {}
}
