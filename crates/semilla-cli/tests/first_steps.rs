//! The initial loss, the first step, and muP's coordinate check, through the real binary.

mod common;

use serde_json::Value;

/// Runs `semilla check`; answers its exit code, what it prints, and what it complains about.
fn check(arguments: &[&str]) -> (i32, String, String) {
    common::run(&[&["check"], arguments].concat())
}

fn json(arguments: &[&str]) -> (i32, Value) {
    common::json(&[&["check"], arguments].concat())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_loss_starts_where_it_should() {
    // A head of variance 1: logits spread by 1, which costs about ½.
    let model = "mlp:32-256-256-50:relu";
    let ask = [
        model,
        "--scheme",
        "he_normal",
        "--loss",
        "cross-entropy",
        "--samples",
        "256",
    ];
    let (_, report) = json(&ask);
    let step = &report["first_step"];
    assert_eq!(step["labels"], "random");
    assert!((number(&step["of_zeros"]) - 50f64.ln()).abs() < 1e-9);
    let spread = number(&step["spread"]);
    assert!((1.0..2.0).contains(&spread), "{spread}");
    let expected = 50f64.ln() + spread * spread / 2.0;
    assert!((number(&step["expected"]) - expected).abs() < 1e-9);
    assert!((number(&step["initial"]) - expected).abs() < 0.3, "{step}");
    let (_, out, _) = check(&ask);
    assert!(
        out.contains("the spread of the logits alone costs"),
        "{out}"
    );

    // A head of zeros knows nothing, and its first step moves nothing before it.
    let (_, report) = json(&[
        model,
        "--recipe",
        "fixup",
        "--loss",
        "cross-entropy",
        "--lr",
        "0.01",
    ]);
    let step = &report["first_step"];
    assert!((number(&step["initial"]) - 50f64.ln()).abs() < 1e-5);
    let layers = step["layers"].as_array().unwrap();
    assert_eq!(number(&layers[0]["weight_change"]), 0.0);
    assert!(
        layers[2]["weight_change"].is_null(),
        "a weight of 0 has no size to compare with"
    );
    assert!(number(&step["after"]) < number(&step["initial"]));
}

#[test]
fn other_losses() {
    let words = ["transformer:2x64:100", "--size", "length=16"];
    let (_, report) = json(&[&words[..], &["--optimizer", "adamw"]].concat());
    let step = &report["first_step"];
    assert_eq!(
        (&step["loss"], &step["labels"]),
        (&"next_token".into(), &"next_tokens".into())
    );
    assert!((number(&step["of_zeros"]) - 100f64.ln()).abs() < 1e-9);
    let (_, report) = json(&["mlp:8-32-3:tanh", "--loss", "mse", "--optimizer", "sgd"]);
    let step = &report["first_step"];
    assert_eq!(number(&step["lr"]), 0.1);
    assert!(number(&step["after"]) < number(&step["initial"]));
    // Adam's first step moves each element by the learning rate, and these have the deviation 1/√8.
    let (_, report) = json(&[
        "mlp:8-64-3:tanh",
        "--scheme",
        "lecun_normal",
        "--lr",
        "0.001",
    ]);
    let change = number(&report["first_step"]["layers"][0]["weight_change"]);
    assert!(
        (change / (0.001 * 8f64.sqrt()) - 1.0).abs() < 0.1,
        "{change}"
    );
    let (code, _, error) = check(&["mlp:8-32-3:tanh", "--loss", "next-token"]);
    assert_eq!(code, 2);
    assert!(error.contains("token"), "{error}");
    let (code, _, error) = check(&["mlp:8-32-3:tanh", "--loss", "hinge"]);
    assert_eq!(code, 2);
    assert!(error.contains("cross-entropy, next-token, mse"), "{error}");
}

/// The slope of each layer's moves after the last step.
fn slopes(report: &Value) -> Vec<f64> {
    let layers = report["layers"].as_array().unwrap();
    let last =
        |layer: &Value| number(&layer["slopes"].as_array().unwrap().last().unwrap()["slope"]);
    layers.iter().map(last).collect()
}

#[test]
fn mup_passes_its_check_and_the_standard_fails() {
    let model = "mlp:32-64-64-10:relu";
    let (code, report) = json(&[model, "--mup", "--recipe", "mup"]);
    assert_eq!((code, &report["passes"]), (0, &true.into()), "{report}");
    assert_eq!(report["widths"], serde_json::json!([64, 128, 256, 512]));
    assert!(
        slopes(&report).iter().all(|slope| slope.abs() < 0.25),
        "{report}"
    );
    let (code, report) = json(&[model, "--mup", "--scheme", "lecun_normal"]);
    assert_eq!((code, &report["passes"]), (1, &false.into()));
    let slopes = slopes(&report);
    assert!(
        slopes[2] > 0.7,
        "the output's moves grow with width: {slopes:?}"
    );
    let (_, out, _) = check(&[model, "--mup", "--scheme", "lecun_normal"]);
    assert!(out.starts_with("fails: the moves of "), "{out}");
}

#[test]
fn a_model_of_one_width_is_refused() {
    let (code, _, error) = check(&["mlp:4-2", "--mup"]);
    assert_eq!(code, 2);
    assert!(error.contains("one width"), "{error}");
}

#[test]
fn what_would_be_ignored_is_refused() {
    let model = "mlp:32-64-64-10:relu";
    for arguments in [
        [model, "--mup", "--html", "report.html"].as_slice(),
        &[model, "--mup", "--spectra"],
        &["hooks.safetensors", "--mup", "--recorded"],
        &["hooks.safetensors", "--recorded", "--lr", "0.1"],
    ] {
        let (code, _, error) = check(arguments);
        assert_eq!(code, 2);
        assert!(error.contains("cannot be used with"), "{error}");
    }
}
