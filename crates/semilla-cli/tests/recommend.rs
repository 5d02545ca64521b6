//! `semilla recommend`, and the remedies of `semilla check`, through the real binary.

mod common;

use serde_json::Value;

/// Runs the command; answers its exit code and all that it says.
fn run(arguments: &[&str]) -> (i32, String) {
    let (code, out, error) = common::run(arguments);
    (code, out + &error)
}

fn json(arguments: &[&str]) -> Value {
    common::json(arguments).1
}

fn deep(activation: &str) -> String {
    format!("mlp:{}10:{activation}", "24-".repeat(25))
}

#[test]
fn the_advice_is_a_recipe_that_gives_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (recipe, model) = (path("start.toml"), deep("gelu"));
    let found = json(&["recommend", &model, "--seeds", "2", "-o", &recipe]);
    assert_eq!(found["ranked"][0]["name"], "auto", "{}", found["sentence"]);
    assert_eq!(found["ranked"][0]["options"], "--recipe auto");
    let names: Vec<&str> = found["ranked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"pytorch") && names.contains(&"He"),
        "{names:?}"
    );
    let text = std::fs::read_to_string(&recipe).unwrap();
    assert_eq!(Value::from(text), found["recipe"]);
    let (own, auto) = (path("own.safetensors"), path("auto.safetensors"));
    assert_eq!(run(&["init", &model, "--recipe", &recipe, "-o", &own]).0, 0);
    assert_eq!(run(&["init", &model, "--recipe", "auto", "-o", &auto]).0, 0);
    assert_eq!(run(&["diff", &own, &auto]).0, 0, "the same values");
}

#[test]
fn shallow_networks_have_no_single_best() {
    let (code, out) = run(&["recommend", "mlp:16-32-32-4:relu"]);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("no difference from it is expected of"),
        "{out}"
    );
    assert!(out.contains("[[rule]]"), "the recipe follows: {out}");
}

#[test]
fn a_check_that_fails_ends_with_a_remedy() {
    let model = deep("sigmoid");
    let failed = json(&["check", &model, "--scheme", "xavier_normal", "--seeds", "1"]);
    assert_eq!(failed["verdict"]["passes"], false);
    let remedy = &failed["remedy"];
    assert_eq!(remedy["options"], "--recipe auto", "{remedy}");
    assert!(
        remedy["recipe"].as_str().unwrap().contains("centred"),
        "{remedy}"
    );
    let (code, out) = run(&["check", &model, "--scheme", "xavier_normal", "--seeds", "1"]);
    assert_eq!(code, 1, "{out}");
    let command = format!("semilla init {model} --recipe auto -o weights.safetensors");
    assert!(
        out.contains("remedy: auto") && out.contains(&command),
        "{out}"
    );
    let passed = json(&["check", &model, "--seeds", "1"]);
    assert_eq!(passed["verdict"]["passes"], true, "{}", passed["verdict"]);
    assert_eq!(passed["remedy"], Value::Null);
}

#[test]
fn the_model_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net.toml");
    let (_, text) = run(&["networks", "mlp"]);
    std::fs::write(&net, &text).unwrap();
    let net_path = net.to_str().unwrap();
    let (code, out) = run(&["recommend", net_path, "-o", net_path]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("is read by this command"), "{out}");
    assert_eq!(std::fs::read_to_string(&net).unwrap(), text);
}

#[test]
fn what_does_not_run_is_refused() {
    for (arguments, said) in [
        (vec!["recommend"], "<MODEL>"),
        (
            vec!["recommend", "mlp:8-4-2", "--data", "none.npy"],
            "none.npy",
        ),
    ] {
        let (code, out) = run(&arguments);
        assert_eq!(code, 2, "{out}");
        assert!(out.contains(said), "{out}");
    }
}
