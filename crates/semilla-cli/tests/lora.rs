//! Adapters through the real binary: what is written, that it belongs together, and what is refused.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use semilla::DType;
use semilla_checkpoint::{Metadata, SafetensorsWriter, TensorInfo, Tensors, open};
use serde_json::{Value, json};

fn semilla() -> Command {
    Command::cargo_bin("semilla").expect("the binary is built")
}

const BERT: [(&str, DType, &[usize]); 6] = [
    ("embeddings.word_embeddings.weight", DType::F32, &[50, 12]),
    (
        "encoder.layer.0.attention.self.query.weight",
        DType::F32,
        &[12, 12],
    ),
    (
        "encoder.layer.0.attention.self.query.bias",
        DType::F32,
        &[12],
    ),
    (
        "encoder.layer.0.attention.self.value.weight",
        DType::F64,
        &[12, 12],
    ),
    (
        "encoder.layer.0.output.dense.weight",
        DType::BF16,
        &[12, 48],
    ),
    ("embeddings.position_ids", DType::I64, &[1, 9]),
];

/// A safetensors file of these tensors, of reproducible values between -1 and 1.
fn file(path: &Path, tensors: &[(&str, DType, &[usize])]) -> PathBuf {
    let infos = tensors
        .iter()
        .map(|(name, dtype, shape)| TensorInfo::new(*name, *dtype, *shape).unwrap());
    let metadata = Metadata::from([("kept".to_owned(), "yes".to_owned())]);
    let list = Tensors::new(infos.collect()).unwrap();
    let writer = SafetensorsWriter::create(path, list, metadata, None).unwrap();
    for (tensor, (_, dtype, shape)) in tensors.iter().enumerate() {
        let elements: usize = shape.iter().product();
        let values: Vec<f64> = (0..elements)
            .map(|i| ((i * i * 37 + i * 11 + tensor) % 101) as f64 / 50.0 - 1.0)
            .collect();
        let bytes = dtype
            .encode(&values)
            .unwrap_or_else(|| vec![7; elements * dtype.size()]);
        writer.write(tensor, 0, &bytes).unwrap();
    }
    writer.finish().unwrap();
    path.to_owned()
}

fn bytes(path: &Path, name: &str) -> Vec<u8> {
    let file = open(path).unwrap();
    let tensor = file
        .tensors()
        .index_of(name)
        .unwrap_or_else(|| panic!("{name} in {}", path.display()));
    let mut bytes = vec![0; file.tensors()[tensor].bytes() as usize];
    file.read(tensor, 0, &mut bytes).unwrap();
    bytes
}

fn values(path: &Path, name: &str) -> Vec<f64> {
    let file = open(path).unwrap();
    let dtype = file.tensors()[file.tensors().index_of(name).unwrap()].dtype();
    let mut values = Vec::new();
    dtype.decode(&bytes(path, name), &mut values);
    values
}

