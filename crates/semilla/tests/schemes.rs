//! Schemes inside fused projections, and what they ask beyond weights.

use semilla::graph::{self, Graph, Node};
use semilla::model::{Convention, Evidence, Facts, Fused, Source, Spec, graph_facts};
use semilla::scheme::{Condition, Optimizer, Subject};
use semilla::{Activation, DType, Fill, Line, Model, Plan, Recipe, Role};

const D: usize = 64;

fn model(tensors: &[(&str, &[usize])]) -> Model {
    let tensors = tensors.iter();
    let tensors = tensors.map(|(name, shape)| (name.to_string(), shape.to_vec(), DType::F32));
    Model::infer(tensors, Convention::Pytorch)
}

fn plan(model: &Model, recipe: &str) -> Plan {
    let plan = Recipe::named(recipe).unwrap().plan(model, 0).unwrap();
    plan.check().unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    plan
}

fn line<'a>(plan: &'a Plan, name: &str) -> &'a Line {
    plan.line(name).unwrap_or_else(|| panic!("{name}"))
}

/// The fills of the parts of a line.
fn fills(line: &Line) -> Vec<Fill> {
    match &line.fill {
        Fill::Blocks { sections, .. } => sections.iter().map(|part| part.fill.clone()).collect(),
        one => vec![one.clone(); 3],
    }
}

/// A transformer of two layers, its projections apart or in one.
fn transformer(fused: bool) -> Model {
    let mut tensors: Vec<(String, Vec<usize>)> = vec![("wte.weight".into(), vec![100, D])];
    for layer in 0..2 {
        let block = |rest: &str| format!("blocks.{layer}.{rest}.weight");
        match fused {
            true => tensors.push((block("attn.qkv"), vec![3 * D, D])),
            false => {
                for part in ["q_proj", "k_proj", "v_proj"] {
                    tensors.push((block(&format!("attn.{part}")), vec![D, D]));
                }
            }
        }
        tensors.push((block("attn.proj"), vec![D, D]));
        tensors.push((block("mlp.fc1"), vec![4 * D, D]));
        tensors.push((block("mlp.fc2"), vec![D, 4 * D]));
    }
    let tensors = tensors
        .into_iter()
        .map(|(name, shape)| (name, shape, DType::F32));
    Model::infer(tensors, Convention::Pytorch)
}

#[test]
fn a_fused_projection_is_initialized_as_its_parts_are() {
    let (fused, apart) = (transformer(true), transformer(false));
    for recipe in [
        "deepnorm", "t-fixup", "fixup", "mup", "rezero", "ntk", "auto", "gpt2",
    ] {
        let (fused, apart) = (plan(&fused, recipe), plan(&apart, recipe));
        for layer in 0..2 {
            let parts = ["q_proj", "k_proj", "v_proj"];
            let parts = parts.map(|part| format!("blocks.{layer}.attn.{part}.weight"));
            let own = parts.map(|name| line(&apart, &name).fill.clone());
            let fused = line(&fused, &format!("blocks.{layer}.attn.qkv.weight"));
            assert_eq!(fills(fused), own, "{recipe}");
            let parts = fused.fused.as_ref().unwrap().parts.iter();
            let roles: Vec<Role> = parts.map(|part| part.role).collect();
            assert_eq!(roles, [Role::Query, Role::Key, Role::Value]);
        }
    }
    let deepnorm = plan(&fused, "deepnorm");
    let qkv = line(&deepnorm, "blocks.0.attn.qkv.weight");
    assert_eq!(qkv.values(), "query, key N(0, 0.125) | value N(0, 0.0625)");
    assert!(
        qkv.reason
            .starts_with("query, key: Xavier with gain 1; value: Xavier with gain β")
    );
    let values: Vec<f32> = qkv.prepare().unwrap().to_vec().unwrap();
    let std = |part: &[f32]| {
        let squares: f64 = part.iter().map(|&x| f64::from(x).powi(2)).sum();
        (squares / part.len() as f64).sqrt()
    };
    let parts: Vec<f64> = values.chunks(D * D).map(std).collect();
    for (measured, expected) in parts.iter().zip([0.125, 0.125, 0.0625]) {
        assert!((measured / expected - 1.0).abs() < 0.05, "{parts:?}");
    }
    let mup = plan(&fused, "mup");
    let zeros = line(&mup, "blocks.0.attn.qkv.weight");
    let values: Vec<f32> = zeros.prepare().unwrap().to_vec().unwrap();
    assert!(
        values[..D * D].iter().all(|&x| x == 0.0),
        "queries start at 0"
    );
    assert!(values[D * D..].iter().all(|&x| x != 0.0));
}

