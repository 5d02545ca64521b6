//! The command through its real binary.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

fn semilla() -> Command {
    Command::cargo_bin("semilla").expect("the binary is built")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn stdout(command: &mut Command) -> String {
    let output = command.assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("UTF-8")
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&stdout(command)).expect("JSON")
}

/// The files that a folder holds, hidden ones too.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn init(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    semilla()
        .arg("init")
        .args(arguments)
        .arg("-o")
        .arg(&path)
        .assert()
        .success();
    path
}

#[test]
fn help_teaches_by_examples() {
    for command in [
        "init",
        "plan",
        "inspect",
        "diff",
        "lora",
        "recipes",
        "completions",
    ] {
        semilla()
            .args([command, "--help"])
            .assert()
            .success()
            .stdout(predicate::str::contains("Example"));
    }
    semilla().assert().code(2);
    semilla().args(["completions", "bash"]).assert().success();
    insta::assert_snapshot!(stdout(semilla().arg("--help")));
}

#[test]
fn init_says_what_it_did() {
    let folder = folder();
    let table = stdout(
        semilla()
            .args(["init", "mlp:784-256-10:relu", "-o"])
            .arg(folder.path().join("out.safetensors")),
    );
    let tail = table.lines().last().unwrap();
    assert!(
        tail.starts_with("wrote ") && tail.contains("814,120 bytes"),
        "{tail}"
    );
    insta::assert_snapshot!(table.lines().take(5).collect::<Vec<_>>().join("\n"));
    assert_eq!(files(folder.path()), ["out.safetensors"]);
}

#[test]
fn plans_are_snapshots_and_replay() {
    insta::assert_snapshot!(stdout(semilla().args([
        "plan",
        "transformer:1x64:100",
        "--recipe",
        "gpt2",
        "--seed",
        "7"
    ])));
    insta::assert_snapshot!(stdout(semilla().args([
        "plan",
        "mlp:3-2:tanh",
        "--scheme",
        "orthogonal",
        "--json"
    ])));

    let folder = folder();
    let plan = folder.path().join("plan.json");
    let arguments = [
        "lstm:6-5:3",
        "--recipe",
        "auto",
        "--seed",
        "9",
        "--dtype",
        "bf16",
    ];
    let text = stdout(semilla().arg("plan").args(arguments).arg("--json"));
    std::fs::write(&plan, text).unwrap();
    let made = init(folder.path(), "made.safetensors", &arguments);
    let replayed = init(
        folder.path(),
        "again.safetensors",
        &["--plan", plan.to_str().unwrap()],
    );
    assert!(std::fs::read(made).unwrap() == std::fs::read(replayed).unwrap());
}

#[test]
fn a_plan_of_another_version_is_refused() {
    let folder = folder();
    let path = folder.path().join("plan.json");
    let text = stdout(semilla().args(["plan", "mlp:3-2", "--json"]));
    std::fs::write(&path, text.replace("\"stream\": 1", "\"stream\": 2")).unwrap();
    semilla()
        .args(["plan", "--plan"])
        .arg(&path)
        .assert()
        .code(2)
        .stderr(predicate::str::contains(
            "stream is version 2, this Semilla reads 1",
        ));
}

#[test]
fn seeds_threads_and_ranks() {
    let folder = folder();
    let spec = "transformer:1x64:500";
    let one = init(folder.path(), "one.safetensors", &[spec, "--threads", "1"]);
    let three = init(
        folder.path(),
        "three.safetensors",
        &[spec, "--threads", "3"],
    );
    assert!(std::fs::read(&one).unwrap() == std::fs::read(three).unwrap());
    let other = init(folder.path(), "other.safetensors", &[spec, "--seed", "1"]);
    semilla().arg("diff").arg(&one).arg(other).assert().code(1);

    // A tensor's values do not depend on what else is in the model.
    let larger = init(
        folder.path(),
        "larger.safetensors",
        &["transformer:2x64:500", "--scheme", "xavier_normal"],
    );
    let smaller = init(
        folder.path(),
        "smaller.safetensors",
        &[spec, "--scheme", "xavier_normal"],
    );
    let report = json_of_diff(&smaller, &larger);
    let changes = report["changes"].as_array().unwrap();
    assert!(
        changes.iter().all(|change| change["change"] == "added"),
        "{report}"
    );
    assert_eq!(report["same"], 17);

    let rank = init(folder.path(), "rank.safetensors", &[spec, "--shard", "1/2"]);
    let inspected = json(semilla().arg("inspect").arg(rank).arg("--json"));
    assert_eq!(inspected["tensors"][0]["shape"][0], 32);
}