fn report(base: &Path, out: &Path, arguments: &[&str]) -> Value {
    let mut command = semilla();
    command
        .arg("lora")
        .arg(base)
        .arg("-o")
        .arg(out)
        .arg("--json")
        .args(arguments);
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

fn refused(base: &Path, arguments: &[&str], because: &str) {
    let out = base.with_file_name("refused");
    let mut command = semilla();
    command
        .arg("lora")
        .arg(base)
        .arg("-o")
        .arg(&out)
        .args(arguments);
    command
        .assert()
        .code(2)
        .stderr(predicate::str::contains(because));
    let left = std::fs::read_dir(&out).map_or(0, Iterator::count);
    assert_eq!(left, 0, "a refused adapter left files behind");
}

/// B A `[out, in]` times the scaling.
fn adapter(folder: &Path, module: &str, rank: usize, scaling: f64) -> Vec<f64> {
    let path = folder.join("adapter_model.safetensors");
    let factor = |of| {
        values(
            &path,
            &format!("base_model.model.{module}.lora_{of}.weight"),
        )
    };
    let (a, b) = (factor('A'), factor('B'));
    let input = a.len() / rank;
    let row = |row: &[f64], j: usize| (0..rank).map(|k| row[k] * a[k * input + j]).sum::<f64>();
    b.chunks(rank)
        .flat_map(|b| (0..input).map(move |j| (b, j)))
        .map(|(b, j)| scaling * row(b, j))
        .collect()
}

#[test]
fn the_default_is_pefts_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("base.safetensors"), &BERT);
    let out = folder.path().join("new/adapter");
    let said = report(&base, &out, &[]);
    let attention = "encoder.layer.0.attention.self";
    // In the file's order, which has the widest types first.
    let modules = json!([format!("{attention}.value"), format!("{attention}.query")]);
    let config: Value =
        serde_json::from_slice(&std::fs::read(out.join("adapter_config.json")).unwrap()).unwrap();
    for (key, value) in [
        ("peft_type", json!("LORA")),
        ("r", json!(8)),
        ("lora_alpha", json!(8)),
        ("use_rslora", json!(false)),
        ("init_lora_weights", json!(true)),
        ("fan_in_fan_out", json!(false)),
        ("target_modules", modules),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
    assert!(!out.join("base.safetensors").exists());
    let file = open(out.join("adapter_model.safetensors")).unwrap();
    let names: Vec<&str> = file.tensors().iter().map(TensorInfo::name).collect();
    let expected = [
        "query.lora_A",
        "query.lora_B",
        "value.lora_A",
        "value.lora_B",
    ];
    assert_eq!(
        names,
        expected.map(|end| format!("base_model.model.{attention}.{end}.weight"))
    );
    assert_eq!(file.tensors()[0].shape(), [8, 12]);
    for module in ["query", "value"] {
        let module = format!("{attention}.{module}");
        assert!(adapter(&out, &module, 8, 1.0).iter().all(|&x| x == 0.0));
        let a = values(
            &out.join("adapter_model.safetensors"),
            &format!("base_model.model.{module}.lora_A.weight"),
        );
        assert!(a.iter().all(|x| x.abs() <= 12f64.powf(-0.5)) && a.iter().any(|x| x.abs() > 0.25));
    }
    assert_eq!(said["matrices"][0]["share"], json!(0.0));
    assert_eq!(said["matrices"][0]["residual"], Value::Null);
    assert_eq!(said["files"].as_array().unwrap().len(), 2);
}

#[test]
fn a_residual_base_and_its_adapter_are_the_base() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("model.safetensors"), &BERT);
    let before = std::fs::read(&base).unwrap();
    for init in ["pissa", "olora"] {
        let out = folder.path().join(init);
        let globs = [
            "--target", "*.query", "--target", "*.value", "--target", "*.dense",
        ];
        let options = ["--init", init, "-r", "4", "--alpha", "6", "--rslora"];
        let said = report(&base, &out, &[&globs[..], &options[..]].concat());
        assert_eq!(said["scaling"], json!(3.0));
        let residual = out.join("base.safetensors");
        for (name, dtype, _) in BERT {
            let Some(entry) = said["matrices"]
                .as_array()
                .unwrap()
                .iter()
                .find(|entry| entry["tensor"] == json!(name))
            else {
                assert_eq!(
                    bytes(&residual, name),
                    bytes(&base, name),
                    "{name} is copied"
                );
                continue;
            };
            let (left, whole) = (values(&residual, name), values(&base, name));
            let held = adapter(&out, entry["module"].as_str().unwrap(), 4, 3.0);
            let rounding = match dtype {
                DType::F64 => 1e-14,
                DType::F32 => 2f64.powi(-24),
                _ => 2f64.powi(-8),
            };
            for ((w, rest), x) in whole.iter().zip(&left).zip(&held) {
                assert!(
                    (rest + x - w).abs() <= rounding * rest.abs() + 1e-14,
                    "{init} {name}: {w} {rest} {x}"
                );
            }
            let square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>();
            let share = entry["share"].as_f64().unwrap();
            assert!((share / (square(&held) / square(&whole)) - 1.0).abs() < 1e-6);
            let norm = entry["residual"].as_f64().unwrap();
            assert!(
                (norm / square(&left).sqrt() - 1.0).abs() < 1e-2,
                "{init} {name}"
            );
            if init == "pissa" {
                assert!((share + norm * norm / square(&whole) - 1.0).abs() < 1e-6);
            }
        }
        assert_eq!(open(&residual).unwrap().metadata()["kept"], "yes");
        assert_eq!(open(&residual).unwrap().metadata()["semilla.init"], init);
        let config = std::fs::read_to_string(out.join("adapter_config.json")).unwrap();
        // Otherwise peft takes the residual apart as well.
        assert!(config.contains("\"init_lora_weights\": true"));
        assert!(
            said["load"][0]
                .as_str()
                .unwrap()
                .contains("base.safetensors")
        );
    }
    assert!(
        std::fs::read(&base).unwrap() == before,
        "the base was changed"
    );
}

