//! Which kind of layer is where.

use super::site::Site;
use super::{convolution, linear, normalization, pool, positions, recurrent, scan, shape, unary};
use crate::activation::Activation;
use crate::formula::{Names, Problem};
use crate::network::draft::{Draft, Flow};
use crate::network::given::Given;
use crate::network::scope::At;
use crate::network::syntax::Call;
use crate::suggest::did_you_mean;

/// A kind of layer: its name, its parameters in order, and how it is built.
pub(in crate::network) struct Kind {
    pub(in crate::network) name: &'static str,
    pub(in crate::network) parameters: &'static [&'static str],
    build: fn(&mut Site<'_>) -> Result<Flow, Problem>,
}

macro_rules! kinds {
    ($($name:ident ($($parameter:ident),*) => $build:path;)*) => {
        /// All kinds of layers but the activations.
        pub(in crate::network) const KINDS: &[Kind] = &[$(Kind {
            name: stringify!($name),
            parameters: &[$(stringify!($parameter)),*],
            build: $build,
        }),*];
    };
}

kinds! {
    linear(out, bias, layout, tied) => linear::linear;
    embedding(rows, width, tied) => linear::embedding;
    conv(out, kernel, stride, padding, dilation, groups, bias) => convolution::conv;
    depthwise(kernel, stride, padding, dilation, multiplier, bias) => convolution::depthwise;
    conv_transpose(out, kernel, stride, padding, output_padding, dilation, groups, bias)
        => convolution::transposed;
    batch_norm(eps) => normalization::batch;
    layer_norm(eps, bias, axis, affine) => normalization::layer;
    rms_norm(eps, offset) => normalization::rms;
    group_norm(groups, eps) => normalization::group;
    instance_norm(eps, affine) => normalization::instance;
    activation(function) => unary::activation;
    prelu(count) => unary::prelu;
    softmax(axis) => unary::softmax;
    glu(activation, axis, gate) => unary::glu;
    times(number) => unary::scaled;
    dropout(share) => unary::nothing;
    identity() => unary::nothing;
    max_pool(kernel, stride, padding) => pool::max;
    avg_pool(kernel, stride, padding) => pool::average;
    global_pool(by) => pool::global;
    upsample(factor, mode) => pool::upsample;
    pixel_shuffle(factor) => pool::shuffle;
    mean(axis) => pool::mean;
    select(index, axis) => shape::select;
    slice(start, end, axis) => shape::slice;
    flatten(axis) => shape::flatten;
    tokens() => shape::tokens;
    image(height, width) => shape::image;
    transpose(axis, other) => shape::transpose;
    reshape(sizes) => shape::reshape;
    positions(rows, offset) => positions::positions;
    row(rows, index) => positions::row;
    sinusoids(base) => positions::sinusoids;
    relative_positions(heads, buckets, distance, bidirectional) => positions::relative;
    bias(sizes) => positions::bias;
    scale(sizes) => positions::scale;
    token(count) => positions::token;
    selective_scan(states, rank) => scan::selective;
    lstm(hidden, layers, bidirectional, bias) => recurrent::lstm;
    gru(hidden, layers, bidirectional, bias) => recurrent::gru;
    rnn(hidden, layers, bidirectional, bias, activation) => recurrent::rnn;
}

/// Builds the layer that a call asks for.
pub(in crate::network) fn layer(
    draft: &mut Draft,
    path: &str,
    call: &Call,
    at: &At<'_>,
) -> Result<Flow, Problem> {
    let x = at.x;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == call.kind) else {
        let function = function(call, at)?;
        let given = Given::default();
        let mut site = Site {
            draft,
            path,
            x,
            given,
        };
        return unary::applied(&mut site, function);
    };
    // Kinds of a list of sizes take any number of arguments.
    let given = match kind.parameters {
        ["sizes"] => Given::list("sizes", &call.positional, &call.named, at)?,
        names => Given::bind(names, &call.positional, &call.named, at)?,
    };
    (kind.build)(&mut Site {
        draft,
        path,
        x,
        given,
    })
}

/// The activation that a call stands for: `leaky_relu(0.2)`.
fn function(call: &Call, names: &dyn Names) -> Result<Activation, Problem> {
    let text = match (&*call.positional, &*call.named) {
        ([], []) => call.kind.clone(),
        ([one], []) | ([], [(_, one)]) => format!("{}({})", call.kind, one.number(names)?),
        _ => return Err(unknown(&call.kind)),
    };
    text.parse().map_err(|error| match error {
        crate::activation::ParseActivationError::Unknown(_) => unknown(&call.kind),
        other => Problem::other(format!("{other}")),
    })
}

fn unknown(kind: &str) -> Problem {
    let known = KINDS.iter().map(|kind| kind.name);
    let hint = did_you_mean(kind, known.chain(Activation::NAMES));
    Problem::other(format!(
        "{kind:?} is no kind of layer, no block and no activation{hint}"
    ))
}
