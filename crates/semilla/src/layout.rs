//! Layouts: which axis of a weight is which, and the fans that follow.
//!
//! A shape alone does not say which axis is summed over: 25 of MiniLM's 41 matrices are square. So
//! a [`Layout`] is always stated, in the letters that JAX's convolutions use: `O` output, `I`
//! input, `D`, `H`, `W` the kernel's extent, `E` a stack of independent weights (experts), `V` a
//! vocabulary whose rows are looked up. PyTorch stores `OI` and `OIHW`, Keras and Flax `IO` and
//! `HWIO`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The meaning of one axis of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Output features (`O`).
    Out,
    /// Input features (`I`), summed over.
    In,
    /// An extent of a convolution's kernel (`D`, `H`, `W`): part of the receptive field.
    Kernel,
    /// Independent weights stacked in one tensor (`E`), such as experts.
    Stack,
    /// A vocabulary (`V`): one row is looked up, nothing is summed.
    Vocabulary,
}

/// The meaning of a weight's axes.
///
/// ```
/// use semilla::{Fans, Layout};
///
/// let conv: Layout = "OIHW".parse()?;
/// assert_eq!(conv.fans(&[64, 3, 7, 7])?, Fans { fan_in: 147.0, fan_out: 3136.0 });
/// // A depthwise kernel: every output sees one channel, every channel feeds one output.
/// let depthwise = conv.grouped(64);
/// assert_eq!(depthwise.fans(&[64, 1, 3, 3])?, Fans { fan_in: 9.0, fan_out: 9.0 });
/// # Ok::<(), semilla::LayoutError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Layout {
    axes: Vec<Axis>,
    groups: usize,
    /// A transposed convolution: its output axis is the one stored per group.
    transposed: bool,
    /// The product of a convolution's strides.
    stride: usize,
}

/// How many inputs feed one output (`fan_in`) and how many outputs one input feeds (`fan_out`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fans {
    /// Inputs per output.
    pub fan_in: f64,
    /// Outputs per input.
    pub fan_out: f64,
}

/// Whose definition of the fans to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FanRule {
    /// The layer's own: groups and transposition accounted for.
    #[default]
    Exact,
    /// `torch.nn.init._calculate_fan_in_and_fan_out`: axis 1 in, axis 0 out, whatever the layer.
    Pytorch,
    /// `keras.initializers.compute_fans`: the last two axes are in and out, whatever the layer.
    Keras,
}

/// A layout that cannot be read, or that does not fit a shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Not a layout.
    #[error(
        "{0:?} is not a layout; write one letter per axis: O (out), I (in), D H W (kernel), \
         E (stack), V (vocabulary), such as OI, IO, OIHW, HWIO, EIO, VO; then /g for g groups, \
         ^T for a transposed convolution, :s for the product of its strides"
    )]
    Unreadable(String),
    /// The number of axes differs.
    #[error(
        "layout {layout} has {} axes, the shape {shape:?} has {}",
        layout.axes.len(), shape.len()
    )]
    Rank {
        /// The layout.
        layout: Layout,
        /// The shape.
        shape: Vec<usize>,
    },
    /// The groups do not divide an axis.
    #[error("{groups} groups do not divide an axis of size {size} in shape {shape:?}")]
    Groups {
        /// The groups.
        groups: usize,
        /// The size that they should divide.
        size: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// No groups, or a stride of 0.
    #[error("layout {layout} has {count} 0; it must be 1 or more")]
    Zero {
        /// The layout.
        layout: Layout,
        /// The count that is 0: `groups` or `stride`.
        count: &'static str,
    },
    /// Fans of a vector.
    #[error(
        "fan_in and fan_out need at least two axes; the shape is {shape:?}. \
         Give the value itself: zeros, ones, constant or uniform"
    )]
    NoFans {
        /// The shape.
        shape: Vec<usize>,
    },
}

impl Layout {
    fn of(axes: impl Into<Vec<Axis>>) -> Self {
        Self {
            axes: axes.into(),
            groups: 1,
            transposed: false,
            stride: 1,
        }
    }

