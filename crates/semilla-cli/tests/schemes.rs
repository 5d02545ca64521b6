//! What schemes ask beyond weights, and what is said of signals, through the real command.

use std::fs;

use assert_cmd::Command;
use serde_json::Value;

fn semilla(arguments: &[&str]) -> String {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    let output = command
        .args(arguments)
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    String::from_utf8(output).expect("UTF-8")
}

fn refused(arguments: &[&str]) -> String {
    let mut command = Command::cargo_bin("semilla").expect("the binary is built");
    let output = command
        .args(arguments)
        .assert()
        .failure()
        .get_output()
        .stderr
        .clone();
    String::from_utf8(output).expect("UTF-8")
}

/// The row of a table that starts with this name.
fn row<'a>(table: &'a str, name: &str) -> &'a str {
    let row = table.lines().find(|line| line.starts_with(name));
    row.unwrap_or_else(|| panic!("no {name} in {table}"))
}

#[test]
fn the_parts_of_a_fused_projection_are_shown() {
    let table = semilla(&["plan", "transformer:2x64:100", "--recipe", "deepnorm"]);
    let qkv = row(&table, "blocks.{0,1}.attn.qkv.weight");
    assert!(
        qkv.contains("query, key N(0, 0.125) | value N(0, 0.0625)"),
        "{qkv}"
    );
    assert!(
        qkv.contains("query, key: Xavier with gain 1; value: Xavier with gain β"),
        "{qkv}"
    );
    let asked = row(&table, "deepnorm asks: ");
    assert!(
        asked.contains("LayerNorm(α·x + branch(x)): 1.4142 for 2 layers"),
        "{asked}"
    );
    let unmet = row(&table, "deepnorm, condition not met: ");
    assert!(
        unmet.contains("looks pre-norm") && unmet.ends_with(": ln_f.weight"),
        "{unmet}"
    );
}

#[test]
fn factors_are_a_column_where_there_are_some() {
    let table = semilla(&["plan", "transformer:2x1024:100", "--recipe", "mup"]);
    assert!(table.lines().next().unwrap().contains("scaled by"));
    assert!(row(&table, "lm_head.weight").contains("output × 0.25, SGD's rate × 4"));
    let fc1 = row(&table, "blocks.{0,1}.mlp.fc1.weight");
    assert!(fc1.contains("Adam's rate × 0.25"), "{fc1}");
    assert!(
        table.contains("mup asks: scale attention's logits by 1/d"),
        "{table}"
    );
    let plain = semilla(&["plan", "transformer:2x1024:100", "--recipe", "gpt2"]);
    assert!(
        !plain.contains("scaled by") && !plain.contains("asks"),
        "{plain}"
    );
    let same = semilla(&["plan", "transformer:2x256:100", "--recipe", "mup"]);
    assert!(
        same.contains("base_width is the model's own width, 256"),
        "{same}"
    );
}

#[test]
fn json_has_what_the_table_says() {
    let text = semilla(&[
        "plan",
        "transformer:2x1024:100",
        "--recipe",
        "mup",
        "--json",
    ]);
    let plan: Value = serde_json::from_str(&text).unwrap();
    let line = |name: &str| {
        let mut lines = plan["tensors"].as_array().unwrap().iter();
        lines.find(|line| line["name"] == name).unwrap()
    };
    assert_eq!(line("blocks.0.attn.proj.weight")["lr"]["adam"], 0.25);
    assert_eq!(line("lm_head.weight")["multiplier"], 0.25);
    assert_eq!(
        line("blocks.0.attn.qkv.weight")["fused"]["parts"][2]["role"],
        "value"
    );
    assert_eq!(plan["scheme"]["asks"][1]["of"], "attention");
    let text = semilla(&[
        "plan",
        "transformer:2x64:100",
        "--recipe",
        "t-fixup",
        "--json",
    ]);
    let plan: Value = serde_json::from_str(&text).unwrap();
    let unmet = &plan["scheme"]["unmet"][0];
    assert_eq!(unmet["condition"], "no_normalizations");
    assert_eq!(unmet["tensors"].as_array().unwrap().len(), 5);
    // A plan with all of it is carried out as any other.
    let folder = tempfile::tempdir().unwrap();
    let [plan, out, again] = ["plan.json", "a.safetensors", "b.safetensors"]
        .map(|name| folder.path().join(name).display().to_string());
    fs::write(&plan, text).unwrap();
    semilla(&["init", "--plan", &plan, "-o", &out]);
    semilla(&[
        "init",
        "transformer:2x64:100",
        "--recipe",
        "t-fixup",
        "-o",
        &again,
    ]);
    assert!(fs::read(&out).unwrap() == fs::read(&again).unwrap());
}

#[test]
fn parts_without_a_place_are_refused_with_the_rule_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("neox.json");
    let block = "gpt_neox.layers.0";
    let shapes = [
        ("attention.query_key_value", [192, 64]),
        ("attention.dense", [64, 64]),
        ("mlp.dense_h_to_4h", [256, 64]),
        ("mlp.dense_4h_to_h", [64, 256]),
    ];
    let entries = shapes.map(|(name, shape)| {
        format!("\"{block}.{name}.weight\": {{\"dtype\": \"F32\", \"shape\": {shape:?}}}")
    });
    fs::write(&model, format!("{{{}}}", entries.join(", "))).unwrap();
    let model = model.display().to_string();
    let error = refused(&["plan", &model, "--recipe", "deepnorm"]);
    assert!(
        error.contains("where they lie in it is not known"),
        "{error}"
    );
    let rule = error.split("set = ").nth(1).unwrap();
    let stated = rule.split(", with the number of heads").next().unwrap();
    let recipe = folder.path().join("mine.toml");
    let text = format!(
        "name = \"mine\"\nextends = \"deepnorm\"\n[[rule]]\n\
         match = \"*.query_key_value.weight\"\nset = {stated}\n"
    );
    fs::write(&recipe, text.replace("turns = 1", "turns = 4")).unwrap();
    let recipe = recipe.display().to_string();
    let table = semilla(&["plan", &model, "--recipe", &recipe]);
    assert!(
        table.contains("value N(0, 0.074325), in 4 turns"),
        "{table}"
    );
}

#[test]
fn signals_are_told_in_numbers_and_of_plain_stacks_only() {
    let sizes = ["64"; 51].join("-");
    let model = format!("mlp:{sizes}-10:tanh");
    let exact = "variance_scaling(scale=1, activation=tanh)";
    let deep = semilla(&["plan", &model, "--scheme", exact]);
    let said = row(&deep, "layers.0.weight to layers.49.weight, 50 layers");
    assert!(
        said.contains("squared gradients grow 1,600-fold on the way back"),
        "{said}"
    );
    let small = semilla(&[
        "plan",
        "mlp:784-256-256-256-10:relu",
        "--scheme",
        "normal(std=0.01)",
    ]);
    assert!(
        small.contains("the variance of signals shrinks 6,100-fold"),
        "{small}"
    );
    for recipe in ["auto", "t-fixup", "deepnorm", "mup"] {
        let branches = semilla(&["plan", "transformer:2x64:100:gelu", "--recipe", recipe]);
        for word in ["dies", "stable", "χ₁", "signals"] {
            assert!(!branches.contains(word), "{recipe}: {word}");
        }
    }
}
