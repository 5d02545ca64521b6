//! From an initializer and a tensor to the concrete numbers of a [`Fill`].

use super::*;
use crate::activation::{Activation, ExpectationError, Function, pytorch_gain};
use crate::distribution::{Distribution, DistributionError};
use crate::dtype::DType;
use crate::expression::{ExpressionError, Scalar, Variable, Variables};
use crate::fill::{Fill, FillError, Section};
use crate::layout::{Axis, FanRule, Fans, Layout, LayoutError};
use crate::stream::Key;

/// What is known of a tensor's surroundings besides the tensor itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// The number of residual blocks of the model.
    pub layers: Option<usize>,
    /// The width of the model's residual stream.
    pub width: Option<usize>,
    /// The width that a recipe's numbers were tuned at.
    pub base_width: Option<usize>,
    /// Whose definition of the fans to use.
    pub fans: FanRule,
    /// The seed, for what several tensors share.
    pub seed: u64,
}

/// An initializer that has met its tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The concrete values to write.
    pub fill: Fill,
    /// The fans that were used, if any were.
    pub fans: Option<Fans>,
    /// The gain that was used, if one was.
    pub gain: Option<f64>,
}

/// Why an initializer cannot be used on a tensor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InitError {
    /// A checkpoint was to give the values.
    #[error(
        "its values are to come from a checkpoint and none gives them; name one with --from or [[pretrained]]"
    )]
    NoCheckpoint,
    /// The initializer needs to know the axes.
    #[error(
        "{initializer} needs to know which axis is which, and the model's convention does not say it for role {role:?}; \
         match it by a rule that states it, such as layout = \"EOI\" for stacked experts"
    )]
    NoLayout {
        /// The initializer.
        initializer: &'static str,
        /// The tensor's role.
        role: crate::model::Role,
    },
    /// The layout does not fit.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// An expression gave no number.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// The distribution cannot be drawn from.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// The fill cannot be carried out.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// The initializer is for other shapes.
    #[error("{initializer} needs {needs}; the shape is {shape:?}")]
    Shape {
        /// The initializer.
        initializer: &'static str,
        /// What it needs.
        needs: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// A parameter lies outside its range.
    #[error("{initializer}: {parameter} is {value}; it must be {range}")]
    Parameter {
        /// The initializer.
        initializer: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// Where it must lie.
        range: &'static str,
    },
    /// A fan is zero or a bias's weight is not known.
    #[error("{initializer} divides by {fan}, which is {value} for shape {shape:?}")]
    Fan {
        /// The initializer.
        initializer: &'static str,
        /// Which fan.
        fan: &'static str,
        /// Its value.
        value: f64,
        /// The shape.
        shape: Vec<usize>,
    },
    /// The activation has no gain.
    #[error("{activation} has no variance-preserving gain: {error}; give a scale instead")]
    Gain {
        /// The activation.
        activation: Activation,
        /// Why not.
        error: ExpectationError,
    },
    /// A tensor asked for in one element type is another's.
    #[error(
        "tensor {name:?} is {actual}, not {asked}; ask for its own type or change the tensor's"
    )]
    DType {
        /// The tensor.
        name: String,
        /// Its type.
        actual: DType,
        /// The type asked for.
        asked: DType,
    },
}