/// A layer with a projection that has fewer keys than queries, or alternates head by head.
fn one_layer(name: &str, out: usize) -> Model {
    let around = name.rsplit_once('.').unwrap().0;
    let block = around.rsplit_once('.').unwrap().0;
    let (output, first, last) = match name.ends_with("qkv_proj") {
        true => ("o_proj", "mlp.up_proj", "mlp.down_proj"),
        false => ("dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
    };
    let names = [
        format!("{name}.weight"),
        format!("{around}.{output}.weight"),
        format!("{block}.{first}.weight"),
        format!("{block}.{last}.weight"),
    ];
    let shapes = [[out, D], [D, D], [4 * D, D], [D, 4 * D]];
    let tensors: Vec<(&str, &[usize])> = (names.iter().zip(&shapes))
        .map(|(name, shape)| (name.as_str(), &shape[..]))
        .collect();
    model(&tensors)
}

#[test]
fn fewer_keys_have_fans_of_their_own() {
    let model = one_layer("model.layers.0.self_attn.qkv_proj", D + 2 * 16);
    let plan = plan(&model, "deepnorm");
    let qkv = line(&plan, "model.layers.0.self_attn.qkv_proj.weight");
    let std = |fan_out: f64, gain: f64| gain * (2.0 / (D as f64 + fan_out)).sqrt();
    let expected = [std(64.0, 1.0), std(16.0, 1.0), std(16.0, 8f64.powf(-0.25))];
    for (fill, expected) in fills(qkv).iter().zip(expected) {
        assert!((fill.std().unwrap() - expected).abs() < 1e-15, "{fill}");
    }
}

#[test]
fn gate_and_up_in_one_are_treated_apart_too() {
    let model = model(&[
        ("model.layers.0.mlp.gate_up_proj.weight", &[512, 64]),
        ("model.layers.0.mlp.down_proj.weight", &[64, 256]),
        ("model.layers.1.mlp.gate_up_proj.weight", &[512, 64]),
        ("model.layers.1.mlp.down_proj.weight", &[64, 256]),
    ]);
    let plan = plan(&model, "llama");
    let fused = line(&plan, "model.layers.1.mlp.gate_up_proj.weight");
    let [gate, up] = &fills(fused)[..] else {
        panic!("{}", fused.values())
    };
    assert!(
        gate.std().unwrap() > 0.019 && up.std().unwrap() < 0.01,
        "{}",
        fused.values()
    );
}

#[test]
fn parts_whose_place_is_unknown_are_an_error_and_a_rule_helps() {
    let name = "gpt_neox.layers.0.attention.query_key_value";
    let model = one_layer(name, 3 * D);
    let recipe = Recipe::named("deepnorm").unwrap();
    let error = recipe.plan(&model, 0).unwrap_err().to_string();
    assert!(
        error.contains("where they lie in it is not known"),
        "{error}"
    );
    assert!(
        error.contains("set = { fused = { parts = [{ role = \"query\", size = 64 }"),
        "{error}"
    );
    // One law for all parts needs no places.
    plan(&model, "gpt2");
    let text = r#"
        name = "mine"
        extends = "deepnorm"
        [[rule]]
        match = "*.query_key_value.weight"
        set = { fused = { parts = [{ role = "query", size = 64 }, { role = "key", size = 64 }, { role = "value", size = 64 }], turns = 4 } }
    "#;
    let stated = Recipe::from_toml(text).unwrap().plan(&model, 0).unwrap();
    let qkv = line(&stated, &format!("{name}.weight"));
    assert!(
        qkv.values().ends_with("value N(0, 0.074325), in 4 turns"),
        "{}",
        qkv.values()
    );
    let values: Vec<f32> = qkv.prepare().unwrap().to_vec().unwrap();
    let head = 3 * 16 * D;
    let mean_square = |from: usize| {
        let part = &values[from..from + 16 * D];
        part.iter().map(|x| f64::from(x * x)).sum::<f64>() / (16 * D) as f64
    };
    for turn in 0..4 {
        let value = mean_square(turn * head + 2 * 16 * D).sqrt();
        assert!((value / 0.0743 - 1.0).abs() < 0.1, "{turn}: {value}");
        let query = mean_square(turn * head).sqrt();
        assert!((query / 0.125 - 1.0).abs() < 0.1, "{turn}: {query}");
    }
    // The same from a format or a configuration.
    let parts = [(Role::Query, D), (Role::Key, D), (Role::Value, D)];
    let mut evidence = Evidence::guessed(Convention::Pytorch);
    let fused = Fused::in_turns(parts, 4);
    evidence.add(
        format!("{name}.weight"),
        Facts::from(Source::Format).fused(fused),
    );
    let tensors = model
        .tensors
        .iter()
        .map(|t| (t.name.clone(), t.shape.clone(), t.dtype));
    let model = Model::derive(tensors, evidence);
    assert_eq!(line(&plan(&model, "deepnorm"), &qkv.name).fill, qkv.fill);
}

#[test]
fn rules_that_do_nothing_are_refused() {
    let text = "name = \"x\"\n[[rule]]\nmatch = \"*\"";
    let error = Recipe::from_toml(text).unwrap_err().to_string();
    assert!(
        error.contains("rule 1 has neither init nor a fact"),
        "{error}"
    );
}

/// An encoder of three layers and a decoder of two, as torch.nn.Transformer names them.
fn encoder_decoder() -> Model {
    let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
    for (stack, layers, attentions) in [
        ("encoder", 3, &["self_attn"][..]),
        ("decoder", 2, &["self_attn", "multihead_attn"]),
    ] {
        for layer in 0..layers {
            let block = format!("{stack}.layers.{layer}");
            for attention in attentions {
                tensors.push((
                    format!("{block}.{attention}.in_proj_weight"),
                    vec![3 * D, D],
                ));
                tensors.push((format!("{block}.{attention}.out_proj.weight"), vec![D, D]));
            }
            tensors.push((format!("{block}.linear1.weight"), vec![4 * D, D]));
            tensors.push((format!("{block}.linear2.weight"), vec![D, 4 * D]));
        }
    }
    let tensors = tensors
        .into_iter()
        .map(|(name, shape)| (name, shape, DType::F32));
    Model::infer(tensors, Convention::Pytorch)
}

fn gain(line: &Line) -> f64 {
    line.gain.unwrap()
}

#[test]
fn encoder_and_decoder_have_factors_of_their_own() {
    let model = encoder_decoder();
    let (n, m) = (3f64, 2f64);
    let deepnorm = plan(&model, "deepnorm");
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
    // DeepNet, section 3: 0.87 (N⁴M)^-1/16 and (12M)^-1/4; α 0.81 (N⁴M)^1/16 and (3M)^1/4.
    near(
        gain(line(&deepnorm, "encoder.layers.0.linear1.weight")),
        0.87 * (n.powi(4) * m).powf(-1.0 / 16.0),
    );
    near(
        gain(line(&deepnorm, "decoder.layers.1.linear2.weight")),
        (12.0 * m).powf(-0.25),
    );
    let alphas = deepnorm
        .scheme
        .asks
        .iter()
        .filter(|ask| ask.of == Subject::Residual);
    let alphas: Vec<f64> = alphas.map(|ask| ask.value.unwrap()).collect();
    near(alphas[0], 0.81 * (n.powi(4) * m).powf(1.0 / 16.0));
    near(alphas[1], (3.0 * m).powf(0.25));
    assert_eq!(alphas.len(), 2);
    assert!(deepnorm.scheme.unmet.is_empty());

    let t_fixup = plan(&model, "t-fixup");
    near(
        gain(line(&t_fixup, "encoder.layers.0.linear1.weight")),
        0.67 * n.powf(-0.25),
    );
    near(
        gain(line(&t_fixup, "decoder.layers.0.linear1.weight")),
        (9.0 * m).powf(-0.25),
    );
    assert!(t_fixup.scheme.unmet.is_empty());
}

#[test]
fn a_stack_by_itself_has_the_factors_of_one() {
    let plan = plan(&Spec::parse("transformer:8x64:100").unwrap(), "deepnorm");
    let [ask] = &plan.scheme.asks[..] else {
        panic!("{:?}", plan.scheme.asks)
    };
    assert_eq!((ask.layers, ask.value), (Some(8), Some(2.0)));
    assert!((gain(line(&plan, "blocks.0.mlp.fc1.weight")) - 64f64.powf(-0.25)).abs() < 1e-12);
}

#[test]
fn conditions_that_are_not_met_are_said() {
    let unmet = |model: &Model, recipe: &str| -> Vec<(Condition, Vec<String>)> {
        let scheme = plan(model, recipe).scheme;
        let unmet = scheme.unmet.into_iter();
        unmet
            .map(|unmet| (unmet.condition, unmet.tensors))
            .collect()
    };
    let gpt = Spec::parse("transformer:2x64:100").unwrap();
    for recipe in ["t-fixup", "fixup", "rezero"] {
        let found = unmet(&gpt, recipe);
        assert_eq!(found[0].0, Condition::NoNormalizations, "{recipe}");
        assert_eq!(
            found[0].1.len(),
            5,
            "{recipe}: two in each block and the last"
        );
    }
    assert_eq!(unmet(&gpt, "t-fixup")[1].0, Condition::EncoderDecoder);
    assert_eq!(unmet(&gpt, "rezero")[1].0, Condition::BranchScales);
    let pre_norm = unmet(&gpt, "deepnorm");
    assert_eq!(
        pre_norm,
        [(Condition::PostNorm, vec!["ln_f.weight".to_owned()])]
    );
    let resnet = model(&[
        ("layer1.0.conv1.weight", &[8, 8, 3, 3]),
        ("layer1.0.bn1.weight", &[8]),
        ("layer1.0.bn1.bias", &[8]),
        ("layer1.0.conv2.weight", &[8, 8, 3, 3]),
        ("layer1.0.bn2.weight", &[8]),
        ("layer1.0.bn2.bias", &[8]),
    ]);
    assert_eq!(unmet(&resnet, "fixup")[0].1.len(), 2);
    // Batch normalizations do not tell that a transformer is pre-norm, but this is none.
    assert_eq!(
        unmet(&resnet, "deepnorm"),
        [(Condition::TransformerBlocks, vec![])]
    );
    let perceptron = Spec::parse("mlp:8-8-8:relu").unwrap();
    assert_eq!(
        unmet(&perceptron, "fixup"),
        [(Condition::ResidualBlocks, vec![])]
    );
    // BERT's normalizations: one of the embeddings, and two behind the sums of a layer.
    let bert = model(&[
        ("bert.embeddings.LayerNorm.weight", &[64]),
        ("bert.embeddings.LayerNorm.bias", &[64]),
        (
            "bert.encoder.layer.0.attention.self.query.weight",
            &[64, 64],
        ),
        (
            "bert.encoder.layer.0.attention.output.dense.weight",
            &[64, 64],
        ),
        (
            "bert.encoder.layer.0.attention.output.LayerNorm.weight",
            &[64],
        ),
        (
            "bert.encoder.layer.0.attention.output.LayerNorm.bias",
            &[64],
        ),
        ("bert.encoder.layer.0.intermediate.dense.weight", &[256, 64]),
        ("bert.encoder.layer.0.output.dense.weight", &[64, 256]),
        ("bert.encoder.layer.0.output.LayerNorm.weight", &[64]),
        ("bert.encoder.layer.0.output.LayerNorm.bias", &[64]),
    ]);
    assert_eq!(unmet(&bert, "deepnorm"), []);
}

#[test]
fn fixup_counts_branches_and_the_layers_in_them() {
    let mut tensors: Vec<(String, Vec<usize>)> = Vec::new();
    for block in 0..4 {
        for (number, kernel) in [(1, 1), (2, 3), (3, 1)] {
            let name = format!("layer1.{block}.conv{number}.weight");
            tensors.push((name, vec![8, 8, kernel, kernel]));
        }
    }
    tensors.push(("layer1.0.downsample.0.weight".into(), vec![8, 8, 1, 1]));
    let tensors = tensors
        .into_iter()
        .map(|(name, shape)| (name, shape, DType::F32));
    let model = Model::infer(tensors, Convention::Pytorch);
    let plan = plan(&model, "fixup");
    let std = |name: &str| line(&plan, name).std.unwrap();
    // L = 4 branches of m = 3 layers: L^(-1/(2m-2)) = 4^(-1/4).
    let he = |fan_in: f64| (2.0 / fan_in).sqrt();
    for (name, expected) in [
        ("layer1.2.conv1.weight", he(8.0) * 4f64.powf(-0.25)),
        ("layer1.2.conv2.weight", he(72.0) * 4f64.powf(-0.25)),
        ("layer1.2.conv3.weight", 0.0),
        ("layer1.0.downsample.0.weight", he(8.0)),
    ] {
        assert!(
            (std(name) - expected).abs() < 1e-12,
            "{name}: {}",
            std(name)
        );
    }
    // Two branches of two layers in each block of a transformer.
    let gpt = self::plan(&Spec::parse("transformer:3x64:100").unwrap(), "fixup");
    let fc1 = line(&gpt, "blocks.0.mlp.fc1.weight").std.unwrap();
    assert!((fc1 - he(64.0) * 6f64.powf(-0.5)).abs() < 1e-12);
}

#[test]
fn mup_scales_rates_and_outputs_by_the_width() {
    let model = Spec::parse("transformer:2x1024:100").unwrap();
    let plan = plan(&model, "mup");
    let rates = |name: &str| {
        let line = line(&plan, name);
        (line.lr.map(|lr| (lr.adam, lr.sgd)), line.multiplier)
    };
    assert_eq!(rates("wte.weight"), (Some((1.0, 4.0)), None));
    assert_eq!(rates("blocks.0.attn.qkv.weight"), (Some((0.25, 1.0)), None));
    assert_eq!(rates("blocks.0.mlp.fc2.weight"), (Some((0.25, 1.0)), None));
    assert_eq!(rates("blocks.0.mlp.fc2.bias"), (Some((1.0, 4.0)), None));
    assert_eq!(rates("lm_head.weight"), (Some((1.0, 4.0)), Some(0.25)));
    assert_eq!(line(&plan, "lm_head.weight").std, Some(1.0 / 16.0));
    let adam = plan.optimizer_groups(Optimizer::Adam);
    let factors: Vec<(f64, f64)> = adam
        .iter()
        .map(|group| (group.lr, group.weight_decay))
        .collect();
    assert_eq!(factors, [(1.0, 1.0), (0.25, 4.0)]);
    assert_eq!(adam[1].tensors.len(), 8);
    let all: usize = adam.iter().map(|group| group.tensors.len()).sum();
    assert_eq!(all, plan.tensors.len());
    assert_eq!(plan.optimizer_groups(Optimizer::Sgd)[0].lr, 4.0);
    assert!(plan.scheme.unmet.is_empty());
    assert_eq!(plan.scheme.asks[0].value, Some(256.0));
    // A tied head has no line of its own everywhere.
    let output = plan
        .scheme
        .asks
        .iter()
        .find(|ask| ask.of == Subject::Output);
    assert_eq!(output.unwrap().value, Some(0.25));
    // Other values are scaled as before.
    let mut edited = plan.clone();
    edited
        .set(&model, "lm_head.weight", semilla::init::zeros())
        .unwrap();
    assert_eq!(line(&edited, "lm_head.weight").multiplier, Some(0.25));
}

#[test]
fn mup_says_where_widths_are_missing_or_equal() {
    let unmet = |model: &Model| {
        let unmet = plan(model, "mup").scheme.unmet.into_iter();
        unmet.map(|unmet| unmet.condition).collect::<Vec<_>>()
    };
    assert_eq!(
        unmet(&Spec::parse("transformer:2x256:100").unwrap()),
        [Condition::BaseWidth]
    );
    let stages = model(&[
        ("layer1.0.conv1.weight", &[8, 8, 3, 3]),
        ("layer1.0.conv2.weight", &[8, 8, 3, 3]),
        ("layer2.0.conv1.weight", &[16, 8, 3, 3]),
        ("layer2.0.conv2.weight", &[16, 16, 3, 3]),
        ("bn.weight", &[8]),
        ("bn.bias", &[8]),
    ]);
    assert_eq!(unmet(&stages), [Condition::BaseWidth]);
    let linear = model(&[("a.weight", &[8, 4]), ("b.weight", &[8, 8])]);
    assert_eq!(
        unmet(&linear),
        [Condition::BaseWidth, Condition::LearningRates]
    );
    // An MLP's hidden layers have one width; its first layer is an input.
    let mlp = Spec::parse("mlp:784-512-512-10:relu").unwrap();
    let plan = plan(&mlp, "mup");
    let adam = |name: &str| line(&plan, name).lr.map(|lr| lr.adam);
    assert_eq!(adam("layers.0.weight"), Some(1.0));
    assert_eq!(adam("layers.1.weight"), Some(0.5));
    assert_eq!(line(&plan, "layers.2.bias").lr, None, "the head's shift");
    assert!(plan.scheme.unmet.is_empty());
}

#[test]
fn ntk_scales_in_the_forward_pass() {
    let model = Spec::parse("mlp:64-64-64-64-64-10:relu").unwrap();
    let plan = plan(&model, "ntk");
    let hidden = line(&plan, "layers.1.weight");
    assert_eq!(hidden.std, Some(1.0));
    assert!((hidden.multiplier.unwrap() - (2.0f64 / 64.0).sqrt()).abs() < 1e-9);
    // Signals are those of He's initialization.
    assert!((plan.stacks[0].variance - 1.0).abs() < 1e-9);
    assert_eq!(model.tensors[0].activation, Some(Activation::Relu));
    assert_eq!(line(&plan, "layers.4.weight").multiplier, Some(0.125));
}

/// Five linear layers with tanh between them, as a graph; with a sum around the third.
fn graph(has_residual: bool) -> Model {
    let mut graph = Graph::new();
    let main = &mut graph.bodies_mut()[0];
    let mut at = "x".to_owned();
    for layer in 0..5 {
        let [weight, bias, sum, after] =
            ["w", "b", "h", "t"].map(|letter| format!("{letter}{layer}"));
        for (name, shape) in [(&weight, vec![64, 64]), (&bias, vec![64])] {
            main.initializers.push(graph::Initializer {
                tensor: Some(name.clone()),
                ..graph::Initializer::new(name.as_str(), DType::F32, shape)
            });
        }
        main.nodes
            .push(Node::new("Gemm", &[&at, &weight, &bias], &[&sum]));
        main.nodes.push(Node::new("Tanh", &[&sum], &[&after]));
        let is_summed = has_residual && layer == 2;
        if is_summed {
            main.nodes
                .push(Node::new("Add", &[&after, &at], &["added"]));
        }
        at = if is_summed { "added".to_owned() } else { after };
    }
    let mut evidence = Evidence::guessed(Convention::Pytorch);
    for (name, facts) in graph_facts(&graph) {
        evidence.add(name, facts);
    }
    let tensors = (0..5).flat_map(|layer| {
        let weight = (format!("w{layer}"), vec![64, 64], DType::F32);
        [weight, (format!("b{layer}"), vec![64], DType::F32)]
    });
    Model::derive(tensors, evidence)
}

#[test]
fn graphs_tell_which_layers_follow_one_another() {
    let plain = plan(&graph(false), "auto");
    assert_eq!(plain.stacks.len(), 1);
    assert_eq!(plain.stacks[0].tensors, ["w0", "w1", "w2", "w3", "w4"]);
    assert!(
        plan(&graph(true), "auto").stacks.is_empty(),
        "a residual network"
    );
}
