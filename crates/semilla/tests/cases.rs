//! Lists of shapes as real models have them, each with the one right answer.

use std::collections::BTreeMap;

use semilla::model::{Convention, Evidence, Facts, Source, Spec};
use semilla::{DType, Fill, Line, Model, Plan, Recipe, Role};

type Named = Vec<(String, Vec<usize>, DType)>;

/// A list of `tests/cases`.
fn list(file: &str) -> Named {
    let path = format!("{}/tests/cases/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    #[derive(serde::Deserialize)]
    struct Stored {
        dtype: String,
        shape: Vec<usize>,
    }
    let stored: BTreeMap<String, Stored> = serde_json::from_str(&text).unwrap();
    let named = stored.into_iter().map(|(name, stored)| {
        let dtype = stored.dtype.to_lowercase().parse().unwrap();
        (name, stored.shape, dtype)
    });
    named.collect()
}

fn infer(named: Named) -> Model {
    let names = named.iter().map(|(name, ..)| name.as_str());
    let convention = Convention::of_names(names).unwrap();
    let convention = convention.map_or(Convention::Pytorch, |(convention, _)| convention);
    Model::infer(named, convention)
}

fn model(file: &str) -> Model {
    infer(list(file))
}

fn plan(file: &str, recipe: &str) -> Plan {
    let plan = Recipe::named(recipe).unwrap().plan(&model(file), 0);
    plan.unwrap_or_else(|error| panic!("{file} by {recipe}: {error}"))
}

fn line<'a>(plan: &'a Plan, name: &str) -> &'a Line {
    plan.line(name).unwrap_or_else(|| panic!("no {name}"))
}

fn constant(plan: &Plan, name: &str) -> f64 {
    match line(plan, name).fill {
        Fill::Constant { value } => value,
        ref fill => panic!("{name}: {fill:?}"),
    }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-3 * expected.abs(),
        "{found} is not {expected}"
    );
}

#[track_caller]
fn fans(plan: &Plan, name: &str, expected: (f64, f64)) {
    let fans = line(plan, name).fans.unwrap();
    assert_eq!((fans.fan_in, fans.fan_out), expected, "{name}");
}

fn values(line: &Line) -> Vec<f32> {
    line.prepare().unwrap().to_vec().unwrap()
}

fn std(plan: &Plan, name: &str) -> f64 {
    line(plan, name).std.unwrap()
}

#[test]
fn slopes_of_prelu_are_no_normalizations() {
    let plan = plan("01a-prelu", "pytorch");
    for name in ["1.weight", "3.weight"] {
        assert_eq!(constant(&plan, name), 0.25);
        assert!(
            line(&plan, name).reason.contains("inferred"),
            "{}",
            line(&plan, name).reason
        );
    }
}

#[test]
fn a_lone_gamma_scales_a_branch() {
    // Nearly silent as it is published, awake for short trainings.
    for (recipe, scale) in [("auto", 1.0), ("vit", 1e-6)] {
        let plan = plan("01b-timm-convnext-gamma", recipe);
        assert_eq!(constant(&plan, "stages.0.blocks.0.gamma"), scale);
        assert_eq!(constant(&plan, "stages.0.blocks.0.norm.weight"), 1.0);
        let kernel = &line(&plan, "stages.0.blocks.0.conv_dw.weight").layout;
        assert_eq!(kernel.as_ref().unwrap().to_string(), "OIHW/40");
    }
}

#[test]
fn gemmas_normalizations_multiply_by_one_more() {
    for recipe in ["auto", "llama-hf"] {
        let plan = plan("01c-gemma3", recipe);
        for line in plan
            .tensors
            .iter()
            .filter(|line| line.name.contains("norm"))
        {
            assert_eq!(constant(&plan, &line.name), 0.0, "{}", line.name);
        }
    }
}

#[test]
fn attention_kernels_with_an_axis_of_heads() {
    let keras = plan("02a-keras-mha", "keras");
    let flax = plan("02b-flax-attention", "jax");
    for name in ["query", "key", "value", "attention_output"] {
        let name = format!("multi_head_attention/{name}/kernel");
        fans(&keras, &name, (512.0, 512.0));
        near(std(&keras, &name), 0.0442);
    }
    let name = |part: &str| format!("params/decoder/layers_0/attention/{part}/kernel");
    fans(&flax, &name("query"), (512.0, 512.0));
    fans(&flax, &name("key"), (512.0, 128.0));
    fans(&flax, &name("out"), (512.0, 512.0));
    assert_eq!(model("02b-flax-attention").layers, Some(1));
}

