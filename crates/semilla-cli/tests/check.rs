//! `semilla check`, through the real binary.

mod common;

use std::path::Path;

use common::{json, run};

/// The gain that keeps the variance under tanh.
const EXACT: &str = "variance_scaling(scale=1, activation=tanh)";

/// A plain network of 30 layers.
fn deep(activation: &str) -> String {
    format!("mlp:{}10:{activation}", "48-".repeat(31))
}

#[test]
fn vanishing_gradients_fail() {
    let model = deep("relu");
    let (code, out, _) = run(&["check", &model, "--recipe", "pytorch"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.starts_with("fails: squared gradients shrink"), "{out}");
    assert!(out.contains("past depth"), "{out}");
    let (code, out, _) = run(&["check", &model]);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("passes: "), "{out}");
}

#[test]
fn a_network_that_no_gradient_enters_fails() {
    let (code, out, _) = run(&["check", "mlp:16-32-32-4:relu", "--scheme", "zeros"]);
    assert_eq!(code, 1, "{out}");
    let said = "fails: no gradient reaches any of its 3 weights: it will not train";
    assert!(out.starts_with(said), "{out}");
    // Normalizations named like those that end residual branches, and nothing is added to them.
    let plain = "resnet:8:width=4:pixels=8:residual=false";
    let (code, out, _) = run(&["check", plain]);
    assert_eq!(code, 0, "{out}");
    assert!(!out.contains("no gradient"), "{out}");
    let (_, plan, _) = run(&["plan", plain, "--full"]);
    assert!(!plan.contains("residual branches"), "{plan}");
    let (_, plan, _) = run(&["plan", "resnet:8:width=4:pixels=8", "--full"]);
    assert!(
        plan.contains("ends one of 3 residual branches: 1/√3"),
        "{plan}"
    );
}

/// Most units of a gate are dead, and all the same signals go around it: it may open later.
#[test]
fn dead_gates_hold_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let model = write(
        "gated.toml",
        "about = \"gates\"\n[inputs]\nimage = \"numbers(3, 8, 8)\"\n[network]\nlayers = [\n\
         \"stem: conv(16) -> relu\", { multiply = [[], [\"squeeze: conv(16) -> relu -> \
         expand: conv(16) -> sigmoid\"]] },\n\"last: conv(16) -> relu -> mean(2) -> mean(2) -> \
         head: linear(10)\"]\n",
    );
    let recipe = write(
        "shut.toml",
        "name = \"shut\"\nextends = \"auto\"\n[[rule]]\nmatch = \"squeeze.bias\"\n\
         init = \"constant(value=-2)\"\n",
    );
    let (code, report) = json(&["check", &model, "--recipe", &recipe]);
    let verdict = &report["verdict"];
    assert_eq!((code, &verdict["passes"]), (0, &true.into()), "{verdict}");
    let dead = &verdict["findings"][0];
    assert_eq!(dead["kind"], "dead", "{verdict}");
    assert_eq!(dead["weight"], "squeeze.weight");
    assert_eq!(dead["on_path"], false);
}

