//! The meaning of a tensor's axes to the node that takes it.

use serde::Serialize;

use super::convolution::Convolution;
use super::node::Node;
use super::operand::{Operand, operand};
use crate::Layout;

/// How a node sees the axes of a tensor that came to it through other nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum View {
    /// As they are stored.
    #[default]
    Stored,
    /// The two axes of a matrix exchanged.
    Transposed,
    /// Otherwise: reshaped, or other axes exchanged.
    Changed,
}

impl View {
    /// The view after one more node, if that only passes on the values of its first input.
    pub(super) fn through(self, node: &Node) -> Option<View> {
        match node.standard().or(node.contributed())? {
            "Identity" | "Cast" | "DequantizeLinear" => Some(self),
            "Transpose" => Some(match self {
                _ if !exchanges_two(node) => View::Changed,
                View::Stored => View::Transposed,
                View::Transposed => View::Stored,
                View::Changed => View::Changed,
            }),
            "Reshape" | "Squeeze" | "Unsqueeze" | "Expand" => Some(View::Changed),
            _ => None,
        }
    }
}

/// Whether a `Transpose` exchanges the axes of a matrix; without an order it reverses them.
fn exchanges_two(node: &Node) -> bool {
    match node.attribute("perm") {
        None => true,
        Some(_) => matches!(node.ints("perm"), Some([] | [1, 0])),
    }
}

/// The axes of a tensor of this shape, as it is stored, that a node takes as an input of this
/// position and sees in this way. The layout is of the stored tensor.
///
/// | operator | stored axes |
/// | --- | --- |
/// | `Conv` and its relatives | `OIHW`, with the groups; with the strides if they are the kernel |
/// | `ConvTranspose` | `IOHW^T`, with the groups and the product of the strides |
/// | `Gemm`, second input | `IO`, `OI` with `transB`; first input: `OI`, `IO` with `transA` |
/// | `MatMul`, second input | `IO`, `EIO` of three axes; first input: `OI` |
/// | `LSTM`, `GRU`, `RNN` | `EOI`: directions, gates' rows, inputs |
/// | `Gather` of rows | `VO` |
///
/// `None` where the operator does not say, or the shape does not fit it.
pub fn layout(node: &Node, input: usize, view: View, shape: &[usize]) -> Option<Layout> {
    let transposed = match view {
        View::Stored => false,
        View::Transposed if shape.len() == 2 => true,
        View::Transposed | View::Changed => return None,
    };
    let layout = match operand(node, input)? {
        Operand::Weight => weight(node, input, transposed, shape)?,
        Operand::InputWeight | Operand::RecurrentWeight if shape.len() == 3 => {
            Layout::oi().stacked()
        }
        Operand::Table if shape.len() == 2 && !transposed && takes_rows(node) => {
            Layout::embedding()
        }
        _ => return None,
    };
    layout.fans(shape).is_ok().then_some(layout)
}

fn weight(node: &Node, input: usize, transposed: bool, shape: &[usize]) -> Option<Layout> {
    let matrix = |out_first: bool| match out_first != transposed {
        true => Layout::oi(),
        false => Layout::io(),
    };
    let is_set = |name| node.int(name).is_some_and(|flag| flag != 0);
    Some(match (&*node.operator, shape.len()) {
        ("ConvTranspose", 3..=5) => {
            let found = Convolution::of(node, shape)?;
            let stride = product(&found.strides);
            Layout::conv_transpose(found.kernel.len(), stride).grouped(found.groups)
        }
        (operator, 3..=5) if operator.contains("Conv") => {
            let found = Convolution::of(node, shape)?;
            let layout = Layout::conv(found.kernel.len()).grouped(found.groups);
            match found.strides == found.kernel {
                true => layout.strided(product(&found.strides)),
                false => layout,
            }
        }
        ("Gemm" | "FusedGemm" | "FusedMatMul", 2) if input == 0 => matrix(!is_set("transA")),
        ("Gemm" | "FusedGemm" | "FusedMatMul", 2) => matrix(is_set("transB")),
        ("MatMul" | "MatMulInteger", 2) if input == 0 => matrix(true),
        ("MatMul" | "MatMulInteger" | "QLinearMatMul" | "Attention", 2) => matrix(false),
        ("MatMul", 3) if input == 1 => Layout::io().stacked(),
        _ => return None,
    })
}

fn product(sizes: &[usize]) -> usize {
    sizes
        .iter()
        .fold(1, |all: usize, &size| all.saturating_mul(size))
}

/// Whether a node looks up rows of its table.
fn takes_rows(node: &Node) -> bool {
    let along = node.int("axis").unwrap_or(0);
    node.operator != "Gather" || along == 0
}

