use super::built_in::{families, model_types};
use super::lineage::Lineage;
use super::{Blueprint, Config, ConfigError, ConfigRemark};
use crate::model::Evidence;
use crate::{DType, Recipe, Role};

fn config(json: &str) -> Config {
    serde_json::from_str(json).unwrap()
}

fn blueprint(json: &str) -> Result<Blueprint, ConfigError> {
    config(json).blueprint()
}

fn refused(json: &str) -> String {
    blueprint(json).unwrap_err().to_string()
}

#[test]
fn every_model_of_every_family_has_a_plan_by_its_defaults() {
    assert!(families().len() > 10);
    for model_type in model_types() {
        let lineage = Lineage::of(model_type).unwrap();
        for class in lineage.classes() {
            let json = format!(r#"{{"model_type": "{model_type}", "architectures": ["{class}"]}}"#);
            let blueprint = match blueprint(&json) {
                Ok(blueprint) => blueprint,
                Err(error) => panic!("{class}: {error}"),
            };
            let model = blueprint.model();
            assert!(!model.tensors.is_empty(), "{class}");
            for tensor in &model.tensors {
                assert_ne!(tensor.role, Role::Unknown, "{class}: {}", tensor.name);
            }
            let recipe = Recipe::transformers().following(&blueprint);
            if let Err(error) = recipe.plan(&model, 0) {
                panic!("{class}: {error}");
            }
        }
    }
}

#[test]
fn facts_are_the_configurations() {
    let blueprint = blueprint(
        r#"{"model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "hidden_size": 64,
            "num_attention_heads": 8, "num_key_value_heads": 2, "num_hidden_layers": 3,
            "torch_dtype": "bfloat16"}"#,
    );
    let model = blueprint.unwrap().model();
    assert_eq!(model.layers, Some(3));
    let find = |name: &str| {
        let found = model.tensors.iter().find(|tensor| tensor.name == name);
        found.unwrap()
    };
    let qkv = find("model.layers.2.self_attn.qkv_proj.weight");
    assert_eq!(qkv.blocks, [64, 16, 16]);
    assert_eq!((qkv.depth, qkv.layers), (Some(2), Some(3)));
    assert_eq!((qkv.dtype, qkv.role), (DType::BF16, Role::Qkv));
    let gate = find("model.layers.0.mlp.gate_up_proj.weight");
    assert_eq!(gate.blocks, [8192, 8192]);
    assert_eq!(gate.activation.unwrap().to_string(), "silu");
}

#[test]
fn a_tied_head_is_not_saved_but_known() {
    let tied = |tied: bool| {
        let json = format!(
            r#"{{"model_type": "llama", "architectures": ["LlamaForCausalLM"],
                "tie_word_embeddings": {tied}}}"#
        );
        blueprint(&json).unwrap()
    };
    let names = |blueprint: &Blueprint| {
        let tensors = blueprint.model().tensors.into_iter();
        tensors.map(|tensor| tensor.name).collect::<Vec<_>>()
    };
    let head = "lm_head.weight";
    assert!(names(&tied(false)).iter().any(|name| name == head));
    assert!(!names(&tied(true)).iter().any(|name| name == head));
    let mut evidence = Evidence::default();
    let shape = [32000, 4096];
    assert!(
        tied(true)
            .describe([(head, &shape[..])], &mut evidence)
            .is_empty()
    );
    let model = crate::Model::derive([(head.to_owned(), shape.to_vec(), DType::F32)], evidence);
    assert_eq!(model.tensors[0].role, Role::Head);
}