#[test]
fn numbers_for_machines() {
    let model = "mlp:16-32-32-32-4:tanh";
    let (code, report) = json(&["check", model, "--scheme", EXACT, "--seeds", "2"]);
    assert_eq!(code, 0);
    assert_eq!(report["verdict"]["passes"], true);
    let runs = report["measurements"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    let layers = runs[0]["layers"].as_array().unwrap();
    let weights: Vec<&str> = layers
        .iter()
        .map(|layer| layer["weight"].as_str().unwrap())
        .collect();
    let expected = [0, 1, 2, 3].map(|layer| format!("layers.{layer}.weight"));
    assert_eq!(weights, expected);
    // The input is standard normal, and tanh's exact gain keeps its variance: 1 per unit, up to
    // the noise of 32 samples.
    let second = layers[1]["forward"]["second_moment"].as_f64().unwrap();
    assert!((0.5..2.0).contains(&second), "{second}");
    assert_ne!(runs[0], runs[1], "each seed has its own weights");
}

#[test]
fn theory_stands_beside_what_is_measured() {
    let model = format!("mlp:{}10:tanh", "256-".repeat(21));
    let (_, report) = json(&["check", &model, "--scheme", EXACT, "--samples", "64"]);
    let measured = report["verdict"]["log_gradients"].as_f64().unwrap();
    let predicted = report["prediction"]["log_gradients"].as_f64().unwrap();
    // 20 layers of χ₁ about 1.14.
    assert!((2.0..3.0).contains(&predicted), "{predicted}");
    assert!(
        (measured - predicted).abs() < 0.5,
        "{measured}, not {predicted}"
    );
    let (_, out, _) = run(&["check", &model, "--scheme", EXACT, "--seeds", "1"]);
    assert!(out.contains("theory: squared gradients grow"), "{out}");
}

/// The mirrored weights of `auto`.
#[test]
fn theory_knows_how_auto_starts_plain_stacks() {
    for activation in ["relu", "gelu"] {
        let model = format!("mlp:{}10:{activation}", "128-".repeat(9));
        let (code, report) = json(&["check", &model]);
        assert_eq!(code, 0, "{activation}");
        assert_eq!(report["prediction"]["ends"].as_array().unwrap().len(), 0);
        let scores = report["scores"].as_array().unwrap();
        assert_eq!(scores.len(), 9);
        for score in scores {
            for of in ["second_moment", "between_samples", "gradient"] {
                let z = score[of].as_f64().unwrap();
                assert!(z.abs() < 4.0, "{activation}: {score}");
            }
        }
    }
}

#[test]
fn every_described_kind_runs() {
    for model in [
        &["mlp:8-16-4:gelu"][..],
        &[
            "conv:3-8-8-8:10:relu",
            "--size",
            "height=12",
            "--size",
            "width=12",
        ],
        &["transformer:2x64:100", "--size", "length=16"],
        &["lstm:8-16:4", "--size", "length=10"],
    ] {
        let (code, out, error) = run(&[&["check"], model].concat());
        assert_eq!(code, 0, "{model:?}: {out}{error}");
    }
}

#[test]
fn weights_and_data_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (weights, model) = (path("w.safetensors"), "mlp:8-16-16-16-4:relu");
    let (code, _, error) = run(&["init", model, "-o", &weights]);
    assert_eq!(code, 0, "{error}");
    let (_, planned) = json(&["check", model, "--seeds", "1"]);
    let (_, stored) = json(&["check", model, "--weights", &weights]);
    assert_eq!(
        planned["measurements"], stored["measurements"],
        "the same weights, made or read"
    );

    let data = folder.path().join("x.npy");
    npy(&data, [64, 8], |i| (i % 7) as f32);
    let data = data.display().to_string();
    let (code, report) = json(&["check", model, "--data", &data, "--samples", "16"]);
    assert_eq!(code, 0);
    let mean = report["measurements"][0]["layers"][0]["forward"]["mean"].as_f64();
    assert!(mean.is_some());
    npy(Path::new(&data), [64, 8], |_| f32::NAN);
    let (code, _, error) = run(&["check", model, "--data", &data]);
    assert_eq!(code, 2);
    assert!(error.contains("NaN"), "{error}");
    npy(Path::new(&data), [64, 9], |_| 1.0);
    let (code, _, error) = run(&["check", model, "--data", &data]);
    assert_eq!(code, 2);
    assert!(
        error.contains("a sample has the shape [9], and the input \"x\" takes [8]"),
        "{error}"
    );
}

/// A file of f32 numbers.
fn npy(path: &Path, shape: [usize; 2], value: impl Fn(usize) -> f32) {
    let [rows, columns] = shape;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend((0..rows * columns).flat_map(|i| value(i).to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_cannot_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("w.safetensors").display().to_string();
    assert_eq!(run(&["init", "mlp:8-4", "-o", &weights]).0, 0);
    for (arguments, part) in [
        (vec!["check", &*weights], "no computation to run"),
        (
            vec!["check", "conv:3-8:10:height=1:width=0"],
            "sizes are at least 1",
        ),
        (
            vec!["check", "mlp:8-4-2", "--weights", &*weights],
            "were not given",
        ),
        (vec!["check", "mlp:8-4-2", "--size", "x"], "AXIS=N"),
    ] {
        let (code, _, error) = run(&arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}

#[test]
fn singular_values_come_where_they_are_asked_for() {
    let model = "mlp:32-32-32-32-4:tanh";
    let check = |more: &[&str]| json(&[&["check", model], more].concat()).1;
    let (_, text, _) = run(&["check", model, "--spectra"]);
    assert!(text.contains("Jacobian of what follows"), "{text}");
    assert!(text.contains("tangent kernel on 16 samples"), "{text}");
    let report = check(&["--spectra"]);
    assert_eq!(report["spectra"]["layers"].as_array().unwrap().len(), 4);
    assert!(report["spectra"]["jacobian"]["largest"].as_f64().unwrap() > 0.0);
    assert!(check(&[])["spectra"].is_null());
}

#[test]
fn a_page_is_written_beside_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let page = at("report.html");
    let model = deep("relu");
    let arguments = ["check", &model, "--recipe", "pytorch", "--html", &page];
    let (code, out, _) = run(&arguments);
    assert_eq!(code, 1, "the verdict decides: {out}");
    let first = std::fs::read(&page).unwrap();
    assert!(first.starts_with(b"<!DOCTYPE html>"));
    let text = String::from_utf8(first.clone()).unwrap();
    let remedy = out
        .lines()
        .find_map(|line| line.strip_prefix("remedy: "))
        .unwrap();
    assert!(
        text.contains("What to do") && text.contains(remedy),
        "{remedy}"
    );
    run(&arguments);
    assert_eq!(std::fs::read(&page).unwrap(), first, "the same bytes again");
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing else is left: {names:?}");

    let weights = at("weights.safetensors");
    run(&["init", &model, "-o", &weights]);
    let before = std::fs::read(&weights).unwrap();
    let onto = ["check", &model, "--weights", &weights, "--html", &weights];
    let (code, _, error) = run(&onto);
    assert_eq!(code, 2);
    assert!(error.contains("would take its place"), "{error}");
    assert_eq!(std::fs::read(&weights).unwrap(), before);
    let (code, _, error) = run(&["check", &model, "--html", &at("absent/report.html")]);
    assert_eq!(code, 2);
    assert!(error.contains("folder does not exist"), "{error}");
}
