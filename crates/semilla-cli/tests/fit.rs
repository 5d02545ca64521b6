//! Rules that are fitted on data, through the real binary.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// Runs the command in a folder; answers its exit code, what it prints, and what it complains
/// about.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    let output = command
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (code, out, error) = run(folder, &[arguments, &["--json"]].concat());
    assert!(code < 2, "{arguments:?}: {error}");
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"))
}

fn layers(report: &Value, seed: usize) -> &[Value] {
    report["measurements"][seed]["layers"].as_array().unwrap()
}

const DEEP: &str = "mlp:20-50-50-50-50-50-50-50-50-10:tanh";

#[test]
fn lsuv_gives_every_layer_variance_1() {
    let folder = tempfile::tempdir().unwrap();
    for model in [
        &[DEEP][..],
        &[
            "conv:3-8-8-8:10:relu",
            "--size",
            "height=8",
            "--size",
            "width=8",
        ],
        &["transformer:2x64:100", "--size", "length=16"],
    ] {
        let check = [&["check"], model, &["--recipe", "lsuv", "--seeds", "2"]].concat();
        let report = json(folder.path(), &check);
        for seed in 0..2 {
            for layer in layers(&report, seed) {
                let forward = |what: &str| layer["forward"][what].as_f64().unwrap();
                let variance = forward("second_moment") - forward("mean").powi(2);
                assert!((variance - 1.0).abs() < 0.1, "{model:?} {layer}");
            }
        }
        // One pass more than there are layers, at most.
        let fitting = &report["fitting"];
        let passes = fitting["forward"].as_u64().unwrap() as usize;
        assert!(passes <= 1 + layers(&report, 0).len(), "{passes}");
    }
    let report = json(
        folder.path(),
        &["check", DEEP, "--recipe", "lsuv-between-samples"],
    );
    for layer in layers(&report, 0) {
        let between = layer["forward"]["between_samples"].as_f64().unwrap();
        assert!((between - 1.0).abs() < 0.1, "{layer}");
    }
}

/// Theory scales every layer to variance 1 without a run, and the network then has it.
#[test]
fn autoinit_expects_variance_1_of_every_layer() {
    let folder = tempfile::tempdir().unwrap();
    for model in [
        &["mlp:256-256-256-256-256-256-256:tanh"][..],
        &["mlp:256-256-256-256-256-256-256:relu"],
        &[
            "conv:3-64-64-64:64:relu",
            "--size",
            "height=8",
            "--size",
            "width=8",
        ],
    ] {
        let report = json(
            folder.path(),
            &[&["check"], model, &["--recipe", "autoinit"]].concat(),
        );
        let fitting = &report["fitting"];
        assert_eq!(
            (&fitting["forward"], &fitting["backward"]),
            (&0.into(), &0.into())
        );
        let expected = report["prediction"]["layers"].as_array().unwrap();
        assert_eq!(expected.len(), layers(&report, 0).len(), "{model:?}");
        for (expected, layer) in expected.iter().zip(layers(&report, 0)) {
            let square = expected["second_moment"].as_f64().unwrap();
            assert!((square - 1.0).abs() < 1e-3, "{model:?} {expected}");
            let found = layer["forward"]["second_moment"].as_f64().unwrap();
            assert!((found - 1.0).abs() < 0.5, "{model:?} {layer}");
        }
        let changed = fitting["found"].as_array().unwrap();
        assert!(changed.iter().all(|one| {
            one["reason"]
                .as_str()
                .unwrap()
                .starts_with("analytic: std × ")
        }));
    }
}

#[test]
fn a_fitted_plan_is_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (code, out, error) = run(
        here,
        &["init", DEEP, "--recipe", "lsuv", "-o", "none.safetensors"],
    );
    assert_eq!(code, 2, "{out}");
    assert!(error.contains("--data"), "{error}");
    assert!(!here.join("none.safetensors").exists());

    let data = ["--data", "noise", "--samples", "64"];
    let init = [
        &["init", DEEP, "--recipe", "lsuv", "-o", "a.safetensors"][..],
        &data,
    ]
    .concat();
    let (code, out, error) = run(here, &init);
    assert_eq!(code, 0, "{error}");
    assert!(
        out.contains("fitted: 9 tensors on 64 samples of noise: "),
        "{out}"
    );
    assert!(out.contains("LSUV: std × "), "{out}");

    // The plan by itself gives the same bytes: it holds the numbers.
    let plan = [&["plan", DEEP, "--recipe", "lsuv", "--json"][..], &data].concat();
    let (_, plan, _) = run(here, &plan);
    std::fs::write(here.join("plan.json"), &plan).unwrap();
    let value: Value = serde_json::from_str(&plan).unwrap();
    assert!(
        value["tensors"]
            .as_array()
            .unwrap()
            .iter()
            .all(|line| line["fit"].is_null())
    );
    let (code, _, error) = run(
        here,
        &["init", "--plan", "plan.json", "-o", "b.safetensors"],
    );
    assert_eq!(code, 0, "{error}");
    let bytes = |name: &str| std::fs::read(here.join(name)).unwrap();
    assert!(bytes("a.safetensors") == bytes("b.safetensors"));

    // One that is not fitted says so, and is fitted where a model and data are given.
    let (_, open, _) = run(here, &["plan", DEEP, "--recipe", "lsuv", "--json"]);
    std::fs::write(here.join("open.json"), open).unwrap();
    let (code, _, error) = run(
        here,
        &["init", "--plan", "open.json", "-o", "c.safetensors"],
    );
    assert_eq!((code, error.contains("to be fitted")), (2, true), "{error}");
    let again = [
        &["init", DEEP, "--plan", "open.json", "-o", "c.safetensors"][..],
        &data,
    ]
    .concat();
    let (code, _, error) = run(here, &again);
    assert_eq!(code, 0, "{error}");
    assert!(bytes("a.safetensors") == bytes("c.safetensors"));
}

