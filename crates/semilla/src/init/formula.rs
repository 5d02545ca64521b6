//! The interface of initializers' formulas: their answers, and what they may ask of a tensor.

use super::context::{Context, Resolved};
use super::error::InitError;
use crate::activation::Function;
use crate::expression::{Scalar, Variable, Variables};
use crate::layout::{Axis, FanRule, Fans, Layout};
use crate::model::Tensor;

/// The formula of an initializer.
pub(super) trait Formula {
    /// The values at one tensor, or at one of its blocks.
    fn at(&self, place: &Place<'_>) -> Result<Resolved, InitError>;

    /// Whether blocks stacked in one tensor (fused projections, gates) are initialized one by one.
    fn is_blockwise(&self) -> bool {
        true
    }
}

/// One initializer at one tensor (or block).
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The initializer's name, for errors.
    pub(super) name: &'static str,
    pub(super) tensor: &'a Tensor,
    pub(super) context: &'a Context,
}

impl Variables for Place<'_> {
    fn get(&self, variable: Variable) -> Option<f64> {
        let count = |n: Option<usize>| n.map(|n| n as f64);
        match variable {
            Variable::FanIn => self.fans().ok().map(|f| f.fan_in).or(self.bias_fan_in()),
            Variable::FanOut => self.fans().ok().map(|f| f.fan_out),
            Variable::Layers => count(self.context.layers),
            Variable::EncoderLayers => count(self.context.encoder_layers),
            Variable::DecoderLayers => count(self.context.decoder_layers),
            Variable::Branches => count(self.tensor.branches.map(|branches| branches as usize)),
            Variable::BranchLayers => {
                count(self.tensor.branch_layers.map(|layers| layers as usize))
            }
            Variable::Gain => Some(self.activation_gain()),
            Variable::DepthIndex => count(self.tensor.depth),
            Variable::Width => count(self.context.width),
            Variable::BaseWidth => count(self.context.base_width),
            Variable::Numel => self.tensor.len().map(|n| n as f64),
            Variable::Ndim => Some(self.tensor.shape.len() as f64),
        }
    }
}

/// What expressions may use at a tensor, outside of any initializer.
pub(crate) fn variables<'a>(tensor: &'a Tensor, context: &'a Context) -> impl Variables + 'a {
    Place {
        name: "",
        tensor,
        context,
    }
}

impl Place<'_> {
    /// The gain that keeps the variance under the activation that follows; 1 where none is known.
    fn activation_gain(&self) -> f64 {
        let after = self.tensor.activation;
        let gain = after.and_then(|after| Function::from(after).forward_gain().ok());
        gain.map_or(1.0, |gain| gain.value)
    }

    /// A parameter's value at this tensor.
    pub(super) fn value(&self, parameter: &'static str, scalar: &Scalar) -> Result<f64, InitError> {
        scalar.value(self).map_err(|source| InitError::Expression {
            initializer: self.name,
            parameter,
            source,
        })
    }

    /// A value that must not be negative.
    pub(super) fn magnitude(
        &self,
        parameter: &'static str,
        scalar: &Scalar,
    ) -> Result<f64, InitError> {
        let value = self.value(parameter, scalar)?;
        self.within(parameter, value, value >= 0.0, "0 or more")
    }

    /// A value that must be above 0.
    pub(super) fn positive(
        &self,
        parameter: &'static str,
        scalar: &Scalar,
    ) -> Result<f64, InitError> {
        let value = self.value(parameter, scalar)?;
        self.within(parameter, value, value > 0.0, "above 0")
    }

    /// The value, where it lies in its range.
    pub(super) fn within(
        &self,
        parameter: &'static str,
        value: f64,
        holds: bool,
        range: &'static str,
    ) -> Result<f64, InitError> {
        let initializer = self.name;
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

    /// The error that the tensor's shape is not what the initializer needs.
    pub(super) fn needs(&self, needs: impl Into<String>) -> InitError {
        InitError::Shape {
            initializer: self.name,
            needs: needs.into(),
            shape: self.tensor.shape.clone(),
        }
    }

    /// The tensor's layout, checked against its shape.
    pub(super) fn layout(&self) -> Result<&Layout, InitError> {
        let layout = self.tensor.layout.as_ref().ok_or(InitError::NoLayout {
            initializer: self.name,
            role: self.tensor.role,
        })?;
        layout.check(&self.tensor.shape)?;
        Ok(layout)
    }

    /// The fans, by the context's rule.
    pub(super) fn fans(&self) -> Result<Fans, InitError> {
        let (rule, shape) = (self.context.fans, &self.tensor.shape);
        if self.tensor.layout.is_none() && rule != FanRule::Exact {
            // The peers' rules read the shape alone.
            return Ok(Layout::oi().fans_by(rule, shape)?);
        }
        Ok(self.layout()?.fans_by(rule, shape)?)
    }

    /// The fan_in of the weight that a bias belongs to.
    pub(super) fn bias_fan_in(&self) -> Option<f64> {
        let known = self.tensor.bias_fan_in;
        known.map(|fan_in| fan_in.by(self.context.fans))
    }

    /// The sizes of the output and input axes.
    pub(super) fn sides(&self) -> Result<(usize, usize), InitError> {
        let layout = self.layout()?;
        let shape = &self.tensor.shape;
        Ok((layout.size(Axis::Out, shape), layout.size(Axis::In, shape)))
    }

    /// The number of kernel axes: 0 for a matrix.
    pub(super) fn kernel_axes(&self) -> Result<usize, InitError> {
        let axes = self.layout()?.axes().iter();
        Ok(axes.filter(|&&axis| axis == Axis::Kernel).count())
    }
}
