use std::collections::BTreeMap;

use super::proposal;
use crate::transfer::rename::renamed;

type Shape = &'static [usize];

fn borrowed(names: &[(String, Shape)]) -> Vec<(&str, Shape)> {
    let each = names.iter();
    each.map(|(name, shape)| (name.as_str(), *shape)).collect()
}

/// The proposal, and what of it can be pasted.
fn proposed(
    sources: &[(&str, Shape)],
    targets: &[(&str, Shape)],
) -> (String, Vec<(String, String)>) {
    let text = proposal(sources, targets);
    let options = text.lines().filter_map(|line| {
        let option = line.trim().strip_prefix("--rename '")?;
        let (option, _) = option.split_once("'  (")?;
        let (pattern, new) = option.split_once('=')?;
        Some((pattern.to_owned(), new.to_owned()))
    });
    let options = options.collect();
    (text, options)
}

/// Every source that has a target gets its name, by the options alone.
fn check(
    sources: &[(&str, Shape)],
    targets: &[(&str, Shape)],
    expected: &[(&str, &str)],
) -> String {
    let (text, options) = proposed(sources, targets);
    let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
    let new = renamed(&names, &options).unwrap();
    for (old, target) in expected {
        let place = names.iter().position(|name| name == old).unwrap();
        assert_eq!(new[place], *target, "{old}{text}");
    }
    text
}

#[test]
fn gaps_in_a_list_of_layers_are_closed_in_an_order_that_works() {
    let sources: [(&str, Shape); 6] = [
        ("net.0.weight", &[8, 8]),
        ("net.0.bias", &[8]),
        ("net.2.weight", &[8, 8]),
        ("net.2.bias", &[8]),
        ("net.4.weight", &[8, 8]),
        ("net.4.bias", &[8]),
    ];
    let targets: [(&str, Shape); 6] = [
        ("net.0.weight", &[8, 8]),
        ("net.0.bias", &[8]),
        ("net.1.weight", &[8, 8]),
        ("net.1.bias", &[8]),
        ("net.2.weight", &[8, 8]),
        ("net.2.bias", &[8]),
    ];
    let text = check(
        &sources,
        &targets,
        &[
            ("net.0.bias", "net.0.bias"),
            ("net.2.weight", "net.1.weight"),
            ("net.4.weight", "net.2.weight"),
            ("net.4.bias", "net.2.bias"),
        ],
    );
    assert!(
        text.contains(r"--rename '^net\.2\.=net.1.'  (2 tensors, by sizes"),
        "{text}"
    );
    // And opened: the last must move first.
    let text = check(
        &targets,
        &sources,
        &[("net.1.bias", "net.2.bias"), ("net.2.bias", "net.4.bias")],
    );
    let place = |option: &str| text.find(option).expect(option);
    assert!(place(r"^net\.2\.=") < place(r"^net\.1\.="), "{text}");
}

#[test]
fn a_shift_of_layers_is_undone_from_the_right_end() {
    let of = |first: usize| -> Vec<(String, Shape)> {
        let names = (first..first + 12).map(|i| (format!("h.{i}.w"), &[4usize, 4][..]));
        names.collect()
    };
    let (one, zero) = (of(1), of(0));
    let (one, zero) = (borrowed(&one), borrowed(&zero));
    check(&one, &zero, &[("h.1.w", "h.0.w"), ("h.12.w", "h.11.w")]);
    check(&zero, &one, &[("h.0.w", "h.1.w"), ("h.11.w", "h.12.w")]);
}

/// Names of MiniLM beside those of an own implementation: squares of one size, which only the ends
/// of their names distinguish.
#[test]
fn layers_of_minilm_are_told_apart_by_their_ends() {
    let mut sources: Vec<(String, Shape)> = Vec::new();
    let mut targets: Vec<(String, Shape)> = Vec::new();
    for layer in 0..6 {
        for (a, b, shape) in [
            ("attention.self.query", "attn.query", &[384, 384][..]),
            ("attention.self.key", "attn.key", &[384, 384]),
            ("attention.self.value", "attn.value", &[384, 384]),
            ("attention.output.dense", "attn.proj", &[384, 384]),
            ("intermediate.dense", "mlp.up", &[1536, 384]),
            ("output.dense", "mlp.down", &[384, 1536]),
        ] {
            sources.push((format!("encoder.layer.{layer}.{a}.weight"), shape));
            targets.push((format!("blocks.{layer}.{b}.weight"), shape));
        }
    }
    sources.push(("pooler.dense.weight".to_owned(), &[384, 384]));
    let (sources, targets) = (borrowed(&sources), borrowed(&targets));
    let text = check(
        &sources,
        &targets,
        &[
            (
                "encoder.layer.3.attention.self.key.weight",
                "blocks.3.attn.key.weight",
            ),
            (
                "encoder.layer.5.output.dense.weight",
                "blocks.5.mlp.down.weight",
            ),
            (
                "encoder.layer.0.intermediate.dense.weight",
                "blocks.0.mlp.up.weight",
            ),
            ("pooler.dense.weight", "pooler.dense.weight"),
        ],
    );
    assert!(
        text.contains("(18 tensors, by sizes and parts of the names)"),
        "{text}"
    );
}

