//! Networks in TOML, built-in ones and those of a `config.json`, through the command.

mod common;

use common::{json, run};

const NET: &str = r#"
about = "a small residual network"

[parameters]
width = 8
depth = 2

[inputs]
image = "numbers(3, 8, 8)"

[network]
layers = [
  "stem: conv(width) -> relu",
  { repeat = "depth", name = "blocks", residual = [
    "conv: conv(width, bias=false) -> norm: batch_norm -> relu",
  ] },
  "global_pool -> head: linear(4)",
]
"#;

#[test]
fn a_network_in_toml_is_planned_written_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let net = path("net.toml");
    std::fs::write(&net, NET).unwrap();
    let (code, out, error) = run(&["plan", &net, "--json"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("\"blocks.1.norm.running_var\""), "{out}");
    let weights = path("w.safetensors");
    let deeper = format!("{net}:depth=3:width=16");
    assert_eq!(run(&["init", &deeper, "-o", &weights]).0, 0);
    let (code, out, error) = run(&["check", &deeper, "--weights", &weights, "--samples", "4"]);
    assert_eq!(code, 0, "{out}{error}");
    // The file is that of the deeper network.
    let (code, _, error) = run(&["check", &net, "--weights", &weights]);
    assert_eq!(code, 2, "{error}");
    let (code, out, error) = run(&["check", &net, "--size", "depth=1", "--json", "--seeds", "1"]);
    assert_eq!(code, 0, "{error}");
    assert!(!out.contains("blocks.1"), "{out}");
}

#[test]
fn built_in_networks_are_listed_printed_and_run() {
    let (code, out, _) = run(&["networks"]);
    assert_eq!(code, 0);
    assert!(out.contains("resnet") && out.contains("depth=18"), "{out}");
    let (code, listed) = json(&["networks"]);
    assert_eq!(code, 0);
    assert!(listed.as_array().unwrap().len() > 12);
    let (_, text, _) = run(&["networks", "resnet"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml").display().to_string();
    std::fs::write(&path, text).unwrap();
    let parts = "depth=8:width=4:pixels=8";
    let small = ["--samples", "4", "--seeds", "1", "--json"];
    let own = run(&[&["check", &format!("{path}:{parts}")], &small[..]].concat());
    let named = run(&[&["check", &format!("resnet:{parts}")], &small[..]].concat());
    assert_eq!((own.0, &own.1), (named.0, &named.1), "{}{}", own.2, named.2);
}

#[test]
fn small_networks_of_every_kind_run() {
    for line in [
        "vgg:11:width=2:hidden=8:classes=3:pixels=32",
        "resnet:8:width=4:pixels=8:norm=fixup",
        "resnet:8:width=4:pixels=8:norm=none:residual=false",
        "convnext:widths=4-8:depths=1-1:classes=3:pixels=16",
        "unet:width=2:depth=2:pixels=8",
        "vit:width=12:depth=1:classes=3:pixels=32",
        "mixer:width=8:depth=1:token_inner=4:channel_inner=8:classes=3:pixels=32",
        "gpt2:width=8:depth=1:vocabulary=11:length=6",
        "llama:width=8:depth=1:inner=12:vocabulary=11:length=6",
        "bert:width=8:depth=1:inner=12:vocabulary=11:length=6",
        "t5:width=8:depth=1:head=4:inner=12:vocabulary=11:length=6:target_length=5",
        "mamba:width=8:depth=1:states=3:vocabulary=11:length=5",
        "siren:width=8",
        "resmlp:inputs=6:width=8:depth=2",
        "gru:4-6:3:layers=2:bidirectional=true",
    ] {
        let (code, out, error) = run(&["check", line, "--seeds", "1", "--samples", "4"]);
        // Whether so small a network trains is another question.
        assert!(code == 0 || code == 1, "{line}: {out}{error}");
    }
}

#[test]
fn networks_of_sines_start_by_their_frequency_and_pass() {
    let network = ["siren:width=64:omega=12", "--seeds", "1", "--samples", "16"];
    let (code, out, error) = run(&[&["check"], &network[..]].concat());
    assert_eq!(code, 0, "{out}{error}");
    let (_, plan, _) = run(&["plan", "siren:width=64:omega=12", "--full"]);
    assert!(plan.contains("first layer, ω = 12"), "{plan}");
    assert!(plan.contains("hidden layer, ω = 12"), "{plan}");
}

#[test]
fn residual_convolutions_without_normalization_stay_in_scale() {
    let network = [
        "resnet:44:width=4:pixels=8:norm=none",
        "--seeds",
        "1",
        "--samples",
        "8",
    ];
    let (code, out, error) = run(&[&["check"], &network[..]].concat());
    assert_eq!(code, 0, "{out}{error}");
    let (_, plan, _) = run(&["plan", "resnet:44:width=4:norm=none", "--full"]);
    assert!(plan.contains("ends one of 21 residual branches"), "{plan}");
    let (_, plan, _) = run(&["plan", "resnet:44:width=4:norm=batch", "--full"]);
    assert!(
        plan.contains("ends one of 21 residual branches: 1/√21"),
        "{plan}"
    );
}

#[test]
fn mistakes_name_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.toml").display().to_string();
    for (text, parts) in [
        (
            NET.replace("relu\",", "rleu\","),
            &["line 13", "rleu", "did you mean"][..],
        ),
        (
            NET.replace("width)", "widht)"),
            &["line 13", "stem: conv", "did you mean \"width\""],
        ),
        (
            NET.replace("head: linear(4)", "head: conv(4)"),
            &["line 17", "2 axes"],
        ),
        (
            NET.replace("[inputs]", "[input]"),
            &["\"input\"", "did you mean \"inputs\""],
        ),
        ("layers = [".to_owned(), &["line 1"]),
        (String::new(), &["layers"]),
    ] {
        std::fs::write(&path, text).unwrap();
        let (code, _, error) = run(&["check", &path]);
        assert_eq!(code, 2);
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    for (line, part) in [
        ("rsenet:depth=18", "did you mean \"resnet\""),
        ("resnet:deep=18", "no parameter \"deep\""),
        ("vit:huge", "no size \"huge\""),
    ] {
        let (code, _, error) = run(&["plan", line]);
        assert_eq!(code, 2);
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_configuration_runs_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json").display().to_string();
    let gpt2 = r#"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 1,
        "n_embd": 16, "n_head": 2, "vocab_size": 50, "n_positions": 128"#;
    std::fs::write(&path, format!("{gpt2}}}")).unwrap();
    let small = ["--seeds", "1", "--samples", "4"];
    let (code, out, error) = run(&[&["check", &path, "--size", "length=100"], &small[..]].concat());
    assert_eq!(code, 0, "{out}{error}");
    let (code, _, error) = run(&["check", &path, "--size", "length=200"]);
    assert_eq!(code, 2);
    assert!(error.contains("128 positions are too few"), "{error}");
    for (more, part) in [
        (
            r#", "scale_attn_by_inverse_layer_idx": true}"#,
            "scores are scaled by layer",
        ),
        (r#", "add_cross_attention": true}"#, "crossattention"),
    ] {
        std::fs::write(&path, format!("{gpt2}{more}")).unwrap();
        let (code, _, error) = run(&["check", &path]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(part) && error.contains("ONNX"), "{error}");
    }
    std::fs::write(
        &path,
        r#"{"model_type": "albert", "architectures": ["AlbertModel"]}"#,
    )
    .unwrap();
    let (code, _, error) = run(&["check", &path]);
    assert_eq!(code, 2);
    assert!(
        error.contains("\"albert\"") && error.contains("export the model to ONNX"),
        "{error}"
    );
}