#[test]
fn conv1d_is_stored_turned() {
    let folder = tempfile::tempdir().unwrap();
    let gpt2 = [
        ("h.0.attn.c_attn.weight", DType::F32, &[8usize, 24][..]),
        ("h.0.attn.c_attn.bias", DType::F32, &[24]),
    ];
    let base = file(&folder.path().join("gpt2.safetensors"), &gpt2);
    let out = folder.path().join("out");
    let said = report(
        &base,
        &out,
        &[
            "--init",
            "pissa",
            "-r",
            "2",
            "--alpha",
            "2",
            "--prefix",
            "transformer.",
        ],
    );
    assert_eq!(said["matrices"][0]["shape"], json!([24, 8]));
    let held = adapter(&out, "transformer.h.0.attn.c_attn", 2, 1.0);
    let (left, whole) = (
        values(&out.join("base.safetensors"), gpt2[0].0),
        values(&base, gpt2[0].0),
    );
    for i in 0..24 {
        for j in 0..8 {
            let (w, rest) = (whole[j * 24 + i], left[j * 24 + i]);
            assert!((rest + held[i * 8 + j] - w).abs() < 1e-7);
        }
    }
    let config = std::fs::read_to_string(out.join("adapter_config.json")).unwrap();
    assert!(
        config.contains("\"fan_in_fan_out\": true")
            && config.contains("\"transformer.h.0.attn.c_attn\"")
    );
}

#[test]
fn the_same_command_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("model.safetensors"), &BERT);
    for init in ["true", "gaussian", "orthogonal", "pissa", "olora", "mica"] {
        let written = |name: &str, arguments: &[&str]| {
            let out = folder.path().join(name);
            report(&base, &out, &[&["--init", init][..], arguments].concat());
            std::fs::read(out.join("adapter_model.safetensors")).unwrap()
        };
        let first = written("a", &["--threads", "1"]);
        assert!(first == written("b", &["--threads", "3"]), "{init}");
        // The seed is in the file's metadata: the values alone.
        let tail = first.len() - 4 * 8 * 12 * 4;
        let random = matches!(init, "true" | "gaussian" | "orthogonal");
        assert_eq!(
            first[tail..] != written("c", &["--seed", "1"])[tail..],
            random,
            "{init}"
        );
    }
}

#[test]
fn mica_says_that_b_stays_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("model.safetensors"), &BERT);
    let out = folder.path().join("out");
    report(&base, &out, &["--init", "mica"]);
    let config = std::fs::read_to_string(out.join("adapter_config.json")).unwrap();
    assert!(config.contains("\"init_lora_weights\": \"mica\""));
}

