//! What a user is told about loaded weights, through the real binary.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use semilla::DType;
use semilla_checkpoint::{
    CheckpointWriter, Metadata, SafetensorsWriter, TensorInfo, Tensors, open,
};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Tensor {
    name: &'static str,
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Values that no initializer makes: of the given root mean square, most of them small.
fn trained(name: &'static str, shape: &[usize], rms: f32, seed: u32) -> Tensor {
    let count = shape.iter().product::<usize>();
    let value = |i: u32| {
        let noise = (i ^ seed)
            .wrapping_mul(0x9e37_79b9)
            .rotate_left(13)
            .wrapping_mul(0x85eb_ca6b);
        let uniform = noise as f32 / u32::MAX as f32 * 2.0 - 1.0;
        uniform.powi(5)
    };
    let mut values: Vec<f32> = (0..count as u32).map(value).collect();
    let squares: f32 = values.iter().map(|v| v * v).sum();
    let factor = rms / (squares / count as f32).sqrt();
    values.iter_mut().for_each(|v| *v *= factor);
    Tensor {
        name,
        shape: shape.to_vec(),
        values,
    }
}

fn constant(name: &'static str, shape: &[usize], value: f32) -> Tensor {
    Tensor {
        name,
        shape: shape.to_vec(),
        values: vec![value; shape.iter().product()],
    }
}

fn write(path: &Path, tensors: &[Tensor]) {
    let infos = tensors
        .iter()
        .map(|t| TensorInfo::new(t.name, DType::F32, t.shape.clone()).unwrap());
    let list = Tensors::new(infos.collect()).unwrap();
    let writer = SafetensorsWriter::create(path, list, Metadata::new(), None).unwrap();
    for (place, tensor) in tensors.iter().enumerate() {
        let bytes = bytemuck::cast_slice(&tensor.values);
        writer.write(place, 0, bytes).unwrap();
    }
    Box::new(writer).finish().unwrap();
}

fn values(path: &Path, name: &str) -> Vec<f32> {
    let file = open(path).unwrap();
    let tensor = file.tensors().index_of(name).expect(name);
    let mut bytes = vec![0; file.tensors()[tensor].bytes() as usize];
    file.read(tensor, 0, &mut bytes).unwrap();
    let elements = bytes.chunks_exact(4);
    elements
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// A model of these shapes, to be initialized from a checkpoint of these tensors; the command and where it writes.
fn init(folder: &TempDir, shapes: &[(&str, &[usize])], from: &[Tensor]) -> (Command, PathBuf) {
    let list: serde_json::Map<String, Value> = shapes
        .iter()
        .map(|(name, shape)| (name.to_string(), json!({"dtype": "F32", "shape": shape})))
        .collect();
    let (model, file) = (
        folder.path().join("model.json"),
        folder.path().join("from.safetensors"),
    );
    std::fs::write(&model, Value::Object(list).to_string()).unwrap();
    write(&file, from);
    let out = folder.path().join("out.safetensors");
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    command
        .arg("init")
        .arg(model)
        .arg("--from")
        .arg(file)
        .arg("-o")
        .arg(&out);
    (command, out)
}

/// The checkpoint's own shapes.
fn shapes(from: &[Tensor]) -> Vec<(&'static str, &[usize])> {
    from.iter().map(|t| (t.name, &t.shape[..])).collect()
}

fn text(command: &mut Command) -> String {
    let said = command.assert().success();
    String::from_utf8(said.get_output().stdout.clone()).unwrap()
}

fn report(command: &mut Command) -> Value {
    serde_json::from_str(&text(command.arg("--json"))).unwrap()
}

/// The notes of a tensor.
fn notes(report: &Value, tensor: &str) -> Value {
    let found = report["findings"].as_array().into_iter().flatten();
    let mut found = found.filter(|finding| finding["tensor"] == tensor);
    found.next().map_or(Value::Null, |f| f["notes"].clone())
}

#[test]
fn what_is_wrong_with_weights_is_told_and_what_is_right_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut tiny = trained("layers.3.fc.weight", &[40, 64], 0.1, 3);
    tiny.values[..640].fill(1e-40);
    let mut variance = constant("bn.running_var", &[8], 1.0);
    (variance.values[2], variance.values[5]) = (0.0, -0.5);
    let from = [
        trained("layers.0.fc.weight", &[40, 64], 0.1, 0),
        constant("layers.1.fc.weight", &[40, 64], 0.25),
        trained("layers.2.fc.weight", &[40, 64], 50.0, 2),
        tiny,
        constant("layers.0.fc.bias", &[40], 0.0),
        constant("bn.weight", &[8], 1.0),
        constant("bn.bias", &[8], 0.0),
        constant("bn.running_mean", &[8], 0.0),
        variance,
    ];
    let (mut command, _) = init(&folder, &shapes(&from), &from);
    let said = text(&mut command);
    assert!(
        said.contains("layers.1.fc.weight  all 0.25") && said.contains("nothing was learnt here"),
        "{said}"
    );
    assert!(
        said.contains("RMS 50, fan-in asks for 0.125") && said.contains("beyond a factor of 100"),
        "{said}"
    );
    let report = report(&mut command);
    let expected = json!([{"kind": "constant", "value": 0.25}]);
    assert_eq!(notes(&report, "layers.1.fc.weight"), expected);
    let scale = &notes(&report, "layers.2.fc.weight")[0];
    assert_eq!(
        (&scale["kind"], &scale["expected"]),
        (&json!("scale"), &json!(0.125))
    );
    assert!((scale["rms"].as_f64().unwrap() - 50.0).abs() < 1e-3);
    let expected = json!([{"kind": "denormal", "count": 640}]);
    assert_eq!(notes(&report, "layers.3.fc.weight"), expected);
    let expected = json!([{"kind": "not_positive", "count": 2}]);
    assert_eq!(notes(&report, "bn.running_var"), expected);
    assert_eq!(
        report["findings"].as_array().unwrap().len(),
        4,
        "{:#}",
        report["findings"]
    );
}

/// A scale is absurd beyond a factor of 100, and not before.
#[test]
fn scales_are_judged_by_the_fan_in() {
    let folder = tempfile::tempdir().unwrap();
    let from = [
        trained("a.fc.weight", &[40, 64], 12.0, 0),
        trained("b.fc.weight", &[40, 64], 13.0, 1),
        trained("c.fc.weight", &[40, 64], 0.0013, 2),
        trained("d.fc.weight", &[40, 64], 0.0012, 3),
    ];
    let (mut command, _) = init(&folder, &shapes(&from), &from);
    let report = report(&mut command);
    let absurd = |name: &str| notes(&report, name)[0]["kind"] == "scale";
    let found = ["a", "b", "c", "d"].map(|layer| absurd(&format!("{layer}.fc.weight")));
    assert_eq!(found, [false, true, false, true]);
}

#[test]
fn a_checkpoint_that_was_never_trained_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("fresh.safetensors");
    let mut make = Command::cargo_bin("semilla").unwrap();
    make.args([
        "init",
        "mlp:300-400-200:relu",
        "--scheme",
        "xavier_uniform",
        "-o",
    ]);
    make.arg(&fresh).assert().success();
    let mut orthogonal = Command::cargo_bin("semilla").unwrap();
    let other = folder.path().join("orthogonal.safetensors");
    orthogonal.args([
        "init",
        "mlp:300-400-200:relu",
        "--scheme",
        "orthogonal",
        "-o",
    ]);
    orthogonal.arg(&other).assert().success();
    for (from, expected) in [(fresh, "xavier_uniform"), (other, "orthogonal, gain")] {
        let mut command = Command::cargo_bin("semilla").unwrap();
        command
            .args(["init", "mlp:300-400-200:relu", "--from"])
            .arg(&from);
        command.arg("-o").arg(folder.path().join("out.safetensors"));
        let report = report(&mut command);
        let found = report["findings"].as_array().unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        for finding in found {
            let note = &finding["notes"][0];
            let name = note["initializer"].as_str().unwrap();
            assert!(note["kind"] == "fresh" && name.contains(expected), "{note}");
        }
    }
}

