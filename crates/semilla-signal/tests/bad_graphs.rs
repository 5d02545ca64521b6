//! Nodes that make no sense: every operator, on inputs and attributes drawn at random, is run or
//! refused, and never panics.

mod common;

use semilla::graph::{Attribute, Node};
use semilla_signal::{Array, Datum, Mode, Trace};

/// Random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        let state = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 = state;
        (state >> 33) as usize % end
    }

    /// A size, seldom 0.
    fn size(&mut self) -> usize {
        [0, 1, 1, 2, 2, 3, 3, 4, 6][self.below(9)]
    }

    /// A whole number, seldom one beyond all sense.
    fn whole(&mut self) -> i64 {
        let odd = [i64::MIN, i64::MAX, 1 << 31, -(1 << 31), 1 << 62];
        match self.below(12) {
            0 => odd[self.below(odd.len())],
            _ => self.below(8) as i64 - 3,
        }
    }

    fn wholes(&mut self) -> Vec<i64> {
        (0..self.below(5)).map(|_| self.whole()).collect()
    }

    fn shape(&mut self) -> Vec<usize> {
        (0..self.below(5)).map(|_| self.size()).collect()
    }

    fn datum(&mut self) -> Datum<f32> {
        let shape = self.shape();
        let count = shape.iter().product::<usize>();
        match self.below(3) {
            0 => {
                let values = (0..count).map(|_| self.whole()).collect();
                Datum::Whole(Array::new(shape, values).unwrap())
            }
            _ => {
                let values = (0..count)
                    .map(|_| self.below(9) as f32 / 2.0 - 2.0)
                    .collect();
                Datum::Float(Array::new(shape, values).unwrap())
            }
        }
    }

    fn attribute(&mut self) -> Attribute {
        let texts = [
            "",
            "SAME_UPPER",
            "VALID",
            "ij,jk->ik",
            "...i,ij",
            "linear",
            "cubic",
            "bidirectional",
            "add",
        ];
        match self.below(4) {
            0 => Attribute::Int(self.whole()),
            1 => Attribute::Float([0.0, 1.0, -1.0, 1e30, f32::NAN][self.below(5)]),
            2 => Attribute::Text(texts[self.below(texts.len())].to_owned()),
            _ => Attribute::Ints(self.wholes()),
        }
    }
}

const ATTRIBUTES: [&str; 26] = [
    "axis",
    "axes",
    "perm",
    "pads",
    "strides",
    "dilations",
    "group",
    "kernel_shape",
    "auto_pad",
    "ceil_mode",
    "keepdims",
    "starts",
    "ends",
    "steps",
    "shape",
    "split",
    "num_outputs",
    "epsilon",
    "alpha",
    "equation",
    "hidden_size",
    "direction",
    "num_heads",
    "num_groups",
    "to",
    "output_padding",
];

const OPERATORS: &str = "Relu Gelu Clip Add Mul Div Mod Pow Max Mean Where Equal Not MatMul Gemm Conv ConvTranspose MaxPool \
    AveragePool GlobalAveragePool BatchNormalization LayerNormalization RMSNormalization InstanceNormalization GroupNormalization \
    LpNormalization LRN Softmax LogSoftmax ReduceSum ReduceMean ReduceMax ReduceProd ReduceL2 ReduceLogSumExp ArgMax CumSum Gather \
    GatherElements GatherND ScatterElements ScatterND TopK Reshape Flatten Squeeze Unsqueeze Transpose Slice Split Concat Expand \
    Tile Pad Resize Upsample DepthToSpace SpaceToDepth Trilu OneHot Range EyeLike ConstantOfShape Shape Size NonZero Cast Einsum \
    LSTM GRU RNN Attention RotaryEmbedding QuantizeLinear DequantizeLinear Identity Dropout PRelu SequenceConstruct SplitToSequence \
    ConcatFromSequence com.microsoft:FusedMatMul com.microsoft:BiasGelu com.microsoft:FusedConv com.microsoft:FusedGemm \
    com.microsoft:SkipLayerNormalization com.microsoft:MultiHeadAttention com.microsoft:GroupQueryAttention \
    com.microsoft:RotaryEmbedding";

#[test]
fn run_or_refused() {
    let mut random = Random(1);
    let mut ran = 0;
    let mut panics = Vec::new();
    for operator in OPERATORS.split_whitespace() {
        for _ in 0..250 {
            let (domain, name) = operator.split_once(':').unwrap_or(("", operator));
            let count = random.below(6);
            let names: Vec<String> = (0..count).map(|i| format!("x{i}")).collect();
            let mut inputs: Vec<&str> = names.iter().map(String::as_str).collect();
            if count > 1 && random.below(6) == 0 {
                inputs[random.below(count)] = "";
            }
            let outputs = [&["y", "z", "u"][..], &["y"]][random.below(2)];
            let mut node = Node::new(name, &inputs, outputs);
            node.domain = domain.to_owned();
            for _ in 0..random.below(4) {
                let value = random.attribute();
                node = node.with(ATTRIBUTES[random.below(ATTRIBUTES.len())], value);
            }
            let mut graph = common::graph(&names, vec![node.clone()]);
            let opset = [11, 13, 18, 23][random.below(4)];
            graph.opsets.insert(String::new(), opset);
            // Often the same shape everywhere, so that more of the nodes make sense.
            let first = random.datum();
            let given: Vec<Datum<f32>> = (0..count)
                .map(|_| {
                    if random.below(2) == 0 {
                        first.clone()
                    } else {
                        random.datum()
                    }
                })
                .collect();
            let text = format!("{node:?} on {given:?}");
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let given = names.iter().map(|name| &**name).zip(given);
                let Ok(trace) = Trace::record(&graph, Mode::Training, given, |_| None) else {
                    return 0;
                };
                let made = ["y", "z", "u"].iter().filter_map(|name| trace.find(name));
                let seeds = made.map(|value| (value, trace.array(value).clone()));
                trace.gradients(seeds.collect::<Vec<_>>());
                1
            }));
            match outcome {
                Ok(one) => ran += one,
                Err(_) => {
                    // One of each operator is enough to read.
                    panics.push(text);
                    break;
                }
            }
        }
    }
    assert!(panics.is_empty(), "{}", panics.join("\n"));
    assert!(ran > 1000, "{ran} nodes made sense");
}