#[test]
fn groups_are_told_by_the_convolution_before() {
    let resnext = plan("03a-resnext-grouped", "auto");
    fans(&resnext, "layer1.0.conv2.weight", (36.0, 36.0));
    fans(&resnext, "layer1.0.conv1.weight", (64.0, 128.0));
    fans(&resnext, "layer1.0.downsample.0.weight", (64.0, 256.0));
    let mamba = plan("03b-mamba", "auto");
    fans(&mamba, "backbone.layers.0.mixer.conv1d.weight", (4.0, 4.0));
    let out = line(&mamba, "backbone.layers.1.mixer.out_proj.weight");
    assert!(!out.reason.contains("normalization"), "{}", out.reason);
    let towers = plan("03e-two-towers", "auto");
    fans(&towers, "left.conv1.weight", (9.0, 288.0));
    fans(&towers, "right.conv1.weight", (25.0, 1600.0));
}

#[test]
fn the_order_of_a_list_changes_nothing() {
    let by_name = |file: &str| {
        let lines = plan(file, "auto").tensors;
        let lines = lines.into_iter().map(|line| (line.name.clone(), line));
        lines.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(by_name("03c-order-module"), by_name("03d-order-sorted"));
    fans(
        &plan("03c-order-module", "auto"),
        "layers.3.weight",
        (9.0, 9.0),
    );
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).unwrap();
    for file in files {
        let file = file.unwrap().file_name().into_string().unwrap();
        is_the_same_in_any_order(&file, &list(file.trim_end_matches(".json")));
    }
    for spec in [
        "mlp:8-16-16-4:gelu",
        "conv:3-8-8:10",
        "transformer:2x64:100",
        "lstm:4-8:2",
    ] {
        let tensors = Spec::parse(spec).unwrap().tensors.into_iter();
        let named: Named = tensors.map(|t| (t.name, t.shape, t.dtype)).collect();
        is_the_same_in_any_order(spec, &named);
    }
}

fn is_the_same_in_any_order(of: &str, named: &Named) {
    let first = infer(named.clone());
    for start in [1, 7, 11] {
        let mut shuffled = named.clone();
        shuffled.sort_by_key(|(name, ..)| {
            let bytes = name.bytes().map(u64::from);
            bytes.fold(start, |hash, byte| {
                (hash ^ byte).wrapping_mul(0x0100_0000_01b3)
            })
        });
        let model = infer(shuffled);
        let whole = |model: &Model| (model.layers, model.width);
        assert_eq!(whole(&model), whole(&first), "{of}");
        for tensor in &first.tensors {
            let other = model.tensors.iter().find(|other| other.name == tensor.name);
            assert_eq!(other, Some(tensor), "{of}");
        }
    }
}

#[test]
fn stacks_are_counted_apart() {
    let name =
        |stack: &str, layer: usize| format!("{stack}.layers.{layer}.self_attn.o_proj.weight");
    let encoder = (0..3).map(|layer| name("encoder", layer));
    let decoder = (0..12).map(|layer| name("decoder", layer));
    let named = encoder
        .chain(decoder)
        .map(|name| (name, vec![8, 8], DType::F32));
    let model = Model::infer(named, Convention::Pytorch);
    assert_eq!(model.layers, Some(12));
    let of = |place: usize| (model.tensors[place].depth, model.tensors[place].layers);
    assert_eq!(of(2), (Some(2), Some(3)));
    assert_eq!(of(3), (Some(0), Some(12)));
    // decoder.layers.10 comes after decoder.layers.2.
    assert_eq!(of(13), (Some(10), Some(12)));
    let plan = Recipe::named("gpt2").unwrap().plan(&model, 0).unwrap();
    near(std(&plan, &name("encoder", 1)), 0.02 / 6f64.sqrt());
    near(std(&plan, &name("decoder", 1)), 0.02 / 24f64.sqrt());
}

#[test]
fn the_stronger_source_stands() {
    let named = || [("h.0.mlp.c_fc.weight".to_owned(), vec![8, 8], DType::F32)];
    let layout = |evidence: Evidence| {
        let model = Model::derive(named(), evidence);
        model.tensors[0].layout.as_ref().unwrap().to_string()
    };
    // GPT-2's Conv1D by its name, unless the user asks for PyTorch's layout.
    assert_eq!(layout(Evidence::guessed(Convention::Pytorch)), "IO");
    assert_eq!(layout(Evidence::stated(Convention::Pytorch)), "OI");
    let states = |source, layout: &str| Facts::from(source).layout(layout.parse().unwrap());
    let mut evidence = Evidence::stated(Convention::Pytorch);
    evidence.add("h.0.mlp.c_fc.weight", states(Source::User, "EI"));
    evidence.add("h.0.mlp.c_fc.weight", states(Source::Format, "IO"));
    assert_eq!(layout(evidence), "EI");
}