#[test]
fn equal_tensors_are_tied_by_content_and_near_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let embed = |name| trained(name, &[50, 16], 0.1, 0);
    let mut swapped = embed("c.weight");
    swapped.values.swap(3, 4);
    let from = [
        embed("embed_tokens.weight"),
        embed("lm_head.weight"),
        swapped,
        constant("norm.weight", &[16], 1.0),
        constant("norm2.weight", &[16], 1.0),
    ];
    let (mut command, _) = init(&folder, &shapes(&from), &from);
    let report = report(&mut command);
    let expected = json!([{"kind": "tied_by_content", "to": "embed_tokens.weight"}]);
    assert_eq!(notes(&report, "lm_head.weight"), expected);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
}

const TIED: [(&str, &[usize]); 2] = [
    ("embed_tokens.weight", &[50, 16]),
    ("lm_head.weight", &[50, 16]),
];
const TIE: &str = "lm_head.weight=embed_tokens.weight";

#[test]
fn a_tied_head_takes_the_bytes_of_its_table_and_a_replay_too() {
    let folder = tempfile::tempdir().unwrap();
    let from = [trained("embed_tokens.weight", &[40, 16], 0.1, 0)];
    let (mut command, out) = init(&folder, &TIED, &from);
    // Rows beyond the checkpoint's are new, and the same in both.
    command.args(["--adapt", "embed_tokens.*=overlap"]);
    command.assert().code(2).stderr(predicate::str::contains(
        "lm_head.weight: not in the checkpoint",
    ));
    let lock = folder.path().join("lock.json");
    command.args(["--tie", TIE, "--lock"]).arg(&lock);
    assert!(text(&mut command).contains("tied to embed_tokens.weight"));
    assert_eq!(
        values(&out, "lm_head.weight"),
        values(&out, "embed_tokens.weight")
    );
    let again = folder.path().join("again.safetensors");
    let mut replay = Command::cargo_bin("semilla").unwrap();
    replay
        .args(["init", "--plan"])
        .arg(&lock)
        .arg("-o")
        .arg(&again);
    replay.assert().success();
    assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&out).unwrap());
}