/// A truncation at ±2σ leaves this part of the standard deviation.
const TWO_SIGMA_STD: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// The concrete values for a tensor.
    ///
    /// A tensor of several blocks (fused projections, gates) is resolved block by block, each with its own fans.
    ///
    /// # Errors
    /// A missing layout, a shape that the initializer is not made for, an expression without a value, parameters out of
    /// range, or an element type that cannot hold the values.
    pub fn resolve(&self, tensor: &Tensor, context: &Context) -> Result<Resolved, InitError> {
        // The peers' rules read a fused weight as one.
        let exact = context.fans == FanRule::Exact;
        let resolved = if exact && self.is_blockwise() && tensor.blocks.len() > 1 {
            self.resolve_blocks(tensor, context)?
        } else {
            Place {
                initializer: self,
                tensor,
                context,
            }
            .resolve()?
        };
        resolved.fill.check(&tensor.shape, tensor.dtype)?;
        Ok(resolved)
    }

    /// The values of a tensor under a seed, in the tensor's own element type.
    ///
    /// # Errors
    /// As [`Initializer::resolve`]; also when `E` is not the tensor's element type.
    pub fn generate<E: Element>(&self, tensor: &Tensor, seed: u64) -> Result<Vec<E>, InitError> {
        if tensor.dtype != E::DTYPE {
            let name = tensor.name.clone();
            return Err(InitError::DType {
                name,
                actual: tensor.dtype,
                asked: E::DTYPE,
            });
        }
        let context = Context {
            seed,
            ..Context::default()
        };
        let fill = self.resolve(tensor, &context)?.fill;
        let key = Key::new(seed, &tensor.name);
        Ok(fill.prepare(key, &tensor.shape, tensor.dtype)?.to_vec()?)
    }

    /// Whether blocks stacked in one tensor are initialized each for itself.
    fn is_blockwise(&self) -> bool {
        !matches!(
            self,
            Self::Constant(_)
                | Self::Zeros(_)
                | Self::Ones(_)
                | Self::Uniform(_)
                | Self::Normal(_)
                | Self::TruncNormal(_)
                | Self::BiasUniform(_)
                | Self::GateBias(_)
                | Self::Chrono(_)
                | Self::Padded(_)
                | Self::Arange(_)
                | Self::Keep(_)
                | Self::Pretrained(_)
        )
    }

    fn resolve_blocks(&self, tensor: &Tensor, context: &Context) -> Result<Resolved, InitError> {
        let layout = tensor.layout.as_ref();
        let axis = layout
            .and_then(|layout| layout.axis(Axis::Out))
            .unwrap_or(0);
        let mut sections = Vec::new();
        let mut first: Option<Resolved> = None;
        for &size in &tensor.blocks {
            let mut block = tensor.clone();
            block.blocks.clear();
            if let Some(whole) = block.shape.get_mut(axis) {
                *whole = size;
            }
            let resolved = Place {
                initializer: self,
                tensor: &block,
                context,
            }
            .resolve()?;
            sections.push(Section {
                size,
                fill: resolved.fill.clone(),
            });
            first.get_or_insert(resolved);
        }
        let first = first.ok_or_else(|| InitError::Shape {
            initializer: self.name(),
            needs: "blocks".to_owned(),
            shape: tensor.shape.clone(),
        })?;
        // Independent elements of one law need no seams.
        let uniform = matches!(first.fill, Fill::Draw(_) | Fill::Constant { .. })
            && sections.iter().all(|section| section.fill == first.fill);
        let fill = if uniform {
            first.fill
        } else {
            Fill::Blocks { axis, sections }
        };
        Ok(Resolved { fill, ..first })
    }
}

/// One initializer at one tensor (or block).
struct Place<'a> {
    initializer: &'a Initializer,
    tensor: &'a Tensor,
    context: &'a Context,
}

impl Variables for Place<'_> {
    fn get(&self, variable: Variable) -> Option<f64> {
        let count = |n: Option<usize>| n.map(|n| n as f64);
        match variable {
            Variable::FanIn => self.fans().ok().map(|f| f.fan_in).or(self.bias_fan_in()),
            Variable::FanOut => self.fans().ok().map(|f| f.fan_out),
            Variable::Layers => count(self.context.layers),
            Variable::DepthIndex => count(self.tensor.depth),
            Variable::Width => count(self.context.width),
            Variable::BaseWidth => count(self.context.base_width),
            Variable::Numel => self.tensor.len().map(|n| n as f64),
            Variable::Ndim => Some(self.tensor.shape.len() as f64),
        }
    }
}

