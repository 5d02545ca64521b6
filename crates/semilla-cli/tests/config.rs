//! A config.json through the real binary: alone, beside weights, and wrong.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const GPT2: &str = r#"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 2,
    "n_embd": 16, "n_head": 2, "vocab_size": 40, "n_positions": 12}"#;

fn semilla(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    command.current_dir(folder).args(arguments);
    command
}

fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let done = semilla(folder, arguments).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).expect("UTF-8")
}

fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let done = semilla(folder, arguments).assert().code(2);
    String::from_utf8(done.get_output().stderr.clone()).expect("UTF-8")
}

fn plan(folder: &Path, arguments: &[&str]) -> Value {
    let all = [&["plan"], arguments, &["--json"]].concat();
    serde_json::from_str(&stdout(folder, &all)).expect("JSON")
}

fn line<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let lines = plan["tensors"].as_array().unwrap();
    lines.iter().find(|line| line["name"] == name).unwrap()
}

#[test]
fn a_configuration_alone_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("config.json"), GPT2).unwrap();
    let from_file = plan(here, &["config.json"]);
    assert_eq!(from_file, plan(here, &["."]));
    assert_eq!(from_file["recipe"], "transformers");
    let out = line(&from_file, "transformer.h.1.mlp.c_proj.weight");
    assert_eq!(out["std"], 0.01);
    assert_eq!(out["layout"], "IO");
    assert_eq!(out["reason"], "as GPT2LMHeadModel of transformers starts");
    let other = plan(here, &["config.json", "--recipe", "auto"]);
    assert_eq!(other["recipe"], "auto");

    semilla(here, &["init", "config.json", "-o", "model.safetensors"])
        .assert()
        .success();
    let bytes = std::fs::read(here.join("model.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&bytes[..400]).contains("\"format\":\"pt\""));
    // Beside the weights now, it says what they are.
    let again = plan(here, &["model.safetensors", "--recipe", "transformers"]);
    assert_eq!(again["tensors"].as_array().unwrap().len(), 28);
    assert!(
        refusal(here, &["init", "config.json", "-o", "config.json"]).contains("is read by this")
    );
}

#[test]
fn beside_weights_it_states_what_names_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // Square, so that no shape tells how Conv1D stores it.
    let shapes = r#"{"h.0.attn.c_proj.weight": {"dtype": "F32", "shape": [16, 16]},
        "wpe.weight": {"dtype": "F32", "shape": [99, 16]}, "extra.weight": {"dtype": "F32", "shape": [4, 3]},
        "extra.bias": {"dtype": "F32", "shape": [4]}}"#;
    std::fs::write(here.join("shapes.json"), shapes).unwrap();
    semilla(here, &["init", "shapes.json", "-o", "model.safetensors"])
        .assert()
        .success();
    let alone = plan(here, &["model.safetensors"]);
    let name = "h.0.attn.c_proj.weight";
    assert!(
        line(&alone, name)["reason"]
            .as_str()
            .unwrap()
            .contains("inferred")
    );

    std::fs::write(here.join("config.json"), GPT2).unwrap();
    let known = plan(here, &["model.safetensors"]);
    assert!(
        !line(&known, name)["reason"]
            .as_str()
            .unwrap()
            .contains("inferred")
    );
    assert_eq!(line(&known, name)["layout"], "IO");
    assert_eq!(line(&known, "extra.weight")["role"], "linear");
    let table = stdout(here, &["plan", "model.safetensors"]);
    assert!(
        table.contains("wpe.weight is [99, 16], not [12, 16]"),
        "{table}"
    );
    let message = refusal(
        here,
        &["plan", "model.safetensors", "--recipe", "transformers"],
    );
    assert!(
        message.contains("describes no such tensors: extra.bias [4]"),
        "{message}"
    );

    std::fs::rename(here.join("config.json"), here.join("other.json")).unwrap();
    let stated = plan(here, &["model.safetensors", "--config", "other.json"]);
    assert_eq!(stated["tensors"], known["tensors"]);
    let needed = refusal(
        here,
        &["plan", "model.safetensors", "--recipe", "transformers"],
    );
    assert!(needed.contains("--config"), "{needed}");
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let refused = |json: &str| {
        std::fs::write(here.join("config.json"), json).unwrap();
        refusal(here, &["plan", "config.json"])
    };
    let unknown = refused(r#"{"model_type": "gtp2"}"#);
    assert!(unknown.contains("did you mean \"gpt2\"?"), "{unknown}");
    let huge = refused(&GPT2.replace("\"n_layer\": 2", "\"n_layer\": 1000000000"));
    assert!(huge.contains("more than the limit"), "{huge}");
    let wrong = refused(&GPT2.replace("16", "\"wide\""));
    assert!(wrong.contains("n_embd"), "{wrong}");
    let tokenizer = refused(r#"{"tokenizer_class": "GPT2Tokenizer"}"#);
    assert!(
        tokenizer.contains("this is a JSON configuration"),
        "{tokenizer}"
    );
    // Weights beside a configuration that is not described are planned by their names.
    semilla(here, &["init", "mlp:4-4-2", "-o", "model.safetensors"])
        .assert()
        .success();
    std::fs::write(here.join("config.json"), r#"{"model_type": "new"}"#).unwrap();
    let table = stdout(here, &["plan", "model.safetensors"]);
    assert!(table.contains("config.json says nothing here"), "{table}");
    let stated = refusal(
        here,
        &["plan", "model.safetensors", "--config", "config.json"],
    );
    assert!(
        stated.contains("model_type \"new\" is not described"),
        "{stated}"
    );
}
