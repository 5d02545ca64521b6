use super::finding::{Finding, Rule, Severity};
use super::rules::lint;
use crate::graph::{Graph, Node};
use crate::init::{self, Initializer};
use crate::model::{Convention, Model, Role, Spec, Tensor};
use crate::{DType, Plan, Recipe};

fn model(spec: &str) -> Model {
    Spec::parse(spec).unwrap()
}

fn of(model: &Model, recipe: &Recipe) -> Vec<Finding> {
    lint(&recipe.plan(model, 0).unwrap(), model, None)
}

fn of_scheme(spec: &str, initializer: impl Into<Initializer>) -> Vec<Finding> {
    of(&model(spec), &Recipe::scheme(initializer))
}

/// What `auto` plans, with other initializers for some tensors.
fn edited<const N: usize>(model: &Model, edits: [(&str, Initializer); N]) -> Vec<Finding> {
    let mut plan: Plan = Recipe::auto().plan(model, 0).unwrap();
    for (name, initializer) in edits {
        plan.set(model, name, initializer).unwrap();
    }
    lint(&plan, model, None)
}

#[track_caller]
fn only(found: &[Finding], rule: Rule, severity: Severity) -> Finding {
    let [one] = found else { panic!("{found:#?}") };
    assert_eq!((one.rule, one.severity), (rule, severity), "{one:#?}");
    one.clone()
}

fn built_in() -> impl Iterator<Item = Recipe> {
    let names = Recipe::NAMES.iter();
    names.filter_map(|name| Recipe::named(name).ok())
}

const ZOO: [&str; 8] = [
    "mlp:784-256-256-10:relu",
    "mlp:64-64-64-64-64-64-64-64-10:tanh",
    "mlp:32-256-256-256-2:selu",
    "mlp:1-64-64-1:gelu",
    "conv:3-32-64-64:10:relu",
    "transformer:12x768:50257:gelu",
    "transformer:4x128:256:silu",
    "lstm:64-128:10",
];

#[test]
fn built_in_recipes_get_no_warnings_of_what_they_are_for() {
    for spec in ZOO {
        let model = model(spec);
        for recipe in built_in() {
            let Ok(plan) = recipe.plan(&model, 0) else {
                continue;
            };
            let mut found = lint(&plan, &model, None);
            // Theory's findings on plain stacks depend on the network: they are true of both.
            found.retain(|one| one.severity == Severity::Warning && one.rule != Rule::Depth);
            assert_eq!(found, [], "{spec} {}", plan.recipe);
        }
    }
}

#[test]
fn fans_that_ignore_groups() {
    let depthwise = Tensor::conv("dw.weight", [64, 1, 3, 3]).groups(64);
    let model = Model {
        tensors: vec![depthwise],
        ..Model::default()
    };
    let fan_out = "kaiming_normal(mode=fan_out)";
    let recipe = |fans: &str| -> Recipe {
        let text = format!(
            "name = \"own\"\nfans = \"{fans}\"\n[[rule]]\nmatch = \"*\"\n\
             init = {{ kaiming_normal = {{ mode = \"fan_out\" }} }}\nreason = \"{fan_out}\""
        );
        Recipe::from_toml(&text).unwrap()
    };
    let found = only(
        &of(&model, &recipe("pytorch")),
        Rule::Fans,
        Severity::Warning,
    );
    // PyTorch's fan_out is 64·9 where each channel feeds one: √64 too small.
    assert!(found.reason.contains("64 groups"), "{}", found.reason);
    assert!(found.reason.contains("0.125"), "{}", found.reason);
    assert_eq!(of(&model, &recipe("exact")), []);
}

#[test]
fn bounds_that_cut_nothing_or_too_much() {
    let absolute = init::trunc_normal().std(0.02).units(init::Bounds::Absolute);
    let found = of_scheme("mlp:8-8-8:relu", absolute);
    let found = only(&found, Rule::Truncation, Severity::Note);
    assert!(
        found.reason.contains("100 standard deviations"),
        "{}",
        found.reason
    );
    assert_eq!(found.tensors.len(), 2);
    let narrow = init::trunc_normal().std(0.3).a(-0.5).b(0.5);
    let found = of_scheme("mlp:8-8-8:relu", narrow);
    only(&found, Rule::Truncation, Severity::Warning);
    assert_eq!(
        of_scheme("mlp:8-8-8:relu", init::trunc_normal().std(0.3)),
        []
    );
}