    /// `OI`: PyTorch's linear weight.
    pub fn oi() -> Self {
        Self::of([Axis::Out, Axis::In])
    }

    /// `IO`: the dense kernel of Keras and Flax, and GPT-2's `Conv1D`.
    pub fn io() -> Self {
        Self::of([Axis::In, Axis::Out])
    }

    /// `VO`: an embedding table, one row per token.
    pub fn embedding() -> Self {
        Self::of([Axis::Vocabulary, Axis::Out])
    }

    /// PyTorch's convolution with `spatial` kernel axes: `OIW`, `OIHW`, `OIDHW`.
    pub fn conv(spatial: usize) -> Self {
        let mut axes = vec![Axis::Out, Axis::In];
        axes.resize(2 + spatial, Axis::Kernel);
        Self::of(axes)
    }

    /// PyTorch's transposed convolution, stored `[in, out / groups, kernel...]`, with the product
    /// of its strides. A stride of 0 is an error where the layout is used ([`Layout::check`]).
    pub fn conv_transpose(spatial: usize, stride: usize) -> Self {
        let mut axes = vec![Axis::In, Axis::Out];
        axes.resize(2 + spatial, Axis::Kernel);
        Self {
            transposed: true,
            stride,
            ..Self::of(axes)
        }
    }

    /// The convolution of Keras and Flax: `WIO`, `HWIO`, `DHWIO`.
    pub fn channels_last(spatial: usize) -> Self {
        let mut axes = vec![Axis::Kernel; spatial];
        axes.extend([Axis::In, Axis::Out]);
        Self::of(axes)
    }

