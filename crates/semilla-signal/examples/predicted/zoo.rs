//! The built-in networks, about 512 units wide, as their libraries start them.

use semilla_signal::Batch;

/// A network, how it starts, and what is run.
pub(crate) struct Case {
    pub(crate) model: &'static str,
    pub(crate) recipe: &'static str,
    pub(crate) batch: Batch,
}

const fn case(model: &'static str, recipe: &'static str, samples: usize) -> Row {
    Row(model, recipe, samples)
}

struct Row(&'static str, &'static str, usize);

const ROWS: [Row; 37] = [
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:relu",
        "kaiming_normal",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:tanh",
        "xavier_normal",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:gelu",
        "orthogonal",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:silu",
        "pytorch",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:selu",
        "lecun_normal",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:relu",
        "auto",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:gelu",
        "auto",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:tanh",
        "auto",
        32,
    ),
    case(
        "mlp:512-512-512-512-512-512-512-512-512-10:sigmoid",
        "auto",
        32,
    ),
    case("conv:3-512-512-512:10:relu", "auto", 8),
    case("vgg:depth=16:pixels=64", "pytorch", 4),
    case("vgg:depth=16:norm=true:pixels=64", "auto", 8),
    case("resnet:depth=18:pixels=64", "resnet", 8),
    case("resnet:depth=18:pixels=64:residual=false", "auto", 8),
    case("resnet:depth=18:pixels=64:norm=none", "auto", 4),
    case("resnet:depth=18:pixels=64:norm=fixup", "fixup", 4),
    case("resnet:depth=50:pixels=64", "auto", 8),
    case("convnext:tiny:pixels=64", "convnext", 8),
    case("convnext:tiny:pixels=64", "auto", 8),
    case("vit:width=512:depth=4:heads=8:pixels=64", "vit", 8),
    case("vit:width=512:depth=4:heads=8:pixels=64", "auto", 8),
    case("mixer:small:pixels=64", "auto", 8),
    case("gpt2:width=512:heads=8:depth=4", "gpt2", 8),
    case("gpt2:width=512:heads=8:depth=4", "auto", 8),
    case(
        "llama:width=512:heads=8:kv_heads=4:inner=1376:depth=4",
        "llama-hf",
        8,
    ),
    case(
        "llama:width=512:heads=8:kv_heads=4:inner=1376:depth=4",
        "auto",
        8,
    ),
    case("bert:width=512:heads=8:inner=2048:depth=4", "bert-hf", 8),
    case("bert:width=512:heads=8:inner=2048:depth=4", "auto", 8),
    case("t5:width=512:heads=8:head=64:inner=2048", "t5", 8),
    case("t5:width=512:heads=8:head=64:inner=2048", "auto", 8),
    case("transformer:4x512:1000:gelu", "auto", 8),
    case("lstm:128-512", "pytorch", 16),
    case("gru:128-512", "pytorch", 16),
    case("unet:width=64:depth=3:pixels=32", "auto", 4),
    case("siren:width=512", "siren", 64),
    case("mamba:width=512:depth=2", "mamba", 4),
    case("mamba:width=512:depth=2", "auto", 4),
];

/// All of them.
pub(crate) fn cases() -> impl Iterator<Item = Case> {
    ROWS.into_iter().map(|Row(model, recipe, samples)| Case {
        model,
        recipe,
        batch: Batch {
            samples,
            ..Batch::default()
        },
    })
}
