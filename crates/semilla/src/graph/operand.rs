//! The part that a tensor plays in the operator that takes it.

use serde::Serialize;

use super::node::Node;

/// The part that a stored tensor plays in an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum Operand {
    /// Multiplied and summed over: a convolution's kernel, a matrix.
    Weight,
    /// Added to what the weight of the same node makes.
    Bias,
    /// A recurrent layer's weight for its input, its gates one below the other.
    InputWeight,
    /// A recurrent layer's weight for its state, its gates one below the other.
    RecurrentWeight,
    /// A recurrent layer's biases: those of the input, then those of the state.
    RecurrentBias,
    /// Rows that are looked up: an embedding, where they are looked up by token.
    Table,
    /// The factor of a normalization.
    Scale,
    /// The term that a normalization adds.
    Shift,
    /// A normalization's running mean.
    RunningMean,
    /// A normalization's running variance.
    RunningVariance,
    /// The slope of a PReLU.
    Slope,
    /// Added or subtracted by a node of its own, such as the bias of a `MatMul`.
    Offset,
    /// Multiplied or divided by a node of its own, such as a layer scale.
    Factor,
}

impl Operand {
    /// The name of such a parameter in PyTorch's modules; `scale` for a [`Operand::Factor`], which
    /// they do not have.
    pub fn parameter(self) -> &'static str {
        match self {
            Operand::Weight | Operand::Table | Operand::Scale | Operand::Slope => "weight",
            Operand::Bias | Operand::Shift | Operand::RecurrentBias | Operand::Offset => "bias",
            Operand::InputWeight => "weight_ih",
            Operand::RecurrentWeight => "weight_hh",
            Operand::RunningMean => "running_mean",
            Operand::RunningVariance => "running_var",
            Operand::Factor => "scale",
        }
    }
}

/// The part that a stored tensor plays in the node that takes it as its input of this position.
///
/// `None` if the operator is not known or that input is not a parameter of a model: data, shapes,
/// axes, scales and zero points of quantized numbers. Only operators of ONNX and of ONNX Runtime
/// (`com.microsoft`) are known: the same name in a different domain may mean anything.
pub fn operand(node: &Node, input: usize) -> Option<Operand> {
    let contributed = node.contributed().and_then(|op| additional(op, input));
    contributed.or_else(|| common(node.standard().or(node.contributed())?, input))
}

/// Operators of ONNX, and those of ONNX Runtime that take their parameters in the same places.
fn common(operator: &str, input: usize) -> Option<Operand> {
    use Operand::*;
    Some(match (operator, input) {
        ("Conv" | "ConvTranspose" | "ConvInteger" | "DeformConv" | "FusedConv", 1) => Weight,
        ("Conv" | "ConvTranspose" | "FusedConv", 2) | ("DeformConv", 3) => Bias,
        ("QLinearConv" | "QLinearMatMul", 3) => Weight,
        ("QLinearConv", 8) => Bias,
        ("Gemm" | "FusedGemm", 0 | 1) => Weight,
        ("Gemm" | "FusedGemm", 2) => Bias,
        ("MatMul" | "MatMulInteger" | "FusedMatMul", 0 | 1) => Weight,
        ("LSTM" | "GRU" | "RNN", 1) => InputWeight,
        ("LSTM" | "GRU" | "RNN", 2) => RecurrentWeight,
        ("LSTM" | "GRU" | "RNN", 3) => RecurrentBias,
        ("Gather", 0) => Table,
        ("BatchNormalization", 3) => RunningMean,
        ("BatchNormalization", 4) => RunningVariance,
        (norm, 1) if is_plain_normalization(norm) => Scale,
        (norm, 2) if is_plain_normalization(norm) => Shift,
        ("PRelu", 1) => Slope,
        ("Add" | "Sub", 0 | 1) => Offset,
        ("Mul" | "Div", 0 | 1) => Factor,
        _ => return None,
    })
}