    /// The same layout for a convolution in `groups` groups. 0 groups are an error where the layout
    /// is used ([`Layout::check`]).
    pub fn grouped(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The same layout for a convolution with this product of strides: a kernel that is as large as
    /// its stride is a linear map of patches. A stride of 0 is an error where the layout is used
    /// ([`Layout::check`]).
    pub fn strided(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// A kernel per attention head as Keras and Flax store queries, keys and values: `IOO`, `[in,
    /// heads, size]`.
    pub fn to_heads() -> Self {
        Self::of([Axis::In, Axis::Out, Axis::Out])
    }

    /// Attention's output kernel in Keras and Flax: `IIO`, `[heads, size, out]`.
    pub fn from_heads() -> Self {
        Self::of([Axis::In, Axis::In, Axis::Out])
    }

    /// Whether inputs or outputs take more than one axis, as those of attention heads do.
    fn has_heads(&self) -> bool {
        let count = |kind| self.axes.iter().filter(|&&axis| axis == kind).count();
        count(Axis::In) > 1 || count(Axis::Out) > 1
    }

    /// The same layout behind a leading stack axis.
    pub fn stacked(mut self) -> Self {
        self.axes.insert(0, Axis::Stack);
        self
    }

    /// The same layout with the axis at a place taking two places, as heads and their elements do.
    pub(crate) fn with_axis_twice(mut self, place: usize) -> Self {
        self.axes.insert(place, self.axes[place]);
        self
    }

    /// The same layout with one more kernel axis at a place.
    pub(crate) fn with_kernel_axis(&self, place: usize) -> Self {
        let mut layout = self.clone();
        layout.axes.insert(place, Axis::Kernel);
        layout
    }

    /// The same layout without an axis.
    pub(crate) fn without_axis(&self, place: usize) -> Self {
        let mut layout = self.clone();
        layout.axes.remove(place);
        layout
    }

    /// The meaning of each axis.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The number of groups of a convolution.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether this is a transposed convolution.
    pub fn is_transposed(&self) -> bool {
        self.transposed
    }

    /// The position of the (first) axis of a kind.
    pub fn axis(&self, kind: Axis) -> Option<usize> {
        self.axes.iter().position(|&axis| axis == kind)
    }

    /// The product of the sizes of all axes of a kind, 1 if there is none; `usize::MAX` if it is
    /// larger.
    pub fn size(&self, kind: Axis, shape: &[usize]) -> usize {
        let axes = self.axes.iter().zip(shape);
        axes.filter(|(axis, _)| **axis == kind)
            .fold(1, |product, (_, &size)| product.saturating_mul(size))
    }

    /// The kernel's number of positions; `usize::MAX` if it is larger.
    pub fn receptive_field(&self, shape: &[usize]) -> usize {
        self.size(Axis::Kernel, shape)
    }

    /// Checks that the layout has as many axes as the shape, and neither 0 groups nor a stride of
    /// 0.
    ///
    /// # Errors
    /// [`LayoutError::Rank`] or [`LayoutError::Zero`] if not.
    pub fn check(&self, shape: &[usize]) -> Result<(), LayoutError> {
        self.check_counts()?;
        if self.axes.len() == shape.len() {
            return Ok(());
        }
        Err(LayoutError::Rank {
            layout: self.clone(),
            shape: shape.to_vec(),
        })
    }

    /// Checks that neither the groups nor the stride is 0, whatever the shape.
    pub(crate) fn check_counts(&self) -> Result<(), LayoutError> {
        let count = match (self.groups, self.stride) {
            (0, _) => "groups",
            (_, 0) => "stride",
            _ => return Ok(()),
        };
        Err(LayoutError::Zero {
            layout: self.clone(),
            count,
        })
    }

    /// How many inputs feed an output and how many outputs an input feeds.
    ///
    /// Groups divide whichever side is stored whole; a convolution of stride s takes each input
    /// with one in s of the kernel's positions, a transposed one hits each output so; a vocabulary
    /// row is looked up alone (`fan_in` 1); a stack is not summed.
    ///
    /// # Errors
    /// A shape of a different rank, groups that are 0 or do not divide, a stride of 0, or fewer
    /// than two axes.
    pub fn fans(&self, shape: &[usize]) -> Result<Fans, LayoutError> {
        self.check(shape)?;
        if self.axes.len() < 2 {
            return Err(LayoutError::NoFans {
                shape: shape.to_vec(),
            });
        }
        let kernel = self.axes.iter().zip(shape);
        let kernel = kernel.filter(|(axis, _)| **axis == Axis::Kernel);
        let field = product(kernel.map(|(_, &size)| size));
        let (inputs, outputs) = (self.size(Axis::In, shape), self.size(Axis::Out, shape));
        let whole = if self.transposed { inputs } else { outputs };
        if whole % self.groups != 0 {
            return Err(LayoutError::Groups {
                groups: self.groups,
                size: whole,
                shape: shape.to_vec(),
            });
        }
        let groups = self.groups as f64;
        let (inputs, outputs) = (inputs as f64, outputs as f64);
        Ok(if self.transposed {
            Fans {
                fan_in: inputs / groups * field / self.stride as f64,
                fan_out: outputs * field,
            }
        } else {
            Fans {
                fan_in: inputs * field,
                fan_out: outputs / groups * field / self.stride as f64,
            }
        })
    }

    /// The fans by a peer's rule.
    ///
    /// # Errors
    /// As [`Layout::fans`].
    pub fn fans_by(&self, rule: FanRule, shape: &[usize]) -> Result<Fans, LayoutError> {
        let last = shape.len().wrapping_sub(1);
        let (input, output) = match (rule, shape.len()) {
            (FanRule::Exact, _) => return self.fans(shape),
            // Keras computes these before it gives the kernel its axis of heads.
            (FanRule::Keras, _) if self.has_heads() => return self.fans(shape),
            (_, 0) | (FanRule::Pytorch, 1) => {
                return Err(LayoutError::NoFans {
                    shape: shape.to_vec(),
                });
            }
            (FanRule::Pytorch, _) => (1, 0),
            (FanRule::Keras, 1) => (0, 0),
            (FanRule::Keras, _) => (last - 1, last),
        };
        let kernel = (0..shape.len()).filter(|&axis| axis != input && axis != output);
        let field = product(kernel.map(|axis| shape[axis]));
        Ok(Fans {
            fan_in: shape[input] as f64 * field,
            fan_out: shape[output] as f64 * field,
        })
    }
}

/// The product of sizes, finite whatever they are: with a size of 0 it is 0 and not NaN.
fn product(sizes: impl Iterator<Item = usize>) -> f64 {
    sizes.fold(1.0, |product: f64, size| {
        (product * size as f64).min(f64::MAX / 1e40)
    })
}

impl FromStr for Layout {
    type Err = LayoutError;

    /// Letters, then `/g` for groups, `^T` for a transposed convolution and `:s` for a product of
    /// strides: `OIHW`, `OIHW/32`, `OIHW:4`, `IOHW^T:4`.
    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let unreadable = || LayoutError::Unreadable(text.to_owned());
        let (rest, stride) = match text.split_once(':') {
            None => (text, 1),
            Some((rest, stride)) => {
                let stride = stride.parse().ok().filter(|&stride: &usize| stride > 0);
                (rest, stride.ok_or_else(unreadable)?)
            }
        };
        let (rest, transposed) = match rest.strip_suffix("^T") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (letters, groups) = match rest.split_once('/') {
            None => (rest, 1),
            Some((letters, groups)) => {
                let groups = groups.parse().ok().filter(|&g: &usize| g > 0);
                (letters, groups.ok_or_else(unreadable)?)
            }
        };
        let axes: Option<Vec<Axis>> = letters
            .chars()
            .map(|letter| match letter.to_ascii_uppercase() {
                'O' => Some(Axis::Out),
                'I' => Some(Axis::In),
                'D' | 'H' | 'W' => Some(Axis::Kernel),
                'E' => Some(Axis::Stack),
                'V' => Some(Axis::Vocabulary),
                _ => None,
            })
            .collect();
        let axes = axes.ok_or_else(unreadable)?;
        let at_most_once = |kind| axes.iter().filter(|&&axis| axis == kind).count() <= 1;
        // Only attention heads take inputs or outputs a second axis: `IOO`, `IIO`.
        let has = |kind| axes.contains(&kind);
        let of_heads = has(Axis::In) && has(Axis::Out) && !has(Axis::Kernel);
        let once = at_most_once(Axis::Vocabulary)
            && (of_heads || (at_most_once(Axis::In) && at_most_once(Axis::Out)));
        if axes.is_empty() || axes.len() > 16 || !once {
            return Err(unreadable());
        }
        Ok(Self {
            axes,
            groups,
            transposed,
            stride,
        })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernel = self
            .axes
            .iter()
            .filter(|&&axis| axis == Axis::Kernel)
            .count();
        let mut left = kernel;
        let mut text = String::new();
        for axis in &self.axes {
            text.push(match axis {
                Axis::Out => 'O',
                Axis::In => 'I',
                Axis::Stack => 'E',
                Axis::Vocabulary => 'V',
                Axis::Kernel => {
                    left -= 1;
                    ['W', 'H', 'D'][left.min(2)]
                }
            });
        }
        if self.groups != 1 {
            text.push_str(&format!("/{}", self.groups));
        }
        if self.transposed {
            text.push_str("^T");
        }
        if self.stride != 1 {
            text.push_str(&format!(":{}", self.stride));
        }
        f.pad(&text)
    }
}

impl From<Layout> for String {
    fn from(layout: Layout) -> Self {
        layout.to_string()
    }
}

impl TryFrom<String> for Layout {
    type Error = LayoutError;