#[test]
fn ties_without_a_checkpoint_and_in_a_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("tied.toml");
    let rules = "name = \"tied\"\ntie = [[\"lm_head.weight\", \"embed_tokens.weight\"]]\nunmatched = { normal = { std = 0.02 } }\n";
    std::fs::write(&recipe, rules).unwrap();
    let (command, out) = init(&folder, &TIED, &[]);
    drop(command);
    let mut command = Command::cargo_bin("semilla").unwrap();
    command
        .arg("init")
        .arg(folder.path().join("model.json"))
        .arg("--recipe")
        .arg(&recipe);
    command.arg("-o").arg(&out).assert().success();
    assert_eq!(
        values(&out, "lm_head.weight"),
        values(&out, "embed_tokens.weight")
    );
    command.args(["--tie", "lm_head.wieght=embed_tokens.weight"]);
    command
        .assert()
        .code(2)
        .stderr(predicate::str::contains("did you mean \"lm_head.weight\""));
}

#[test]
fn a_tie_that_the_checkpoint_contradicts_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let embed = |name, seed| trained(name, &[50, 16], 0.1, seed);
    let equal = [embed("embed_tokens.weight", 0), embed("lm_head.weight", 0)];
    let (mut command, out) = init(&folder, &TIED, &equal);
    let report = report(command.args(["--tie", TIE]));
    assert_eq!(report["findings"], Value::Null);
    std::fs::remove_file(&out).unwrap();

    let different = [embed("embed_tokens.weight", 0), embed("lm_head.weight", 1)];
    let (mut command, out) = init(&folder, &TIED, &different);
    let refused = command.args(["--tie", TIE]).assert().code(2);
    refused.stderr(
        predicate::str::contains("give them different values")
            .and(predicate::str::contains("--exclude")),
    );
    assert!(!out.exists());
    command.args(["--exclude", "lm_head.*"]).assert().success();
    assert_eq!(values(&out, "lm_head.weight"), different[0].values);

    let (mut command, _) = init(&folder, &TIED, &different[1..]);
    command.args(["--tie", TIE, "--may-miss", "embed_tokens.*"]);
    let said =
        predicate::str::contains("tie \"embed_tokens.weight\" to \"lm_head.weight\" instead");
    command.assert().code(2).stderr(said);
}