/// The same network as ONNX and as safetensors hold it, whose names differ by a prefix and two
/// modules: nothing is left open.
#[test]
fn silero_by_its_two_lists() {
    const SOURCES: [(&str, Shape); 15] = [
        ("model.stft.forward_basis_buffer", &[258, 1, 256]),
        ("model.encoder.0.reparam_conv.weight", &[128, 129, 3]),
        ("model.encoder.0.reparam_conv.bias", &[128]),
        ("model.encoder.1.reparam_conv.weight", &[64, 128, 3]),
        ("model.encoder.1.reparam_conv.bias", &[64]),
        ("model.encoder.2.reparam_conv.weight", &[64, 64, 3]),
        ("model.encoder.2.reparam_conv.bias", &[64]),
        ("model.encoder.3.reparam_conv.weight", &[128, 64, 3]),
        ("model.encoder.3.reparam_conv.bias", &[128]),
        ("model.decoder.rnn.weight_ih", &[512, 128]),
        ("model.decoder.rnn.weight_hh", &[512, 128]),
        ("model.decoder.rnn.bias_ih", &[512]),
        ("model.decoder.rnn.bias_hh", &[512]),
        ("model.decoder.decoder.2.weight", &[1, 128, 1]),
        ("model.decoder.decoder.2.bias", &[1]),
    ];
    const TARGETS: [(&str, Shape); 15] = [
        ("conv1.bias", &[128]),
        ("conv1.weight", &[128, 129, 3]),
        ("conv2.bias", &[64]),
        ("conv2.weight", &[64, 128, 3]),
        ("conv3.bias", &[64]),
        ("conv3.weight", &[64, 64, 3]),
        ("conv4.bias", &[128]),
        ("conv4.weight", &[128, 64, 3]),
        ("final_conv.bias", &[1]),
        ("final_conv.weight", &[1, 128, 1]),
        ("lstm_cell.bias_hh", &[512]),
        ("lstm_cell.bias_ih", &[512]),
        ("lstm_cell.weight_hh", &[512, 128]),
        ("lstm_cell.weight_ih", &[512, 128]),
        ("stft_conv.weight", &[258, 1, 256]),
    ];
    let expected = [
        ("model.encoder.0.reparam_conv.weight", "conv1.weight"),
        ("model.encoder.3.reparam_conv.bias", "conv4.bias"),
        ("model.decoder.rnn.bias_ih", "lstm_cell.bias_ih"),
        ("model.decoder.rnn.weight_hh", "lstm_cell.weight_hh"),
        ("model.decoder.decoder.2.bias", "final_conv.bias"),
        ("model.stft.forward_basis_buffer", "stft_conv.weight"),
    ];
    let text = check(&SOURCES, &TARGETS, &expected);
    assert!(!text.contains("open"), "{text}");
    let back = expected.map(|(source, target)| (target, source));
    check(&TARGETS, &SOURCES, &back);
}

/// Vision transformers of torchvision and of timm: numbers inside of names, one list for two norms,
/// and modules of which only one tensor has a size of its own.
#[test]
fn a_vision_transformer_from_torchvision_to_timm() {
    let mut sources: Vec<(String, Shape)> = [
        ("class_token", &[1, 1, 768][..]),
        ("conv_proj.weight", &[768, 3, 16, 16]),
        ("conv_proj.bias", &[768]),
        ("encoder.pos_embedding", &[1, 197, 768]),
        ("encoder.ln.weight", &[768]),
        ("encoder.ln.bias", &[768]),
        ("heads.head.weight", &[1000, 768]),
        ("heads.head.bias", &[1000]),
    ]
    .map(|(name, shape)| (name.to_owned(), shape))
    .into();
    let mut targets: Vec<(String, Shape)> = [
        ("cls_token", &[1, 1, 768][..]),
        ("pos_embed", &[1, 197, 768]),
        ("patch_embed.proj.weight", &[768, 3, 16, 16]),
        ("patch_embed.proj.bias", &[768]),
        ("norm.weight", &[768]),
        ("norm.bias", &[768]),
        ("head.weight", &[1000, 768]),
        ("head.bias", &[1000]),
    ]
    .map(|(name, shape)| (name.to_owned(), shape))
    .into();
    for layer in 0..12 {
        for (a, b, shape) in [
            ("ln_1.weight", "norm1.weight", &[768][..]),
            ("ln_1.bias", "norm1.bias", &[768]),
            (
                "self_attention.in_proj_weight",
                "attn.qkv.weight",
                &[2304, 768],
            ),
            ("self_attention.in_proj_bias", "attn.qkv.bias", &[2304]),
            (
                "self_attention.out_proj.weight",
                "attn.proj.weight",
                &[768, 768],
            ),
            ("self_attention.out_proj.bias", "attn.proj.bias", &[768]),
            ("ln_2.weight", "norm2.weight", &[768]),
            ("ln_2.bias", "norm2.bias", &[768]),
            ("mlp.0.weight", "mlp.fc1.weight", &[3072, 768]),
            ("mlp.0.bias", "mlp.fc1.bias", &[3072]),
            ("mlp.3.weight", "mlp.fc2.weight", &[768, 3072]),
            ("mlp.3.bias", "mlp.fc2.bias", &[768]),
        ] {
            sources.push((format!("encoder.layers.encoder_layer_{layer}.{a}"), shape));
            targets.push((format!("blocks.{layer}.{b}"), shape));
        }
    }
    let (sources, targets) = (borrowed(&sources), borrowed(&targets));
    let text = check(
        &sources,
        &targets,
        &[
            ("class_token", "cls_token"),
            ("encoder.ln.bias", "norm.bias"),
            ("conv_proj.bias", "patch_embed.proj.bias"),
            (
                "encoder.layers.encoder_layer_11.ln_2.bias",
                "blocks.11.norm2.bias",
            ),
            (
                "encoder.layers.encoder_layer_3.mlp.0.weight",
                "blocks.3.mlp.fc1.weight",
            ),
            (
                "encoder.layers.encoder_layer_3.mlp.3.bias",
                "blocks.3.mlp.fc2.bias",
            ),
            (
                "encoder.layers.encoder_layer_9.self_attention.in_proj_bias",
                "blocks.9.attn.qkv.bias",
            ),
        ],
    );
    assert!(!text.contains("open"), "{text}");
}