/// Whether the operator takes the data, then its scale, then its shift: those of ONNX Runtime that
/// add or look up first do not.
fn is_plain_normalization(operator: &str) -> bool {
    let adds = operator.starts_with("Skip") || operator.starts_with("Embed");
    operator.ends_with("Normalization") && !adds
}

/// Operators of ONNX Runtime that have their parameters in places of their own.
fn additional(operator: &str, input: usize) -> Option<Operand> {
    use Operand::*;
    Some(match (operator, input) {
        ("Attention", 1) => Weight,
        ("Attention", 2) | ("BiasGelu" | "FastGelu", 1) => Bias,
        ("EmbedLayerNormalization", 2..=4) => Table,
        ("EmbedLayerNormalization", 5) => Scale,
        ("EmbedLayerNormalization", 6) => Shift,
        ("SkipLayerNormalization" | "SkipSimplifiedLayerNormalization", 2) => Scale,
        ("SkipLayerNormalization", 3) => Shift,
        ("SkipLayerNormalization", 4) | ("SkipSimplifiedLayerNormalization", 3) => Bias,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(domain: &str, operator: &str, input: usize) -> Option<Operand> {
        let node = Node {
            domain: domain.to_owned(),
            ..Node::new(operator, &[], &[])
        };
        operand(&node, input)
    }

    #[test]
    fn parts_of_operators() {
        for (operator, input, expected) in [
            ("Conv", 1, Operand::Weight),
            ("ConvTranspose", 2, Operand::Bias),
            ("DeformConv", 3, Operand::Bias),
            ("QLinearConv", 3, Operand::Weight),
            ("Gemm", 0, Operand::Weight),
            ("MatMul", 0, Operand::Weight),
            ("GRU", 1, Operand::InputWeight),
            ("LSTM", 2, Operand::RecurrentWeight),
            ("RNN", 3, Operand::RecurrentBias),
            ("Gather", 0, Operand::Table),
            ("BatchNormalization", 1, Operand::Scale),
            ("BatchNormalization", 3, Operand::RunningMean),
            ("BatchNormalization", 4, Operand::RunningVariance),
            ("InstanceNormalization", 2, Operand::Shift),
            ("GroupNormalization", 1, Operand::Scale),
            ("LayerNormalization", 2, Operand::Shift),
            ("RMSNormalization", 1, Operand::Scale),
            ("PRelu", 1, Operand::Slope),
            ("Sub", 1, Operand::Offset),
            ("Mul", 0, Operand::Factor),
        ] {
            assert_eq!(
                of("", operator, input),
                Some(expected),
                "{operator} {input}"
            );
        }
        for (operator, input) in [
            ("Conv", 0),
            ("Reshape", 1),
            ("Gather", 1),
            ("LayerNormalization", 0),
            ("LSTM", 5),
            ("Attention", 1),
        ] {
            assert_eq!(of("", operator, input), None, "{operator} {input}");
        }
    }

    #[test]
    fn additions_of_onnx_runtime() {
        let of = |operator: &str, input| of("com.microsoft", operator, input);
        assert_eq!(of("Attention", 1), Some(Operand::Weight));
        assert_eq!(of("FusedConv", 2), Some(Operand::Bias));
        // The second input is the other summand.
        assert_eq!(of("SkipLayerNormalization", 1), None);
        assert_eq!(of("SkipLayerNormalization", 2), Some(Operand::Scale));
        assert_eq!(of("SkipLayerNormalization", 3), Some(Operand::Shift));
        assert_eq!(
            of("SkipSimplifiedLayerNormalization", 3),
            Some(Operand::Bias)
        );
        assert_eq!(of("EmbedLayerNormalization", 2), Some(Operand::Table));
        assert_eq!(of("EmbedLayerNormalization", 1), None);
    }

    #[test]
    fn other_domains_may_mean_anything() {
        assert_eq!(of("mine", "Conv", 1), None);
        assert_eq!(of("ai.onnx", "Conv", 1), Some(Operand::Weight));
    }
}