#[test]
fn a_patch_kernel_is_a_linear_map_of_patches() {
    let torchvision = plan("03f-vit-b32-conv_proj", "auto");
    fans(&torchvision, "conv_proj.weight", (3072.0, 768.0));
    let moco = plan("06b-moco", "vit-moco");
    match &line(&moco, "patch_embed.proj.weight").fill {
        Fill::Draw(drawn) => near(drawn.std(), (2.0f64 / (768.0 + 384.0)).sqrt()),
        fill => panic!("{fill:?}"),
    }
}

#[test]
fn blocks_are_counted_in_stages_and_by_their_names() {
    let swin = model("04a-swin-stages");
    assert_eq!(swin.layers, Some(12));
    let depth = |name: &str| {
        let tensor = swin.tensors.iter().find(|tensor| tensor.name == name);
        tensor.unwrap().depth
    };
    assert_eq!(depth("layers.0.blocks.1.attn.proj.weight"), Some(1));
    assert_eq!(depth("layers.1.blocks.0.mlp.fc2.weight"), Some(2));
    assert_eq!(depth("layers.1.downsample.reduction.weight"), None);
    near(
        std(
            &plan("04a-swin-stages", "gpt2"),
            "layers.3.blocks.1.mlp.fc2.weight",
        ),
        0.02 / 24f64.sqrt(),
    );
    let vit = plan("04b-encoder_layer_N", "gpt2");
    assert_eq!(model("04b-encoder_layer_N").layers, Some(12));
    let name = |part: &str| format!("encoder.layers.encoder_layer_11.{part}.weight");
    near(
        std(&vit, &name("self_attention.out_proj")),
        0.02 / 24f64.sqrt(),
    );
    near(std(&vit, &name("mlp.3")), 0.02 / 24f64.sqrt());
    near(std(&vit, &name("mlp.0")), 0.02);
}

#[test]
fn shapes_decide_where_names_are_ambiguous() {
    let plan = plan("05-nanogpt", "auto");
    for name in ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"] {
        let line = line(&plan, &format!("transformer.h.1.{name}.weight"));
        assert_eq!(line.layout.as_ref().unwrap().to_string(), "OI", "{name}");
    }
    let model = model("05-nanogpt");
    let fused = model.tensors.iter().find(|tensor| tensor.role == Role::Qkv);
    assert_eq!(fused.unwrap().blocks, [64; 3]);
}

#[test]
fn robertas_padding_is_row_one() {
    let plan = plan("06a-roberta", "bert-hf");
    for table in ["word_embeddings", "position_embeddings"] {
        match line(&plan, &format!("roberta.embeddings.{table}.weight")).fill {
            Fill::Padded { row, .. } => assert_eq!(row, 1),
            ref fill => panic!("{fill:?}"),
        }
    }
    near(
        std(&plan, "roberta.embeddings.token_type_embeddings.weight"),
        0.02,
    );
}

#[test]
fn a_normalization_of_patches_is_one() {
    let plan = plan("06c-vit-patch_embed-norm", "vit");
    assert_eq!(constant(&plan, "patch_embed.norm.bias"), 0.0);
    assert_eq!(constant(&plan, "patch_embed.norm.weight"), 1.0);
}

#[test]
fn kerass_forget_gates_start_open() {
    for recipe in ["keras", "auto"] {
        let plan = plan("06d-keras-lstm", recipe);
        let values = values(line(&plan, "lstm/lstm_cell/bias"));
        let expected: Vec<f32> = (0..64).map(|i| f32::from((16..32).contains(&i))).collect();
        assert_eq!(values, expected, "{recipe}");
    }
}

#[test]
fn whispers_positions_are_computed_and_tables_are_tables() {
    let plan = plan("07a-whisper-sinusoid", "auto");
    let table = line(&plan, "model.encoder.embed_positions.weight");
    let values = values(table);
    assert_eq!(values[..32], [0.0; 32]);
    assert_eq!(values[32..64], [1.0; 32]);
    let angle = 10_000f64.powf(-3.0 / 31.0) * 5.0;
    near(f64::from(values[5 * 64 + 3]), angle.sin());
    near(f64::from(values[5 * 64 + 35]), angle.cos());
    for tensor in model("07b-deberta-detr-tables").tensors {
        let is_table = matches!(tensor.role, Role::Embedding | Role::PositionEmbedding);
        assert!(is_table, "{} is no {}", tensor.name, tensor.role);
    }
}

#[test]
fn what_starts_at_zero_does() {
    for recipe in ["auto", "gpt2"] {
        let lora = plan("08-lora", recipe);
        let layer = "base_model.model.model.layers.0.self_attn.q_proj";
        assert_eq!(constant(&lora, &format!("{layer}.lora_B.weight")), 0.0);
        assert!(std(&lora, &format!("{layer}.lora_A.weight")) > 0.0);
        assert_eq!(
            line(&lora, &format!("{layer}.base_layer.weight")).role,
            Role::Query
        );
    }
    let dit = plan("10-dit", "auto");
    for name in [
        "blocks.0.adaLN_modulation.1.weight",
        "final_layer.adaLN_modulation.1.weight",
        "final_layer.linear.weight",
    ] {
        assert_eq!(constant(&dit, name), 0.0, "{name}");
    }
    assert_eq!(
        line(&dit, "y_embedder.embedding_table.weight").role,
        Role::Embedding
    );
}