#[test]
fn shapes_win_over_the_configuration() {
    let blueprint = blueprint(r#"{"model_type": "gpt2"}"#).unwrap();
    assert_eq!(blueprint.remarks, [ConfigRemark::NoArchitecture]);
    let mut evidence = Evidence::default();
    let (wrong, right) = ([50257, 1024], [1024, 768]);
    let tensors = [("wte.weight", &wrong[..]), ("wpe.weight", &right[..])];
    let mismatches = blueprint.describe(tensors, &mut evidence);
    assert_eq!(mismatches.len(), 1);
    assert_eq!(
        (&*mismatches[0].name, &mismatches[0].expected[..]),
        ("wte.weight", &[50257, 768][..])
    );
}

#[test]
fn files_without_the_head_are_recognized() {
    let config = config(r#"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}"#);
    let class = |names: &[&str]| config.blueprint_like(names).unwrap().architecture;
    assert_eq!(class(&["wte.weight", "wpe.weight"]), "GPT2Model");
    assert_eq!(
        class(&["transformer.wte.weight", "extra"]),
        "GPT2LMHeadModel"
    );
    let score = ["transformer.wte.weight", "score.weight"];
    assert_eq!(class(&score), "GPT2ForSequenceClassification");
    // A class of someone's own, around a model that is known.
    let own = r#"{"model_type": "gpt2", "architectures": ["MyModel"]}"#;
    let own: Config = serde_json::from_str(own).unwrap();
    let found = own.blueprint_like(&["wte.weight", "mine.weight"]).unwrap();
    assert_eq!(found.architecture, "GPT2Model");
    assert!(own.blueprint_like(&["mine.weight"]).is_err());
}

#[test]
fn mistakes_are_named() {
    let unknown = refused(r#"{"model_type": "lama", "auto_map": {"AutoModel": "x.Y"}}"#);
    assert!(unknown.contains("did you mean \"llama\"?"), "{unknown}");
    assert!(unknown.contains("auto_map"), "{unknown}");
    assert!(unknown.contains("gpt2"), "{unknown}");
    assert_eq!(blueprint("{}").unwrap_err(), ConfigError::NoType);
    assert!(blueprint(r#"{"model_type": "common"}"#).is_err());
    let class = refused(r#"{"model_type": "gpt2", "architectures": ["GPT2LMHeadModle"]}"#);
    assert!(
        class.contains("did you mean \"GPT2LMHeadModel\"?"),
        "{class}"
    );
    for (field, problem) in [
        (r#""n_embd": "wide""#, "n_embd: \"wide\" is not a number"),
        (r#""n_embd": null"#, "null is not a number"),
        (r#""n_embd": 1.5"#, "1.5 is no size"),
        (r#""n_embd": -3"#, "is no size"),
        (r#""n_embd": 1e300"#, "is no size"),
        (r#""n_embd": 1e9"#, "elements"),
        (
            r#""n_layer": 1000000000"#,
            "repetitions 1000000000, more than the limit",
        ),
        (r#""n_layer": 1000000"#, "tensors"),
        (r#""dtype": "int8""#, "no type of weights"),
        (r#""dtype": 3"#, "no type of weights"),
        (r#""initializer_range": -1, "n_layer": 1"#, ""),
    ] {
        let json = format!(r#"{{"model_type": "gpt2", {field}}}"#);
        match blueprint(&json) {
            Err(error) => assert!(error.to_string().contains(problem), "{json}: {error}"),
            Ok(blueprint) => assert_eq!(problem, "", "{json}: {}", blueprint.tensors.len()),
        }
    }
    let padding = refused(r#"{"model_type": "bert", "pad_token_id": 40000}"#);
    assert!(
        padding.contains("the padding token 40000 is no row"),
        "{padding}"
    );
}

#[test]
fn remarks_are_made() {
    let json = r#"{"model_type": "llama", "architectures": ["LlamaModel"], "auto_map": {"a": "b"},
        "quantization_config": {"bits": 4}}"#;
    let remarks = blueprint(json).unwrap().remarks;
    assert_eq!(remarks, [ConfigRemark::Quantized, ConfigRemark::OwnCode]);
}

#[test]
fn without_a_configuration_the_recipe_says_what_it_needs() {
    let model = crate::model::Spec::parse("mlp:2-2").unwrap();
    let error = Recipe::named("transformers")
        .unwrap()
        .plan(&model, 0)
        .unwrap_err();
    assert!(error.to_string().contains("config.json"), "{error}");
}

proptest::proptest! {
    #[test]
    fn any_fields_are_a_model_or_an_error(
        model_type in proptest::sample::select(model_types()),
        field in "(hidden_size|num_hidden_layers|num_attention_heads|vocab_size|pad_token_id|dtype|d_model|depths|text_config)",
        value in "(-?[0-9]{1,3}|null|\"[a-z]{0,3}\"|\\[\\]|\\[1, 2\\]|\\{\\}|true|1e400|0.5)",
    ) {
        let json = format!(r#"{{"model_type": "{model_type}", "{field}": {value}}}"#);
        if let Ok(config) = serde_json::from_str::<Config>(&json) {
            let _ = config.blueprint();
        }
    }
}
