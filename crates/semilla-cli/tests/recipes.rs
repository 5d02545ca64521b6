//! Recipes through the real binary: listed, printed, extended, and held to what is known.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;

fn semilla(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    command.current_dir(folder).args(arguments);
    command
}

fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let output = semilla(folder, arguments)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    String::from_utf8(output).expect("UTF-8")
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, arguments)).expect("JSON")
}

fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let output = semilla(folder, arguments)
        .assert()
        .code(2)
        .get_output()
        .stderr
        .clone();
    String::from_utf8(output).expect("UTF-8")
}

#[test]
fn every_recipe_is_listed_and_what_is_printed_plans_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let table = stdout(here, &["recipes"]);
    let listed = json(here, &["recipes", "--json"]);
    let listed = listed.as_array().unwrap();
    assert!(listed.len() > 15);
    for entry in listed {
        let name = entry["name"].as_str().unwrap();
        assert!(!entry["source"].as_str().unwrap().is_empty());
        assert!(table.contains(&format!("\n{name} ")), "{name}");
        if ["auto", "transformers"].contains(&name) {
            continue;
        }
        let printed = stdout(here, &["recipes", name]);
        assert_eq!(json(here, &["recipes", name, "--json"])["toml"], *printed);
        std::fs::write(here.join("mine.toml"), printed).unwrap();
        let plan = |recipe| {
            json(
                here,
                &["plan", "transformer:2x64:100", "--recipe", recipe, "--json"],
            )
        };
        assert_eq!(plan(name), plan("mine.toml"), "{name}");
    }
    semilla(here, &["recipes", "gtp2"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("gpt2"));
}

#[test]
fn auto_is_a_table_by_role() {
    let folder = tempfile::tempdir().unwrap();
    let code = stdout(folder.path(), &["recipes", "transformers"]);
    assert!(code.contains("config.json"), "{code}");
    let table = stdout(folder.path(), &["recipes", "auto"]);
    assert!(table.starts_with("auto is code, not TOML"), "{table}");
    let rows = json(folder.path(), &["recipes", "auto", "--json"]);
    let rows = rows.as_array().unwrap();
    let norm = rows
        .iter()
        .find(|row| row["role"] == "norm_weight")
        .unwrap();
    assert_eq!(norm["init"], "ones");
    assert_eq!(norm.get("when"), None);
}

#[test]
fn files_extend_files_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::create_dir(here.join("shared")).unwrap();
    std::fs::write(
        here.join("shared/base.toml"),
        "name = \"base\"\nextends = \"house.toml\"\n",
    )
    .unwrap();
    std::fs::write(
        here.join("shared/house.toml"),
        "name = \"house\"\nextends = \"gpt2\"\n",
    )
    .unwrap();
    let mine = "name = \"mine\"\nextends = \"shared/base.toml\"\n\
                [[rule]]\nrole = \"head\"\ninit = \"zeros\"\n";
    std::fs::write(here.join("mine.toml"), mine).unwrap();
    let arguments = ["plan", "transformer:2x64:100", "--json", "--recipe"];
    let plan = |recipe| json(here, &[&arguments[..], &[recipe]].concat());
    let (mine, gpt2) = (plan("mine.toml"), plan("gpt2"));
    assert_eq!(mine["recipe"], "mine");
    let pairs = mine["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .zip(gpt2["tensors"].as_array().unwrap());
    for (mine, theirs) in pairs {
        match mine["role"].as_str() {
            Some("head") => assert_eq!(mine["initializer"], "zeros"),
            _ => assert_eq!(mine, theirs),
        }
    }
    std::fs::write(
        here.join("shared/house.toml"),
        "name = \"house\"\nextends = \"../mine.toml\"\n",
    )
    .unwrap();
    let ring = refusal(here, &["plan", "mlp:3-2", "--recipe", "mine.toml"]);
    assert!(ring.contains("extend one another in a ring"), "{ring}");
    std::fs::remove_file(here.join("shared/house.toml")).unwrap();
    let lost = refusal(here, &["plan", "mlp:3-2", "--recipe", "mine.toml"]);
    assert!(
        lost.contains("cannot open \"house.toml\", which the recipe extends"),
        "{lost}"
    );
}

#[test]
fn strict_lists_what_is_inferred_and_the_rules_that_state_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let shapes = r#"{"net.0.weight": {"dtype": "F32", "shape": [8, 4]},
                     "net.0.bias": {"dtype": "F32", "shape": [8]},
                     "net.1.weight": {"dtype": "F32", "shape": [1]}}"#;
    std::fs::write(here.join("model.json"), shapes).unwrap();
    for command in [&["plan"][..], &["init", "-o", "out.safetensors"]] {
        let arguments = [command, &["model.json", "--strict"]].concat();
        let error = refusal(here, &arguments);
        assert!(error.contains("strict: 1 tensors"), "{error}");
        assert!(
            error.contains("net.1.weight [1] (one weight without a bias"),
            "{error}"
        );
        assert!(error.contains("set = { role = \"slope\" }"), "{error}");
    }
    assert!(!here.join("out.safetensors").exists());
    let stated = "name = \"mine\"\nextends = \"auto\"\n[[rule]]\nmatch = \"net.1.weight\"\n\
                  set = { role = \"slope\" }\ninit = \"constant(value=0.25)\"\n";
    std::fs::write(here.join("mine.toml"), stated).unwrap();
    let plan = stdout(
        here,
        &["plan", "model.json", "--strict", "--recipe", "mine.toml"],
    );
    assert!(!plan.contains("inferred"), "{plan}");
}

#[test]
fn what_no_rule_matches_is_answered_with_all_remedies() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let shapes = r#"{"odd": {"dtype": "F32", "shape": [8, 4]}}"#;
    std::fs::write(here.join("model.json"), shapes).unwrap();
    let error = refusal(here, &["plan", "model.json", "--recipe", "gpt2"]);
    for remedy in [
        "set = { role = ",
        "init = \"keep\"",
        "unmatched = ",
        "--recipe auto",
        "match = \"odd\"",
    ] {
        assert!(error.contains(remedy), "{remedy}: {error}");
    }
    let error = refusal(here, &["plan", "model.json"]);
    assert!(
        error.contains("extends = \"auto\"") && !error.contains("--recipe auto"),
        "{error}"
    );
}