#[test]
fn new_layers_are_compared_with_loaded_ones() {
    let folder = tempfile::tempdir().unwrap();
    let model: [(&str, &[usize]); 4] = [
        ("embed_tokens.weight", &[60, 16]),
        ("layers.0.fc.weight", &[64, 64]),
        ("layers.1.fc.weight", &[64, 64]),
        ("layers.2.fc.weight", &[64, 64]),
    ];
    let from = [
        trained("embed_tokens.weight", &[50, 16], 0.5, 0),
        // Gains 8 · 0.5 and 8 · 1.
        trained("layers.0.fc.weight", &[64, 64], 0.5, 1),
        trained("layers.1.fc.weight", &[64, 64], 1.0, 2),
    ];
    let (mut command, _) = init(&folder, &model, &from);
    command.args([
        "--adapt",
        "embed_tokens.*=overlap",
        "--may-miss",
        "layers.2.*",
        "--scheme",
        "lecun_normal",
    ]);
    let said = text(&mut command);
    let line = "beyond a factor of 3 from what was loaded: embed_tokens.weight, layers.2.fc.weight";
    assert!(said.contains(line), "{said}");
    let report = report(&mut command);
    let [table, matrix] = &report["junctions"].as_array().unwrap()[..] else {
        panic!("two: {:#}", report["junctions"])
    };
    let number = |value: &Value| (value.as_f64().unwrap() * 1e4).round() / 1e4;
    assert_eq!(
        (number(&table["planned"]), number(&table["loaded"])),
        (0.02, 0.5)
    );
    assert_eq!(
        (&table["beside"], &table["verdict"]),
        (&json!("own_part"), &json!("smaller"))
    );
    assert_eq!(
        (number(&matrix["planned"]), number(&matrix["loaded"])),
        (1.0, 6.0)
    );
    assert_eq!(matrix["beside"], json!({"same_role": {"tensors": 2}}));
    assert_eq!(
        (number(&matrix["ratio"]), &matrix["verdict"]),
        (0.1667, &json!("smaller"))
    );
}

#[test]
fn coverage_is_told_by_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let from = [
        trained("trunk.0.fc.weight", &[8, 8], 0.3, 0),
        trained("trunk.1.fc.weight", &[8, 8], 0.3, 1),
    ];
    let model = [&shapes(&from)[..], &[("head.weight", &[2, 8])]].concat();
    let (mut command, _) = init(&folder, &model, &from);
    command.args(["--may-miss", "head.*"]);
    assert!(
        text(&mut command).contains("trunk.{0,1}.fc ×2  1       0        0    64        100.00 %")
    );
    let report = report(&mut command);
    let head = json!({
        "prefix": "head", "loaded": 0, "adapted": 0, "new": 1, "elements": 0, "of_elements": 16, "bytes": 0, "of_bytes": 64,
    });
    assert_eq!(report["transfer"]["prefixes"][0], head);
    assert_eq!(report["transfer"]["prefixes"][1]["bytes"], 256);
}

/// The same figures from any number of threads.
#[test]
fn findings_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let from = [
        trained("a.fc.weight", &[1500, 1100], 80.0, 0),
        trained("b.fc.weight", &[1500, 1100], 0.1, 7),
    ];
    let (mut command, _) = init(&folder, &shapes(&from), &from);
    command.arg("--json").arg("--threads");
    let of = |threads: &str| {
        let mut command = Command::from_std(copy(&command, threads));
        let report: Value = serde_json::from_str(&text(&mut command)).unwrap();
        report["findings"].clone()
    };
    let one = of("1");
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!(one, of("2"));
    assert_eq!(one, of("7"));
}

/// The command with one more argument.
fn copy(command: &Command, argument: &str) -> std::process::Command {
    let mut copy = std::process::Command::new(command.get_program());
    copy.args(command.get_args()).arg(argument);
    copy
}