#[cfg(test)]
mod tests {
    use super::super::attribute::Attribute;
    use super::*;

    fn seen(node: &Node, input: usize, view: View, shape: &[usize]) -> Option<String> {
        layout(node, input, view, shape).map(|layout| layout.to_string())
    }

    fn stored(node: &Node, input: usize, shape: &[usize]) -> Option<String> {
        seen(node, input, View::Stored, shape)
    }

    fn of(operator: &str) -> Node {
        Node::new(operator, &[], &[])
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn convolutions() {
        let grouped = of("Conv").with("group", Attribute::Int(4));
        assert_eq!(stored(&grouped, 1, &[8, 2, 3, 3]), some("OIHW/4"));
        assert_eq!(stored(&grouped, 1, &[6, 2, 3, 3]), None);
        assert_eq!(stored(&grouped, 1, &[8, 2]), None);
        assert_eq!(stored(&grouped, 2, &[8]), None);
        assert_eq!(stored(&of("DeformConv"), 1, &[8, 2, 3, 3]), some("OIHW"));
        assert_eq!(stored(&of("QLinearConv"), 3, &[8, 2, 3]), some("OIW"));
        let patches = of("Conv").with("strides", Attribute::Ints(vec![4, 4]));
        assert_eq!(stored(&patches, 1, &[8, 3, 4, 4]), some("OIHW:16"));
        assert_eq!(stored(&patches, 1, &[8, 3, 7, 7]), some("OIHW"));
        let strides = Attribute::Ints(vec![2, 3]);
        let up = of("ConvTranspose").with("strides", strides);
        assert_eq!(stored(&up, 1, &[4, 2, 2, 2]), some("IOHW^T:6"));
        assert_eq!(seen(&up, 1, View::Transposed, &[4, 2, 2, 2]), None);
    }

    #[test]
    fn matrices() {
        let gemm = of("Gemm");
        let both = of("Gemm")
            .with("transA", Attribute::Int(1))
            .with("transB", Attribute::Int(1));
        assert_eq!(stored(&gemm, 0, &[3, 4]), some("OI"));
        assert_eq!(stored(&gemm, 1, &[3, 4]), some("IO"));
        assert_eq!(stored(&both, 0, &[3, 4]), some("IO"));
        assert_eq!(stored(&both, 1, &[3, 4]), some("OI"));
        assert_eq!(seen(&both, 1, View::Transposed, &[3, 4]), some("IO"));
        assert_eq!(seen(&gemm, 1, View::Changed, &[3, 4]), None);
        let matmul = of("MatMul");
        assert_eq!(stored(&matmul, 0, &[3, 4]), some("OI"));
        assert_eq!(stored(&matmul, 1, &[3, 4]), some("IO"));
        assert_eq!(stored(&matmul, 1, &[2, 3, 4]), some("EIO"));
        assert_eq!(stored(&matmul, 0, &[2, 3, 4]), None);
        assert_eq!(stored(&of("QLinearMatMul"), 3, &[3, 4]), some("IO"));
    }

    #[test]
    fn recurrent_layers_and_tables() {
        assert_eq!(stored(&of("LSTM"), 2, &[1, 8, 2]), some("EOI"));
        assert_eq!(stored(&of("LSTM"), 3, &[1, 16]), None);
        assert_eq!(stored(&of("Gather"), 0, &[10, 4]), some("VO"));
        let columns = of("Gather").with("axis", Attribute::Int(1));
        assert_eq!(stored(&columns, 0, &[10, 4]), None);
        assert_eq!(seen(&of("Gather"), 0, View::Transposed, &[10, 4]), None);
        let attention = Node {
            domain: "com.microsoft".to_owned(),
            ..of("Attention")
        };
        assert_eq!(stored(&attention, 1, &[4, 12]), some("IO"));
    }

    #[test]
    fn views_through_nodes() {
        let transpose = |perm: &[i64]| of("Transpose").with("perm", Attribute::Ints(perm.to_vec()));
        let through = |view: View, node: &Node| view.through(node);
        assert_eq!(through(View::Stored, &of("Cast")), Some(View::Stored));
        assert_eq!(
            through(View::Stored, &of("Transpose")),
            Some(View::Transposed)
        );
        assert_eq!(
            through(View::Transposed, &transpose(&[1, 0])),
            Some(View::Stored)
        );
        assert_eq!(
            through(View::Stored, &transpose(&[0, 1])),
            Some(View::Changed)
        );
        assert_eq!(through(View::Stored, &of("Reshape")), Some(View::Changed));
        assert_eq!(
            through(View::Changed, &of("Transpose")),
            Some(View::Changed)
        );
        assert_eq!(through(View::Stored, &of("Relu")), None);
    }
}