#[test]
fn what_cannot_be_adapted_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("model.safetensors"), &BERT);
    refused(
        &base,
        &["--target", "*.quary"],
        "--target \"*.quary\" matches no tensor",
    );
    refused(
        &base,
        &["--target", "*.query*"],
        "query.bias has shape [12]; only matrices",
    );
    refused(&base, &["--target", "*word*"], "is a table of embeddings");
    refused(
        &base,
        &["-r", "13"],
        "rank 13 does not fit a 12 x 12 matrix; choose at most 12",
    );
    refused(&base, &["-r", "0"], "the rank is 0");
    refused(&base, &["--alpha", "0"], "alpha is 0");
    refused(
        &base,
        &["--init", "orthogonal", "-r", "3"],
        "an even rank, not 3",
    );
    refused(&base, &["--init", "pisa"], "did you mean \"pissa\"?");
    refused(&folder.path().join("absent"), &[], "absent");

    let bad = folder.path().join("bad.safetensors");
    let infos = vec![TensorInfo::new("attn.q_proj.weight", DType::F32, [2, 2]).unwrap()];
    let writer =
        SafetensorsWriter::create(&bad, Tensors::new(infos).unwrap(), Metadata::new(), None)
            .unwrap();
    writer
        .write(0, 0, bytemuck::cast_slice(&[1.0, f32::NAN, 0.0, 1.0]))
        .unwrap();
    writer.finish().unwrap();
    refused(
        &bad,
        &["-r", "1"],
        "\"attn.q_proj.weight\": element [0, 1] of the weight is NaN",
    );

    let shapes = folder.path().join("shapes.json");
    std::fs::write(
        &shapes,
        r#"{"a.q_proj.weight": {"dtype": "F32", "shape": [9, 9]}}"#,
    )
    .unwrap();
    refused(&shapes, &[], "shapes");
}

#[test]
fn the_base_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("base.safetensors"), &BERT);
    let before = std::fs::read(&base).unwrap();
    let mut command = semilla();
    command
        .arg("lora")
        .arg(&base)
        .args(["--init", "pissa", "-o"])
        .arg(folder.path());
    command
        .assert()
        .code(2)
        .stderr(predicate::str::contains("would take its place"));
    assert!(std::fs::read(&base).unwrap() == before);
}

#[test]
fn people_are_told_how_to_load() {
    let folder = tempfile::tempdir().unwrap();
    let base = file(&folder.path().join("model.safetensors"), &BERT);
    let mut command = semilla();
    command
        .arg("lora")
        .arg(&base)
        .args(["--init", "pissa", "-r", "2", "-o"])
        .arg(folder.path().join("out"));
    let said = command.assert().success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(
        said.contains("not to the one that was given") && said.contains("state_dict=load_file("),
        "{said}"
    );
    assert!(
        said.contains("2 adapters, 96 parameters, scaling 4"),
        "{said}"
    );
    semilla()
        .args(["lora", "--help"])
        .assert()
        .success()
        .stdout(predicate::str::contains("Examples:"));
}

#[test]
fn a_trained_adapter_is_merged_into_its_base() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let base = file(&at("base.safetensors"), &BERT);
    // The adapted model has the base inside of a module.
    let module = "bert.encoder.layer.0.attention.self.query";
    let [a, b] = ['A', 'B'].map(|of| format!("base_model.model.{module}.lora_{of}.weight"));
    let factors: [(&str, DType, &[usize]); 2] =
        [(&a, DType::F32, &[2, 12]), (&b, DType::F32, &[12, 2])];
    file(&at("adapter_model.safetensors"), &factors);
    let configured = |text: &str| std::fs::write(at("adapter_config.json"), text).unwrap();
    configured(r#"{"peft_type": "LORA", "lora_alpha": 6}"#);

    let (out, merge) = (
        at("out.safetensors"),
        ["--merge", folder.path().to_str().unwrap()],
    );
    let report = report(&base, &out, &merge);
    let query = "encoder.layer.0.attention.self.query.weight";
    let expected = json!({"tensor": query, "rank": 2, "scaling": 3.0, "dora": false});
    assert_eq!(report["merged"], json!([expected]));
    let sums = values(&base, query)
        .into_iter()
        .zip(adapter(folder.path(), module, 2, 3.0));
    for ((old, product), new) in sums.zip(values(&out, query)) {
        assert!(
            (new - old - product).abs() < 1e-5,
            "{old} + {product}, {new}"
        );
    }
    for (name, ..) in BERT.iter().filter(|(name, ..)| *name != query) {
        assert_eq!(bytes(&base, name), bytes(&out, name), "{name}");
    }

    refused(
        &base,
        &[&merge[..], &["--rank", "4"]].concat(),
        "cannot be used with",
    );
    configured(r#"{"peft_type": "IA3"}"#);
    refused(&base, &merge, "peft_type is \"IA3\"");
}