#[test]
fn a_detectors_scores_start_rare() {
    let plan = plan("09-retinanet-head", "auto");
    near(
        constant(&plan, "head.classification_head.cls_logits.bias"),
        -4.595,
    );
    assert_eq!(constant(&plan, "head.regression_head.bbox_reg.bias"), 0.0);
}

#[test]
fn response_normalizations_start_as_no_change() {
    let tensors: [(&str, &[usize]); 2] = [
        ("stages.0.layers.0.grn.weight", &[1, 1, 1, 40]),
        ("stages.0.layers.0.grn.bias", &[1, 1, 1, 40]),
    ];
    let named = tensors.map(|(name, shape)| (name.to_owned(), shape.to_vec(), DType::F32));
    let plan = Recipe::auto()
        .plan(&Model::infer(named, Convention::Pytorch), 0)
        .unwrap();
    assert_eq!(tensors.map(|(name, _)| constant(&plan, name)), [0.0, 0.0]);
}

/// The tensors of a LeNet: `fc2` ends no residual branch, and nothing says which activation
/// follows `fc1`.
#[test]
fn a_name_is_no_activation_and_no_branch() {
    let tensors: [(&str, &[usize]); 5] = [
        ("net.0.fc1.weight", &[120, 400]),
        ("net.0.fc2.weight", &[84, 120]),
        ("net.1.fc1.weight", &[120, 84]),
        ("net.1.fc2.weight", &[84, 120]),
        ("3.weight", &[16]),
    ];
    let named = tensors.map(|(name, shape)| (name.to_owned(), shape.to_vec(), DType::F32));
    let tensors = Model::infer(named, Convention::Pytorch).tensors;
    let roles: Vec<Role> = tensors.iter().map(|tensor| tensor.role).collect();
    let unknown = Role::Unknown;
    assert_eq!(
        roles,
        [
            Role::Linear,
            Role::Linear,
            Role::MlpIn,
            Role::MlpOut,
            unknown
        ]
    );
    assert!(tensors.iter().all(|tensor| tensor.activation.is_none()));
}

/// A recipe of one rule for every tensor but the biases, whose own rule is last.
fn by_rule(rule: &str, tensors: &[(&str, &[usize])]) -> Plan {
    let text = format!(
        "name = \"rule\"\nunused_rules = \"allow\"\n[[rule]]\n{rule}\n[[rule]]\nrole = \"bias\"\n\
         init = \"bias_uniform\"\n[[rule]]\ninit = \"zeros\"\n"
    );
    let named = tensors.iter();
    let named = named.map(|(name, shape)| ((*name).to_owned(), shape.to_vec(), DType::F32));
    let model = Model::infer(named, Convention::Pytorch);
    Recipe::from_toml(&text).unwrap().plan(&model, 0).unwrap()
}

#[test]
fn a_rules_layout_reaches_the_bias() {
    let tensors: [(&str, &[usize]); 2] = [("fc.weight", &[100, 4]), ("fc.bias", &[4])];
    let rule = "match = \"*.weight\"\nlayout = \"IO\"\ninit = \"xavier_uniform\"";
    let plan = by_rule(rule, &tensors);
    fans(&plan, "fc.weight", (100.0, 4.0));
    near(std(&plan, "fc.bias"), 0.1 / 3f64.sqrt());
}

#[test]
fn a_rules_role_makes_a_weight_of_any_name() {
    let tensors: [(&str, &[usize]); 2] = [("c.alpha", &[8, 4, 5, 5]), ("c.bias", &[8])];
    let rule = "match = \"*.alpha\"\nset = { role = \"conv\" }\ninit = \"xavier_uniform\"";
    let plan = by_rule(rule, &tensors);
    fans(&plan, "c.alpha", (100.0, 200.0));
    near(std(&plan, "c.bias"), 0.1 / 3f64.sqrt());
}

#[test]
fn a_refusal_shows_the_rule_to_write() {
    let tensor = ("blob.theta".to_owned(), vec![3, 4], DType::F32);
    let model = Model::infer([tensor], Convention::Pytorch);
    let error = Recipe::auto().plan(&model, 0).unwrap_err().to_string();
    for word in [
        "blob.theta [3, 4]",
        "[[rule]]",
        "match = \"blob.theta\"",
        "role",
    ] {
        assert!(error.contains(word), "{error}");
    }
}
