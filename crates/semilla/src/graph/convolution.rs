//! The geometry of convolutions.

use serde::Serialize;

use super::node::Node;

/// How a convolution's kernel moves, one entry per spatial axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Convolution {
    /// The kernel's extent.
    pub kernel: Vec<usize>,
    /// Steps of the kernel; of a transposed convolution, of its output per input.
    pub strides: Vec<usize>,
    /// Distances between the kernel's positions.
    pub dilations: Vec<usize>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Convolution {
    /// The geometry of a convolution node whose weight has the shape `[_, _, kernel...]`.
    ///
    /// `None` if the shape has no kernel, or if strides, dilations or groups are not positive
    /// numbers, one per spatial axis. The operator's name is not looked at.
    pub fn of(node: &Node, weight: &[usize]) -> Option<Self> {
        let kernel = weight.get(2..).filter(|kernel| !kernel.is_empty())?;
        let groups = usize::try_from(node.int("group").unwrap_or(1)).ok()?;
        Some(Self {
            kernel: kernel.to_vec(),
            strides: per_axis(node, "strides", kernel.len())?,
            dilations: per_axis(node, "dilations", kernel.len())?,
            groups: Some(groups).filter(|&groups| groups > 0)?,
        })
    }
}

/// Positive numbers, one per axis; 1 where they are left out.
fn per_axis(node: &Node, name: &str, axes: usize) -> Option<Vec<usize>> {
    if node.attribute(name).is_none() {
        return Some(vec![1; axes]);
    }
    let given = node.ints(name)?.iter();
    let numbers: Option<Vec<usize>> = given.map(|&number| number.try_into().ok()).collect();
    numbers.filter(|numbers| numbers.len() == axes && !numbers.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::super::attribute::Attribute;
    use super::*;

    #[test]
    fn each_axis_has_its_stride() {
        let node = Node::new("Conv", &["x", "w"], &["y"])
            .with("strides", Attribute::Ints(vec![2, 3]))
            .with("group", Attribute::Int(4));
        let found = Convolution::of(&node, &[8, 2, 5, 7]).unwrap();
        let expected = Convolution {
            kernel: vec![5, 7],
            strides: vec![2, 3],
            dilations: vec![1, 1],
            groups: 4,
        };
        assert_eq!(found, expected);
        assert_eq!(Convolution::of(&node, &[8, 2]), None);
        assert_eq!(Convolution::of(&node, &[8, 2, 5]), None);
    }

    #[test]
    fn nonsense_is_no_geometry() {
        for (name, value) in [
            ("strides", Attribute::Ints(vec![0])),
            ("strides", Attribute::Ints(vec![-1])),
            ("dilations", Attribute::Ints(vec![])),
            ("dilations", Attribute::Omitted),
            ("group", Attribute::Int(0)),
            ("group", Attribute::Int(-2)),
        ] {
            let node = Node::new("Conv", &[], &[]).with(name, value);
            assert_eq!(Convolution::of(&node, &[8, 2, 5]), None, "{name}");
        }
    }
}