#[test]
fn depth_scaling_once_is_enough() {
    let model = model("transformer:12x64:256:gelu");
    let plain = init::normal().std(0.02);
    let with = |std: f64| {
        let mut plan = Recipe::scheme(plain.clone()).plan(&model, 0).unwrap();
        for layer in 0..12 {
            let name = format!("blocks.{layer}.mlp.fc2.weight");
            plan.set(&model, &name, init::normal().std(std)).unwrap();
        }
        lint(&plan, &model, None)
    };
    assert_eq!(with(0.02 / 24f64.sqrt()), []);
    let found = only(&with(0.02 / 24.0), Rule::DepthScale, Severity::Warning);
    assert_eq!(found.tensors.len(), 12);
    assert!(
        found.reason.contains("4.899 times too small"),
        "{}",
        found.reason
    );
}

#[test]
fn torchtitans_scale_of_the_up_projection_is_noted() {
    let names = ["gate_proj", "up_proj", "down_proj"];
    let tensors = (0..4).flat_map(|layer| {
        names.map(|name| {
            let shape = match name {
                "down_proj" => [64, 256],
                _ => [256, 64],
            };
            let name = format!("model.layers.{layer}.mlp.{name}.weight");
            (name, shape.to_vec(), DType::F32)
        })
    });
    let model = Model::infer(tensors, Convention::Pytorch);
    let found = of(&model, &Recipe::named("llama").unwrap());
    let found = only(&found, Rule::DepthScale, Severity::Note);
    assert_eq!(found.tensors.len(), 4);
    assert_eq!(of(&model, &Recipe::named("llama-hf").unwrap()), []);
}

#[test]
fn heads_with_large_logits() {
    let model = model("transformer:2x768:50257:gelu");
    let found = edited(
        &model,
        [
            ("wte.weight", init::normal().into()),
            ("lm_head.weight", init::normal().into()),
        ],
    );
    let found = only(&found, Rule::Logits, Severity::Warning);
    assert_eq!(found.tensors, ["lm_head.weight"]);
    // √768 · √(2 ln 50257).
    assert!(found.reason.contains("near 130"), "{}", found.reason);
}

#[test]
fn units_that_start_equal() {
    let spec = "mlp:8-16-16-4:relu";
    let found = of_scheme(spec, init::constant().value(0.1));
    let found = only(&found, Rule::Symmetry, Severity::Warning);
    assert_eq!(found.tensors, ["layers.0.weight", "layers.1.weight"]);
    // Random biases tell them apart.
    let model = model(spec);
    let hidden = init::constant().value(0.1);
    let apart = [
        ("layers.0.weight", hidden.into()),
        ("layers.0.bias", init::uniform().low(-0.1).high(0.1).into()),
    ];
    assert_eq!(edited(&model, apart), []);
    let zero = edited(&model, [("layers.1.weight", init::zeros().into())]);
    only(&zero, Rule::Symmetry, Severity::Warning);
}

#[test]
fn zeros_on_both_sides_of_a_product() {
    let zeros = || Initializer::from(init::zeros());
    let tensors = ["lora_A", "lora_B"].map(|part| {
        let name = format!("layers.0.q_proj.{part}.weight");
        let role = match part {
            "lora_A" => Role::AdapterIn,
            _ => Role::AdapterOut,
        };
        Tensor::linear(name, 8, 8).role(role)
    });
    let model = Model {
        tensors: tensors.to_vec(),
        ..Model::default()
    };
    let both = edited(&model, [("layers.0.q_proj.lora_A.weight", zeros())]);
    let both = only(&both, Rule::ZeroProduct, Severity::Warning);
    assert_eq!(both.tensors.len(), 2);
    assert_eq!(of(&model, &Recipe::auto()), []);
    let block = self::model("transformer:2x64:100:gelu");
    let norm = edited(&block, [("blocks.0.ln_1.weight", zeros())]);
    only(&norm, Rule::NormScale, Severity::Warning);
    let mlp = edited(
        &block,
        [
            ("blocks.1.mlp.fc1.weight", zeros()),
            ("blocks.1.mlp.fc2.weight", zeros()),
        ],
    );
    let mlp = only(&mlp, Rule::ZeroProduct, Severity::Warning);
    assert_eq!(mlp.tensors.len(), 2);
    // The end of a branch alone is fine.
    assert_eq!(edited(&block, [("blocks.1.mlp.fc2.weight", zeros())]), []);
}