#[test]
fn gradients_are_balanced() {
    let folder = tempfile::tempdir().unwrap();
    let model = format!("mlp:{}10:tanh", "48-".repeat(21));
    let ends = |recipe: &str| {
        let report = json(
            folder.path(),
            &["check", &model, "--recipe", recipe, "--seeds", "1"],
        );
        report["verdict"]["log_gradients"].as_f64().unwrap().abs()
    };
    let (before, after) = (ends("pytorch"), ends("balanced"));
    assert!(before > 5.0 && after < 0.5, "{before} {after}");
}

#[test]
fn biases_follow_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let recipe = "name = \"mine\"\nextends = \"auto\"\n\
                  [[rule]]\nmatch = \"layers.1.bias\"\ninit = \"zeros\"\nfit = \"class_frequencies\"\n\
                  [[rule]]\nmatch = \"layers.0.bias\"\ninit = \"zeros\"\nfit = \"centred\"\n";
    std::fs::write(here.join("mine.toml"), recipe).unwrap();
    let mut table = String::from("a,b,class\n");
    for i in 0..20 {
        let class = if i % 4 == 0 { "rare" } else { "common" };
        table += &format!("{},{},{class}\n", i % 7, 3 - i % 5);
    }
    std::fs::write(here.join("data.csv"), table).unwrap();
    let model = "mlp:2-30-2:relu";
    let plan = ["plan", model, "--recipe", "mine.toml", "--data", "data.csv"];
    let plan = json(here, &plan);
    let values = |name: &str| -> Vec<f64> {
        let lines = plan["tensors"].as_array().unwrap();
        let line = lines.iter().find(|line| line["name"] == name).unwrap();
        let values = line["fill"]["values"]["values"].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    // 15 of 20 are common; each class counts once more.
    let found = values("layers.1.bias");
    for (found, expected) in found.iter().zip([16.0f64 / 22.0, 6.0 / 22.0]) {
        assert!((found - expected.ln()).abs() < 1e-12);
    }
    let check = [
        "check",
        model,
        "--recipe",
        "mine.toml",
        "--data",
        "data.csv",
        "--seeds",
        "1",
    ];
    let report = json(here, &check);
    assert!(
        layers(&report, 0)[0]["forward"]["mean"]
            .as_f64()
            .unwrap()
            .abs()
            < 1e-6
    );
    assert_eq!(values("layers.0.bias").len(), 30);

    // Without labels there is nothing to count.
    let (code, _, error) = run(here, &["check", model, "--recipe", "mine.toml"]);
    assert_eq!(code, 2);
    assert!(
        error.contains("layers.1.bias") && error.contains("labels"),
        "{error}"
    );
}

#[test]
fn mistakes_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (rule, expected) in [
        (
            "role = \"bias\"\ninit = \"zeros\"\nfit = \"lsuv\"",
            "is for the weight of a layer",
        ),
        (
            "role = \"matrix\"\ninit = \"orthogonal\"\nfit = \"centred\"",
            "is for a bias",
        ),
        (
            "role = \"matrix\"\ninit = \"orthogonal\"\nfit = \"lsvu\"",
            "lsuv",
        ),
    ] {
        let text = format!("name = \"mine\"\nextends = \"auto\"\n[[rule]]\n{rule}\n");
        std::fs::write(here.join("mine.toml"), text).unwrap();
        let (code, _, error) = run(here, &["plan", "mlp:4-8-2", "--recipe", "mine.toml"]);
        assert_eq!(code, 2);
        assert!(error.contains(expected), "{error}");
    }
    let (code, _, error) = run(here, &["plan", "mlp:4-8-2", "--data", "noise"]);
    assert_eq!(code, 2);
    assert!(error.contains("no rule of this recipe"), "{error}");
}