impl Place<'_> {
    fn value(&self, scalar: &Scalar) -> Result<f64, InitError> {
        Ok(scalar.value(self)?)
    }

    /// A value that must not be negative.
    fn magnitude(&self, parameter: &'static str, scalar: &Scalar) -> Result<f64, InitError> {
        let value = self.value(scalar)?;
        self.within(parameter, value, value >= 0.0, "0 or more")
    }

    fn within(
        &self,
        parameter: &'static str,
        value: f64,
        holds: bool,
        range: &'static str,
    ) -> Result<f64, InitError> {
        let initializer = self.initializer.name();
        if holds {
            Ok(value)
        } else {
            Err(InitError::Parameter {
                initializer,
                parameter,
                value,
                range,
            })
        }
    }

    fn shape_error(&self, needs: impl Into<String>) -> InitError {
        InitError::Shape {
            initializer: self.initializer.name(),
            needs: needs.into(),
            shape: self.tensor.shape.clone(),
        }
    }

    fn layout(&self) -> Result<&Layout, InitError> {
        let layout = self.tensor.layout.as_ref().ok_or(InitError::NoLayout {
            initializer: self.initializer.name(),
            role: self.tensor.role,
        })?;
        layout.check(&self.tensor.shape)?;
        Ok(layout)
    }

    fn fans(&self) -> Result<Fans, InitError> {
        if self.tensor.layout.is_none() && self.context.fans != FanRule::Exact {
            // The peers' rules read the shape alone.
            return Ok(Layout::oi().fans_by(self.context.fans, &self.tensor.shape)?);
        }
        Ok(self
            .layout()?
            .fans_by(self.context.fans, &self.tensor.shape)?)
    }

    fn resolve(&self) -> Result<Resolved, InitError> {
        let plain = |fill| {
            Ok(Resolved {
                fill,
                fans: None,
                gain: None,
            })
        };
        let constant = |value| plain(Fill::Constant { value });
        match self.initializer {
            Initializer::Constant(p) => constant(self.value(&p.value)?),
            Initializer::Zeros(_) => constant(0.0),
            Initializer::Ones(_) => constant(1.0),
            Initializer::Uniform(p) => {
                let (low, high) = (self.value(&p.low)?, self.value(&p.high)?);
                plain(Fill::Draw(Distribution::Uniform { low, high }))
            }
            Initializer::Normal(p) => {
                let (mean, std) = (self.value(&p.mean)?, self.magnitude("std", &p.std)?);
                plain(Fill::Draw(Distribution::Normal { mean, std }))
            }
            Initializer::TruncNormal(p) => plain(Fill::Draw(self.trunc_normal(p)?)),
            Initializer::VarianceScaling(p) => {
                let scale = self.magnitude("scale", &p.scale)?;
                let gain = p.activation.map_or(Ok(1.0), forward_gain)?;
                self.scaled(scale * gain * gain, p.mode, p.distribution, None)
            }
            Initializer::XavierUniform(p) => self.xavier(&p.gain, Shape::Uniform),
            Initializer::XavierNormal(p) => self.xavier(&p.gain, p.distribution),
            Initializer::KaimingUniform(p) => {
                self.kaiming(&p.a, p.nonlinearity, p.mode, Shape::Uniform)
            }
            Initializer::KaimingNormal(p) => {
                self.kaiming(&p.a, p.nonlinearity, p.mode, p.distribution)
            }
            Initializer::LecunUniform(_) => self.scaled(1.0, Mode::FanIn, Shape::Uniform, None),
            Initializer::LecunNormal(p) => self.scaled(1.0, Mode::FanIn, p.distribution, None),
            Initializer::BiasUniform(_) => self.bias_uniform(),
            Initializer::Siren(p) => self.siren(p),
            Initializer::Eye(p) => {
                if self.tensor.shape.len() != 2 {
                    return Err(self.shape_error("two axes"));
                }
                plain(Fill::Eye {
                    gain: self.value(&p.gain)?,
                })
            }
            Initializer::Dirac(p) => self.dirac(p),
            Initializer::Sparse(p) => self.sparse(p),
            Initializer::Orthogonal(p) => self.orthogonal(&p.gain, false),
            Initializer::ColumnOrthogonal(p) => self.orthogonal(&p.gain, true),
            Initializer::DeltaOrthogonal(p) => {
                let gain = self.value(&p.gain)?;
                let (outputs, inputs) = self.sides()?;
                if outputs < inputs || self.kernel_axes()? == 0 {
                    return Err(self.shape_error("a convolution with outputs ≥ inputs"));
                }
                let layout = self.layout()?.clone();
                Ok(Resolved {
                    fill: Fill::DeltaOrthogonal { gain, layout },
                    fans: None,
                    gain: Some(gain),
                })
            }
            Initializer::Hadamard(_) => plain(Fill::Hadamard {
                layout: self.layout()?.clone(),
            }),
            Initializer::LooksLinear(p) => {
                let (outputs, inputs) = self.sides()?;
                if outputs % 2 != 0 || inputs % 2 != 0 || self.tensor.shape.len() != 2 {
                    return Err(
                        self.shape_error("a matrix with even numbers of inputs and outputs")
                    );
                }
                let gain = self.value(&p.gain)?;
                Ok(Resolved {
                    fill: Fill::LooksLinear { gain },
                    fans: None,
                    gain: Some(gain),
                })
            }
            Initializer::Icnr(p) => self.icnr(p),
            Initializer::Bilinear(_) => {
                if self.kernel_axes()? == 0 {
                    return Err(self.shape_error("a convolution's kernel"));
                }
                plain(Fill::Bilinear {
                    layout: self.layout()?.clone(),
                })
            }
            Initializer::GateBias(p) => {
                let values: Result<Vec<_>, _> =
                    p.values.iter().map(|value| self.value(value)).collect();
                self.gates(
                    values?
                        .into_iter()
                        .map(|value| Fill::Constant { value })
                        .collect(),
                )
            }
            Initializer::Chrono(p) => {
                let t_max = self.value(&p.t_max)?;
                let t_max = self.within("t_max", t_max, t_max > 2.0, "above 2")?;
                let zero = Fill::Constant { value: 0.0 };
                let gate = |sign| Fill::LogUniform {
                    low: 1.0,
                    high: t_max - 1.0,
                    sign,
                };
                self.gates(vec![gate(-1.0), gate(1.0), zero.clone(), zero])
            }
            Initializer::Padded(p) => {
                let rows = self.tensor.shape.first().copied().unwrap_or(0);
                if p.row >= rows {
                    return Err(self.shape_error(format!("more rows than {}", p.row)));
                }
                let inner = Place {
                    initializer: &p.of,
                    ..*self
                }
                .resolve()?;
                let fill = Fill::Padded {
                    row: p.row,
                    of: Box::new(inner.fill),
                };
                Ok(Resolved { fill, ..inner })
            }
            Initializer::Sinusoidal(p) => {
                if self.tensor.shape.len() < 2 {
                    return Err(self.shape_error("a table of positions, [positions, width]"));
                }
                plain(Fill::Sinusoidal {
                    base: self.base(&p.base)?,
                })
            }
            Initializer::RotaryFrequencies(p) => plain(Fill::RotaryFrequencies {
                base: self.base(&p.base)?,
            }),
            Initializer::S4d(p) => plain(Fill::S4d { part: p.part }),
            Initializer::MambaDtBias(p) => self.mamba_dt_bias(p),
            Initializer::Mimetic(p) => self.mimetic(p),
            Initializer::Arange(_) => plain(Fill::Arange),
            Initializer::Keep(_) => plain(Fill::Keep),
            Initializer::Pretrained(_) => Err(InitError::NoCheckpoint),
        }
    }

    fn base(&self, base: &Scalar) -> Result<f64, InitError> {
        let base = self.value(base)?;
        self.within("base", base, base > 0.0, "above 0")
    }

    fn trunc_normal(&self, p: &TruncNormal) -> Result<Distribution, InitError> {
        let (mean, std) = (self.value(&p.mean)?, self.magnitude("std", &p.std)?);
        let (a, b) = (self.value(&p.a)?, self.value(&p.b)?);
        let (low, high) = match p.units {
            Bounds::Std => (a.mul_add(std, mean), b.mul_add(std, mean)),
            Bounds::Absolute => (a, b),
        };
        Ok(Distribution::TruncatedNormal {
            mean,
            std,
            low,
            high,
        })
    }

    /// Variance `scale` / fan.
    fn scaled(
        &self,
        scale: f64,
        mode: Mode,
        shape: Shape,
        gain: Option<f64>,
    ) -> Result<Resolved, InitError> {
        let fans = self.fans()?;
        let (fan, value) = match mode {
            Mode::FanIn => ("fan_in", fans.fan_in),
            Mode::FanOut => ("fan_out", fans.fan_out),
            Mode::FanAvg => ("(fan_in + fan_out) / 2", (fans.fan_in + fans.fan_out) / 2.0),
            Mode::FanGeoAvg => ("√(fan_in · fan_out)", (fans.fan_in * fans.fan_out).sqrt()),
        };
        if value <= 0.0 && !self.tensor.is_empty() {
            let (initializer, shape) = (self.initializer.name(), self.tensor.shape.clone());
            return Err(InitError::Fan {
                initializer,
                fan,
                value,
                shape,
            });
        }
        // An empty tensor has nothing to divide: any positive fan does.
        let variance = scale / if value > 0.0 { value } else { 1.0 };
        let gain = Some(gain.unwrap_or_else(|| scale.sqrt()));
        let fill = if variance == 0.0 {
            Fill::Constant { value: 0.0 }
        } else {
            Fill::Draw(centred(variance.sqrt(), shape))
        };
        Ok(Resolved {
            fill,
            fans: Some(fans),
            gain,
        })
    }

    fn xavier(&self, gain: &Scalar, shape: Shape) -> Result<Resolved, InitError> {
        let gain = self.magnitude("gain", gain)?;
        self.scaled(gain * gain, Mode::FanAvg, shape, Some(gain))
    }

    fn kaiming(
        &self,
        slope: &Scalar,
        nonlinearity: Option<Activation>,
        mode: Mode,
        shape: Shape,
    ) -> Result<Resolved, InitError> {
        let gain = match nonlinearity {
            None => {
                let slope = self.value(slope)?;
                (2.0 / slope.mul_add(slope, 1.0)).sqrt()
            }
            Some(activation) => self.pytorch_gain(activation)?,
        };
        self.scaled(gain * gain, mode, shape, Some(gain))
    }

    /// PyTorch's constant where its table has the activation, otherwise the gain that keeps the variance.
    fn pytorch_gain(&self, activation: Activation) -> Result<f64, InitError> {
        let slope = match activation {
            Activation::LeakyRelu { slope } => Some(slope),
            _ => None,
        };
        let text = activation.to_string();
        let name = text.split('(').next().unwrap_or(&text);
        pytorch_gain(name, slope).or_else(|_| forward_gain(activation))
    }

    /// The fan_in of the weight that a bias belongs to.
    fn bias_fan_in(&self) -> Option<f64> {
        self.tensor
            .bias_fan_in
            .map(|fan_in| fan_in.by(self.context.fans))
    }

    fn bias_uniform(&self) -> Result<Resolved, InitError> {
        let (initializer, shape) = (self.initializer.name(), self.tensor.shape.clone());
        let known = self.bias_fan_in();
        let fan_in = known.filter(|&fan| fan > 0.0).ok_or(InitError::Fan {
            initializer,
            fan: "the fan_in of the bias's weight",
            value: known.unwrap_or(f64::NAN),
            shape,
        })?;
        let bound = fan_in.sqrt().recip();
        let fill = Fill::Draw(Distribution::Uniform {
            low: -bound,
            high: bound,
        });
        Ok(Resolved {
            fill,
            fans: None,
            gain: None,
        })
    }

    fn siren(&self, p: &Siren) -> Result<Resolved, InitError> {
        let fans = self.fans()?;
        let omega = self.value(&p.omega)?;
        let omega = self.within("omega", omega, omega > 0.0, "above 0")?;
        let n = fans.fan_in.max(1.0);
        let bound = if p.first {
            n.recip()
        } else {
            (6.0 / n).sqrt() / omega
        };
        let fill = Fill::Draw(Distribution::Uniform {
            low: -bound,
            high: bound,
        });
        Ok(Resolved {
            fill,
            fans: Some(fans),
            gain: None,
        })
    }

    /// The sizes of the output and input axes.
    fn sides(&self) -> Result<(usize, usize), InitError> {
        let layout = self.layout()?;
        let shape = &self.tensor.shape;
        Ok((layout.size(Axis::Out, shape), layout.size(Axis::In, shape)))
    }

    fn kernel_axes(&self) -> Result<usize, InitError> {
        Ok(self
            .layout()?
            .axes()
            .iter()
            .filter(|&&axis| axis == Axis::Kernel)
            .count())
    }

    fn dirac(&self, p: &Dirac) -> Result<Resolved, InitError> {
        let (outputs, _) = self.sides()?;
        if self.kernel_axes()? == 0 {
            return Err(self.shape_error("a convolution's kernel (3 to 5 axes)"));
        }
        if p.groups == 0 || outputs % p.groups != 0 {
            return Err(self.shape_error(format!("outputs divisible by {} groups", p.groups)));
        }
        let fill = Fill::Dirac {
            groups: p.groups,
            layout: self.layout()?.clone(),
        };
        Ok(Resolved {
            fill,
            fans: None,
            gain: None,
        })
    }

    fn sparse(&self, p: &Sparse) -> Result<Resolved, InitError> {
        let &[rows, _] = self.tensor.shape.as_slice() else {
            return Err(self.shape_error("two axes"));
        };
        let sparsity = self.value(&p.sparsity)?;
        let holds = (0.0..=1.0).contains(&sparsity);
        let sparsity = self.within("sparsity", sparsity, holds, "between 0 and 1")?;
        let std = self.magnitude("std", &p.std)?;
        let zeros = (sparsity * rows as f64).ceil() as usize;
        Ok(Resolved {
            fill: Fill::Sparse { std, zeros },
            fans: None,
            gain: None,
        })
    }

    fn orthogonal(&self, gain: &Scalar, columns: bool) -> Result<Resolved, InitError> {
        let gain = self.value(gain)?;
        let layout = self.layout()?;
        let shape = &self.tensor.shape;
        if shape.len() < 2 {
            return Err(self.shape_error("two axes or more"));
        }
        let stacked = layout.axes()[0] == Axis::Stack;
        if layout
            .axes()
            .iter()
            .skip(1)
            .any(|&axis| axis == Axis::Stack)
        {
            return Err(self.shape_error("a stack axis in front"));
        }
        let shape = &shape[usize::from(stacked)..];
        let last = layout.axes().last() == Some(&Axis::Out);
        let rows: usize = if last {
            shape[..shape.len() - 1].iter().product()
        } else {
            shape[0]
        };
        let (outputs, inputs) = self.sides()?;
        if columns && outputs < inputs * layout.receptive_field(&self.tensor.shape) {
            return Err(self.shape_error("outputs ≥ inputs"));
        }
        let matrix = Fill::Orthogonal { gain, rows };
        let fill = if stacked {
            Fill::Stacked {
                of: Box::new(matrix),
            }
        } else {
            matrix
        };
        Ok(Resolved {
            fill,
            fans: None,
            gain: Some(gain),
        })
    }

    fn icnr(&self, p: &Icnr) -> Result<Resolved, InitError> {
        let layout = self.layout()?;
        let repeats = p.upscale.checked_pow(2).filter(|&r| r > 0);
        let axis = layout
            .axis(Axis::Out)
            .ok_or_else(|| self.shape_error("an output axis"))?;
        let repeats = repeats
            .filter(|&r| self.tensor.shape[axis].is_multiple_of(r))
            .ok_or_else(|| self.shape_error(format!("outputs divisible by {}²", p.upscale)))?;
        let mut kernel = self.tensor.clone();
        kernel.shape[axis] /= repeats;
        let inner = Place {
            initializer: &p.of,
            tensor: &kernel,
            context: self.context,
        }
        .resolve()?;
        let fill = Fill::Repeated {
            axis,
            repeats,
            of: Box::new(inner.fill),
        };
        Ok(Resolved { fill, ..inner })
    }

    /// One fill per gate of a stacked bias.
    fn gates(&self, fills: Vec<Fill>) -> Result<Resolved, InitError> {
        let size = self.tensor.shape.first().copied().unwrap_or(0);
        let gates = fills.len();
        if self.tensor.shape.len() != 1 || gates == 0 || size % gates != 0 {
            return Err(self.shape_error(format!("a vector of {gates} equal gates")));
        }
        let sections = fills
            .into_iter()
            .map(|fill| Section {
                size: size / gates,
                fill,
            })
            .collect();
        Ok(Resolved {
            fill: Fill::Blocks { axis: 0, sections },
            fans: None,
            gain: None,
        })
    }

    fn mamba_dt_bias(&self, p: &MambaDtBias) -> Result<Resolved, InitError> {
        let dt_min = self.value(&p.dt_min)?;
        let dt_min = self.within("dt_min", dt_min, dt_min > 0.0, "above 0")?;
        let dt_max = self.value(&p.dt_max)?;
        let dt_max = self.within("dt_max", dt_max, dt_max >= dt_min, "at least dt_min")?;
        let floor = self.value(&p.floor)?;
        let floor = self.within("floor", floor, floor > 0.0, "above 0")?;
        let fill = Fill::MambaDtBias {
            dt_min,
            dt_max,
            floor,
        };
        Ok(Resolved {
            fill,
            fans: None,
            gain: None,
        })
    }

    fn mimetic(&self, p: &Mimetic) -> Result<Resolved, InitError> {
        let (outputs, inputs) = self.sides()?;
        if self.tensor.shape.len() != 2 || outputs != inputs {
            return Err(self.shape_error("a square matrix"));
        }
        if p.heads == 0 || outputs % p.heads != 0 {
            return Err(self.shape_error(format!("a width divisible by {} heads", p.heads)));
        }
        let attention = matches!(p.part, Projection::Query | Projection::Key);
        let weight = |given: &Option<Scalar>| match given {
            Some(scalar) => self.value(scalar),
            None => Ok(if attention { 0.7 } else { 0.4 }),
        };
        let (alpha, beta) = (weight(&p.alpha)?, weight(&p.beta)?);
        let name = &self.tensor.name;
        let pair = p.pair.clone().unwrap_or_else(|| {
            name.rsplitn(3, '.')
                .nth(2)
                .unwrap_or("attention")
                .to_owned()
        });
        let kind = if attention {
            "query-key"
        } else {
            "value-output"
        };
        let noise = Key::new(self.context.seed, &format!("{pair}:{kind}"));
        let out_first = self.layout()?.axis(Axis::Out) == Some(0);
        let fill = Fill::Mimetic {
            part: p.part,
            heads: p.heads,
            alpha,
            beta,
            noise,
            out_first,
        };
        Ok(Resolved {
            fill,
            fans: None,
            gain: None,
        })
    }
}

/// The gain that keeps the variance of standard normal signals, from the activation's definition.
fn forward_gain(activation: Activation) -> Result<f64, InitError> {
    let gain = Function::from(activation).forward_gain();
    gain.map(|gain| gain.value)
        .map_err(|error| InitError::Gain { activation, error })
}

/// A law around 0 with the given standard deviation after any truncation.
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
        Shape::Uniform => {
            let bound = 3f64.sqrt() * std;
            Distribution::Uniform {
                low: -bound,
                high: bound,
            }
        }
    }
}