/// A list of layers and layers with names: only their order distinguishes equal ones, and the text
/// says so.
#[test]
fn modules_in_one_order_are_proposed_as_such() {
    let sources: [(&str, Shape); 7] = [
        ("stem.weight", &[8, 8]),
        ("stem.bias", &[8]),
        ("body.weight", &[8, 8]),
        ("body.bias", &[8]),
        ("after.weight", &[8, 8]),
        ("after.bias", &[8]),
        ("classes.weight", &[1000, 8]),
    ];
    let targets: [(&str, Shape); 7] = [
        ("0.weight", &[8, 8]),
        ("0.bias", &[8]),
        ("2.weight", &[8, 8]),
        ("2.bias", &[8]),
        ("4.weight", &[8, 8]),
        ("4.bias", &[8]),
        ("6.weight", &[10, 8]),
    ];
    let text = check(
        &sources,
        &targets,
        &[
            ("stem.bias", "0.bias"),
            ("body.weight", "2.weight"),
            ("after.bias", "4.bias"),
        ],
    );
    assert!(text.contains("order alone: check it"), "{text}");
    // Sorted, the names have no order that means anything.
    let mut sorted = sources;
    sorted.sort();
    let (text, options) = proposed(&sorted, &targets);
    assert!(options.is_empty(), "{text}");
}

#[test]
fn what_is_open_is_listed_and_not_guessed() {
    let sources: [(&str, Shape); 3] = [("b.u", &[4]), ("c.v", &[4]), ("d.w", &[4])];
    let targets: [(&str, Shape); 3] = [("x.r", &[4]), ("y.s", &[4]), ("z.t", &[4])];
    let (text, options) = proposed(&sources, &targets);
    assert!(options.is_empty(), "{text}");
    assert!(
        text.contains("open: b.u, c.v, d.w could each be any of x.r, y.s, z.t"),
        "{text}"
    );
    assert_eq!(proposal::<Shape>(&[], &[]), "");
    assert_eq!(proposal(&sources, &sources), "");
}

/// Two names that change places cannot be said with renames in any order.
#[test]
fn what_no_order_of_renames_can_do_is_not_proposed() {
    let sources: [(&str, Shape); 2] = [("a", &[2]), ("b", &[3])];
    let targets: [(&str, Shape); 2] = [("b", &[2]), ("a", &[3])];
    let (_, options) = proposed(&sources, &targets);
    assert!(options.is_empty());
}

/// Names that a shell, a regular expression or the option itself would misread.
#[test]
fn odd_names_are_quoted() {
    let sources: [(&str, Shape); 1] = [("it's=a+b", &[2])];
    let targets: [(&str, Shape); 1] = [("$1", &[2])];
    let text = check(&sources, &targets, &[("it's=a+b", "$1")]);
    assert!(text.contains(r"--rename '^it\x27s\x3da\+b$=$$1'"), "{text}");
}

proptest::proptest! {
    #[test]
    fn no_names_make_it_panic(
        a in proptest::collection::vec(("[ab.0-2/é]{1,6}", 1u64..3), 0..12),
        b in proptest::collection::vec(("[ab.0-2/é]{1,6}", 1u64..3), 0..12),
    ) {
        let list = |names: &[(String, u64)]| -> Vec<(String, u64)> {
            let distinct: BTreeMap<String, u64> = names.iter().cloned().collect();
            distinct.into_iter().collect()
        };
        let (a, b) = (list(&a), list(&b));
        let a: Vec<(&str, u64)> = a.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        let b: Vec<(&str, u64)> = b.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        proposal(&a, &b);
    }
}