    fn try_from(text: String) -> Result<Self, LayoutError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fans(layout: &str, shape: &[usize]) -> (f64, f64) {
        let fans = layout.parse::<Layout>().unwrap().fans(shape).unwrap();
        (fans.fan_in, fans.fan_out)
    }

    #[test]
    fn fans_of_every_kind() {
        assert_eq!(fans("OI", &[10, 20]), (20.0, 10.0));
        assert_eq!(fans("IO", &[10, 20]), (10.0, 20.0));
        assert_eq!(fans("OIW", &[8, 4, 3]), (12.0, 24.0));
        assert_eq!(fans("HWIO", &[3, 3, 4, 8]), (36.0, 72.0));
        assert_eq!(fans("OIDHW", &[8, 4, 3, 3, 3]), (108.0, 216.0));
        assert_eq!(fans("OIHW/4", &[8, 1, 3, 3]), (9.0, 18.0));
        assert_eq!(fans("IOHW^T", &[16, 8, 4, 4]), (256.0, 128.0));
        assert_eq!(fans("IOHW^T:4", &[16, 8, 4, 4]), (64.0, 128.0));
        assert_eq!(fans("IOHW/2^T", &[16, 4, 4, 4]), (128.0, 64.0));
        assert_eq!(fans("EIO", &[8, 16, 32]), (16.0, 32.0));
        assert_eq!(fans("VO", &[1000, 64]), (1.0, 64.0));
    }