fn json_of_diff(a: &Path, b: &Path) -> Value {
    let output = semilla()
        .arg("diff")
        .arg(a)
        .arg(b)
        .arg("--json")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn shards_have_an_index_and_hold_the_same() {
    let folder = folder();
    let spec = "mlp:300-200-100-10";
    let whole = init(folder.path(), "whole.safetensors", &[spec]);
    let shards = folder.path().join("shards");
    std::fs::create_dir(&shards).unwrap();
    init(
        &shards,
        "model.safetensors",
        &[spec, "--max-shard-size", "100KB"],
    );
    let names = files(&shards);
    assert!(
        names.contains(&"model.safetensors.index.json".to_owned()),
        "{names:?}"
    );
    assert!(names.len() > 2);
    semilla()
        .arg("diff")
        .arg(&whole)
        .arg(&shards)
        .assert()
        .success();
    semilla().arg("inspect").arg(&shards).assert().success();
}

#[test]
fn inspect_recognizes_and_diff_tells() {
    let folder = folder();
    let made = init(
        folder.path(),
        "a.safetensors",
        &["mlp:64-256-64:relu", "--recipe", "pytorch"],
    );
    insta::assert_snapshot!(stdout(semilla().arg("inspect").arg(&made)));
    let report = json(semilla().arg("inspect").arg(&made).arg("--json"));
    for tensor in report["tensors"].as_array().unwrap() {
        let name = tensor["consistent_with"]["name"].as_str().unwrap();
        assert!(name.contains("PyTorch default"), "{tensor}");
    }
    semilla()
        .arg("diff")
        .arg(&made)
        .arg(&made)
        .assert()
        .success();

    // The same model from its own file, keeping one tensor: one change less.
    let recipe = folder.path().join("keep.toml");
    std::fs::write(
        &recipe,
        "name = \"keep\"\n[[rule]]\nmatch = \"layers.0.weight\"\ninit = \"keep\"\n\
         [[rule]]\nmatch = \"*\"\ninit = \"zeros\"\n",
    )
    .unwrap();
    let kept = init(
        folder.path(),
        "kept.safetensors",
        &[made.to_str().unwrap(), "--recipe", recipe.to_str().unwrap()],
    );
    let report = json_of_diff(&made, &kept);
    assert_eq!(
        (
            report["same"].as_u64(),
            report["changes"].as_array().unwrap().len()
        ),
        (Some(1), 3)
    );
}

#[test]
fn manifests_are_models() {
    let folder = folder();
    let shapes = folder.path().join("shapes.json");
    std::fs::write(
        &shapes,
        r#"{"fc.weight": {"dtype": "BF16", "shape": [8, 4]}}"#,
    )
    .unwrap();
    let made = init(
        folder.path(),
        "out.safetensors",
        &[shapes.to_str().unwrap()],
    );
    semilla()
        .arg("diff")
        .arg(&shapes)
        .arg(&made)
        .assert()
        .success();
    // Nothing to keep in a list of shapes.
    let recipe = folder.path().join("keep.toml");
    std::fs::write(
        &recipe,
        "name = \"k\"\n[[rule]]\nmatch = \"*\"\ninit = \"keep\"\n",
    )
    .unwrap();
    semilla()
        .arg("init")
        .arg(&shapes)
        .arg("--recipe")
        .arg(&recipe)
        .arg("-o")
        .arg(folder.path().join("no.safetensors"))
        .assert()
        .code(2)
        .stderr(predicate::str::contains("error:"));
    assert!(!files(folder.path()).contains(&"no.safetensors".to_owned()));
}

#[test]
fn mistakes_get_one_clear_sentence_and_code_2() {
    let folder = folder();
    let out = folder.path().join("out.safetensors");
    let out = out.to_str().unwrap();
    let truncated = folder.path().join("truncated.safetensors");
    std::fs::write(&truncated, 1000u64.to_le_bytes()).unwrap();
    let truncated = truncated.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (
            &["init", "nothing.safetensors", "-o", out],
            "neither a file nor a network",
        ),
        (&["init", "mpl:3-2", "-o", out], "did you mean \"mlp\"?"),
        (
            &["init", "mlp:3-2", "-o", out, "--recipe", "lama"],
            "did you mean \"llama\"?",
        ),
        (
            &["init", "mlp:3-2", "-o", out, "--scheme", "kaimig_normal"],
            "did you mean \"kaiming_normal\"?",
        ),
        (
            &["init", "mlp:3-2", "-o", out, "--dtype", "f31"],
            "unknown dtype",
        ),
        (
            &["init", "mlp:3-2", "-o", out, "--dtype", "i64"],
            "integer type",
        ),
        (
            &["init", "mlp:3-2", "-o", out, "--shard", "3/2"],
            "not a rank",
        ),
        (
            &["init", "mlp:3-2", "-o", "/nonexistent/x.safetensors"],
            "folder does not exist",
        ),
        (&["init", "mlp:3-2", "-o", "/proc/x.safetensors"], "cannot"),
        (&["init", "mlp:3-2"], "--output"),
        (&["init", truncated, "-o", out], "truncated"),
        (&["inspect", truncated], "truncated"),
        (
            &["plan", "mlp:3-2", "--recipe", "no.toml"],
            "cannot read no.toml",
        ),
        (&["plan", "--plan", truncated], "cannot read"),
        (
            &["plan", "mlp:3-2:relu", "--scheme", "delta_orthogonal"],
            "convolution",
        ),
    ];
    for (arguments, message) in cases {
        semilla()
            .args(*arguments)
            .assert()
            .code(2)
            .stderr(predicate::str::contains(*message))
            .stdout(predicate::str::is_empty());
    }
    assert_eq!(files(folder.path()), ["truncated.safetensors"]);
}

#[test]
fn colours_stay_out_of_pipes() {
    for no_color in [None, Some("1")] {
        let mut command = semilla();
        command.args(["plan", "mlp:3-2"]);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        assert!(!stdout(&mut command).contains('\u{1b}'));
    }
}

#[cfg(unix)]
#[test]
fn a_killed_run_leaves_no_file_under_the_final_name() {
    let folder = folder();
    let shapes = folder.path().join("shapes.json");
    std::fs::write(
        &shapes,
        r#"{"w": {"dtype": "F32", "shape": [40000, 10000]}}"#,
    )
    .unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("semilla"))
        .args(["init", shapes.to_str().unwrap(), "--scheme", "normal", "-o"])
        .arg(folder.path().join("out.safetensors"))
        .spawn()
        .unwrap();
    let partial = || {
        files(folder.path())
            .iter()
            .any(|name| name.ends_with(".partial"))
    };
    for _ in 0..2000 {
        if partial() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        partial(),
        "killed while writing: {:?}",
        files(folder.path())
    );
    assert!(!files(folder.path()).contains(&"out.safetensors".to_owned()));
}
