//! Convolutions over the axes behind the channels.

use super::shape::ints;
use super::site::Site;
use crate::formula::Problem;
use crate::graph::{Attribute, Node};
use crate::network::draft::Flow;

/// What both directions have.
struct Window {
    kernel: Vec<usize>,
    stride: Vec<usize>,
    padding: Vec<usize>,
    /// What a transposed convolution adds behind each axis.
    output_padding: Vec<usize>,
    dilation: Vec<usize>,
    groups: usize,
}

impl Window {
    fn of(site: &Site<'_>, kernel: usize, stride: usize) -> Result<Self, Problem> {
        let axes = site.x.sizes.len() - 1;
        let kernel = site.given.each("kernel", axes, kernel)?;
        let stride = site.given.each("stride", axes, stride)?;
        let dilation = site.given.each("dilation", axes, 1)?;
        if kernel
            .iter()
            .chain(&stride)
            .chain(&dilation)
            .any(|&size| size == 0)
        {
            return Err(Problem::other(
                "kernels, strides and dilations are at least 1",
            ));
        }
        Ok(Self {
            padding: vec![0; axes],
            output_padding: vec![0; axes],
            groups: site.given.size_or("groups", 1)?,
            kernel,
            stride,
            dilation,
        })
    }

    fn node(&self, operator: &str, inputs: &[&str]) -> Node {
        let pads = [&self.padding[..], &self.padding[..]].concat();
        let node = Node::new(operator, inputs, &[])
            .with("kernel_shape", ints(&self.kernel))
            .with("strides", ints(&self.stride))
            .with("dilations", ints(&self.dilation))
            .with("pads", ints(&pads))
            .with("group", Attribute::Int(self.groups as i64));
        match self.output_padding.iter().all(|&size| size == 0) {
            true => node,
            false => node.with("output_padding", ints(&self.output_padding)),
        }
    }

    fn divides(&self, inputs: usize, outputs: usize) -> Result<(), Problem> {
        match inputs.is_multiple_of(self.groups) && outputs.is_multiple_of(self.groups) {
            true => Ok(()),
            false => Err(Problem::other(format!(
                "{inputs} channels in and {outputs} out cannot be split into {} groups",
                self.groups
            ))),
        }
    }
}

/// `conv(out, kernel=3, stride=1, padding, dilation=1, groups=1, bias=true)`. Where no padding is
/// stated, odd kernels keep the size (divided by the stride), and even ones are not padded.
pub(super) fn conv(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let outputs = site.given.size("out")?;
    let window = Window::of(site, 3, 1)?;
    convolved(site, outputs, window)
}

/// `depthwise(kernel=3, stride=1, padding, dilation=1, multiplier=1, bias=true)`: a filter for each
/// channel.
pub(super) fn depthwise(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let outputs = site.x.channels() * site.given.size_or("multiplier", 1)?;
    let window = Window::of(site, 3, 1)?;
    let groups = site.x.channels();
    convolved(site, outputs, Window { groups, ..window })
}

fn convolved(site: &mut Site<'_>, outputs: usize, mut window: Window) -> Result<Flow, Problem> {
    let (channels, space) = (site.x.channels(), &site.x.sizes[1..]);
    window.divides(channels, outputs)?;
    let axes = space.len();
    let same = window.kernel.iter().zip(&window.dilation);
    let same: Vec<usize> = same
        .map(|(&kernel, &dilation)| match kernel % 2 {
            1 => dilation * (kernel - 1) / 2,
            _ => 0,
        })
        .collect();
    window.padding = match site.given.get("padding") {
        Some(_) => site.given.each("padding", axes, 0)?,
        None => same,
    };
    let mut sizes = vec![outputs];
    for (axis, &size) in space.iter().enumerate() {
        let reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
        let room = size + 2 * window.padding[axis];
        if room < reach {
            return Err(Problem::other(format!(
                "a kernel that spans {reach} does not fit what comes in, {}",
                site.x.shape()
            )));
        }
        sizes.push((room - reach) / window.stride[axis] + 1);
    }
    let shape = [&[outputs, channels / window.groups], &*window.kernel].concat();
    placed(site, &window, "Conv", &shape, sizes)
}

/// `conv_transpose(out, kernel=2, stride=2, padding=0, output_padding=0, dilation=1, groups=1,
/// bias=true)`.
pub(super) fn transposed(site: &mut Site<'_>) -> Result<Flow, Problem> {
    site.numbers(2)?;
    let outputs = site.given.size("out")?;
    let mut window = Window::of(site, 2, 2)?;
    let (channels, space) = (site.x.channels(), &site.x.sizes[1..]);
    window.divides(channels, outputs)?;
    let axes = space.len();
    window.padding = site.given.each("padding", axes, 0)?;
    window.output_padding = site.given.each("output_padding", axes, 0)?;
    let mut sizes = vec![outputs];
    for (axis, &size) in space.iter().enumerate() {
        let reach = window.dilation[axis] * (window.kernel[axis] - 1) + 1;
        let full = (size - 1) * window.stride[axis] + reach + window.output_padding[axis];
        let size = full.checked_sub(2 * window.padding[axis]);
        sizes.push(size.filter(|&size| size > 0).ok_or_else(|| {
            Problem::other(format!("nothing is left of {full} after the padding"))
        })?);
    }
    let shape = [&[channels, outputs / window.groups], &*window.kernel].concat();
    placed(site, &window, "ConvTranspose", &shape, sizes)
}

fn placed(
    site: &mut Site<'_>,
    window: &Window,
    operator: &str,
    shape: &[usize],
    sizes: Vec<usize>,
) -> Result<Flow, Problem> {
    let weight = site.weight("weight", shape)?;
    let bias = site.bias(sizes[0])?;
    let x = site.x.name.clone();
    let mut inputs = vec![&*x, &*weight];
    inputs.extend(bias.as_deref());
    let name = site.draft.put(window.node(operator, &inputs))?;
    Ok(site.made(name, sizes))
}