#[test]
fn activations_that_weights_do_not_suit() {
    let he = || Recipe::scheme(init::kaiming_normal());
    let selu = of(&model("mlp:64-64-64-10:selu"), &he());
    only(&selu, Rule::Selu, Severity::Note);
    let lecun = Recipe::scheme(init::lecun_normal());
    assert_eq!(of(&model("mlp:64-64-64-10:selu"), &lecun), []);
    let large = of_scheme("mlp:64-64-64-10:tanh", init::normal().std(1.0));
    assert!(
        large.iter().any(|one| one.rule == Rule::Saturation),
        "{large:#?}"
    );
    assert_eq!(of(&model("mlp:64-64-64-10:tanh"), &he()), []);
    let sizes = vec!["64"; 40].join("-");
    let deep = of_scheme(&format!("mlp:{sizes}-10:sigmoid"), init::xavier_uniform());
    let deep = only(&deep, Rule::Depth, Severity::Warning);
    assert!(
        deep.reason.starts_with("squared gradients"),
        "{}",
        deep.reason
    );
}

#[test]
fn values_that_round_to_0() {
    let tensor = |dtype| Tensor::linear("fc.weight", 8, 8).dtype(dtype);
    let found = |dtype, std| {
        let model = Model {
            tensors: vec![tensor(dtype)],
            ..Model::default()
        };
        of(&model, &Recipe::scheme(init::normal().std(std)))
    };
    only(&found(DType::F8E4M3, 0.02), Rule::Precision, Severity::Note);
    only(
        &found(DType::F8E4M3, 0.002),
        Rule::Precision,
        Severity::Warning,
    );
    only(&found(DType::F16, 1e-7), Rule::Precision, Severity::Warning);
    assert_eq!(found(DType::BF16, 1e-7), []);
    assert_eq!(found(DType::F16, 1e-4), []);
}

#[test]
fn embeddings_biases_and_what_is_kept() {
    let xavier = "name = \"own\"\nextends = \"auto\"\nfans = \"pytorch\"\n[[rule]]\n\
                  role = \"embedding\"\ninit = \"xavier_uniform\"\nreason = \"mine\"";
    let model = model("transformer:2x64:1000:gelu");
    let found = of(&model, &Recipe::from_toml(xavier).unwrap());
    let found: Vec<Finding> = (found.into_iter())
        .filter(|one| one.rule == Rule::Embedding)
        .collect();
    let found = only(&found, Rule::Embedding, Severity::Note);
    assert!(found.reason.contains("1000 words"), "{}", found.reason);
    let mlp = self::model("mlp:64-64-10:relu");
    let bias = edited(
        &mlp,
        [("layers.0.bias", init::constant().value(10.0).into())],
    );
    only(&bias, Rule::Bias, Severity::Note);
    let kept = "name = \"own\"\nunmatched = \"keep\"\n[[rule]]\nmatch = \"*.weight\"\n\
                init = \"kaiming_normal\"\nreason = \"mine\"";
    let kept = of(&mlp, &Recipe::from_toml(kept).unwrap());
    let kept = only(&kept, Rule::Kept, Severity::Warning);
    assert_eq!(kept.tensors, ["layers.0.bias", "layers.1.bias"]);
}

#[test]
fn dropout_behind_selu() {
    let mut graph = Graph::new();
    let nodes = &mut graph.bodies_mut()[0].nodes;
    nodes.push(Node::new("Selu", &["x"], &["y"]));
    nodes.push(Node::new("Dropout", &["y"], &["z"]));
    let model = model("mlp:64-64-10:selu");
    let plan = Recipe::auto().plan(&model, 0).unwrap();
    let found = lint(&plan, &model, Some(&graph));
    only(&found, Rule::Dropout, Severity::Note);
}