    #[test]
    fn peers_rules_differ_where_they_are_known_to() {
        let depthwise = Layout::conv(2).grouped(64);
        let torch = depthwise.fans_by(FanRule::Pytorch, &[64, 1, 3, 3]).unwrap();
        assert_eq!((torch.fan_in, torch.fan_out), (9.0, 576.0));
        let transposed = Layout::conv_transpose(2, 1);
        let torch = transposed
            .fans_by(FanRule::Pytorch, &[16, 8, 4, 4])
            .unwrap();
        assert_eq!((torch.fan_in, torch.fan_out), (128.0, 256.0));
        let keras = Layout::io().fans_by(FanRule::Keras, &[3, 3, 4, 8]).unwrap();
        assert_eq!((keras.fan_in, keras.fan_out), (36.0, 72.0));
        assert!(Layout::oi().fans_by(FanRule::Pytorch, &[5]).is_err());
    }

    #[test]
    fn text_form_round_trips() {
        for text in [
            "OI",
            "IO",
            "OIW",
            "OIHW",
            "OIDHW",
            "HWIO",
            "EIO",
            "VO",
            "OIHW/32",
            "IOHW/2^T:4",
            "OIHW:1024",
            "IOO",
            "IIO",
        ] {
            assert_eq!(text.parse::<Layout>().unwrap().to_string(), text);
        }
        for bad in ["", "OO", "X", "OI/0", "OI/x", "OIHW^T:0", "OI^Tx", "OIIHW"] {
            assert!(bad.parse::<Layout>().is_err(), "{bad}");
        }
    }

    #[test]
    fn misfits_are_errors() {
        assert!(matches!(
            Layout::oi().fans(&[3]),
            Err(LayoutError::Rank { .. })
        ));
        let grouped = Layout::conv(1).grouped(3);
        assert!(matches!(
            grouped.fans(&[8, 1, 3]),
            Err(LayoutError::Groups { .. })
        ));
    }

    #[test]
    fn zero_groups_and_strides_are_refused() {
        let message = |layout: Layout| layout.fans(&[8, 4, 3, 3]).unwrap_err().to_string();
        let groups = message(Layout::conv(2).grouped(0));
        assert_eq!(groups, "layout OIHW/0 has groups 0; it must be 1 or more");
        let stride = message(Layout::conv_transpose(2, 0));
        assert_eq!(stride, "layout IOHW^T:0 has stride 0; it must be 1 or more");
    }

    #[test]
    fn huge_shapes_neither_overflow_nor_give_nan() {
        const MAX: usize = usize::MAX;
        let conv = Layout::conv(14);
        let mut shape = vec![MAX; 16];
        assert_eq!(conv.receptive_field(&shape), MAX);
        assert_eq!(conv.size(Axis::Kernel, &[1, 1, MAX, 2, 0]), 0);
        for size in [MAX, 0] {
            shape[0] = size;
            for rule in [FanRule::Exact, FanRule::Pytorch, FanRule::Keras] {
                let fans = conv.fans_by(rule, &shape).unwrap();
                assert!(fans.fan_in.is_finite() && fans.fan_out.is_finite());
            }
        }
    }
}
