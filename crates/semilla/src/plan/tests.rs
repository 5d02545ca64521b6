use super::*;
use crate::fill::{Fill, Slice};
use crate::model::{Convention, Model, Spec};
use crate::tie::{Tie, check_ties};
use crate::transfer::Supply;
use crate::{DType, Recipe, init};

fn tie(name: &str, to: &str) -> Tie {
    (name.to_owned(), to.to_owned()).into()
}

fn model() -> Model {
    let tensor = |(name, rows): (&str, usize)| (name.to_owned(), vec![rows, 4], DType::F32);
    let named = [
        ("embed_tokens.weight", 6),
        ("lm_head.weight", 6),
        ("score.weight", 6),
        ("fc1.weight", 8),
    ];
    Model::infer(named.map(tensor), Convention::Pytorch)
}

fn plan(recipe: &str) -> Plan {
    Recipe::from_toml(recipe)
        .unwrap()
        .plan(&model(), 7)
        .unwrap()
}

#[test]
fn a_tied_line_writes_the_bytes_of_the_other() {
    let text = "name = \"r\"\ntie = [[\"lm_head.weight\", \"embed_tokens.weight\"]]\nunmatched = { normal = { std = 0.3 } }";
    let plan = plan(text);
    let [embed, head, score, _] = &plan.tensors[..] else {
        panic!("four lines")
    };
    let values = |line: &Line| {
        let prepared = line.fill.prepare(line.key, &line.shape, line.dtype);
        let mut values = vec![0f32; 24];
        let all = crate::Slice::whole(&line.shape);
        prepared.unwrap().fill_slice(&all, &mut values).unwrap();
        values
    };
    assert_eq!(values(head), values(embed));
    assert_ne!(values(score), values(embed));
    assert_eq!(head.reason, "tied to embed_tokens.weight");
    assert_eq!(
        (head.name.as_str(), head.role),
        ("lm_head.weight", crate::Role::Head)
    );
    plan.check().unwrap();
    let replayed: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(replayed, plan);
}

#[test]
fn what_cannot_be_tied_is_told() {
    let said = |ties: &[Tie]| check_ties(ties, &model()).unwrap_err().to_string();
    let (head, embed) = ("lm_head.weight", "embed_tokens.weight");
    assert!(said(&[tie("lm_haed.weight", embed)]).contains("did you mean \"lm_head.weight\""));
    assert!(said(&[tie(head, head)]).contains("they are one tensor"));
    assert!(said(&[tie(head, "fc1.weight")]).contains("[6, 4] F32 and [8, 4] F32"));
    let twice = [tie(head, embed), tie(head, "score.weight")];
    assert!(said(&twice).contains("it is tied already"));
    let chain = [tie(head, embed), tie(embed, "score.weight")];
    assert!(said(&chain).contains("that one is tied to \"score.weight\""));
    let kept = Recipe::from_toml("name = \"r\"\nunmatched = \"keep\"").unwrap();
    let ties = [tie(head, embed)];
    let error = kept
        .plan_with(&model(), Supply::default(), &ties, 7)
        .unwrap_err();
    assert!(error.to_string().contains("keeps the values"), "{error}");
}

#[test]
fn a_tied_tensor_needs_no_rule() {
    let text = "name = \"r\"\ntie = [[\"lm_head.weight\", \"embed_tokens.weight\"]]\n\
        [[rule]]\nmatch = [\"embed_tokens.weight\", \"score.weight\", \"fc1.weight\"]\ninit = \"zeros\"";
    let plan = plan(text);
    assert_eq!(
        plan.tensors[1].disposition,
        Disposition::Tied {
            to: "embed_tokens.weight".into()
        }
    );
}

#[test]
fn a_recipe_with_checkpoints_is_not_planned_without_them() {
    let text = "name = \"r\"\nunmatched = \"zeros\"\n[[pretrained]]\nfrom = \"x.safetensors\"";
    let error = Recipe::from_toml(text)
        .unwrap()
        .plan(&model(), 0)
        .unwrap_err();
    assert!(
        matches!(&error, PlanError::NeedsCheckpoints(name) if name == "r"),
        "{error}"
    );
}

#[test]
fn edits_change_the_values() {
    let model = model();
    let text = "name = \"r\"\ntie = [[\"lm_head.weight\", \"embed_tokens.weight\"]]\nunmatched = { normal = { std = 0.3 } }";
    let mut plan = plan(text);
    let before = plan.tensors[0].to_bytes().unwrap();
    plan.set(&model, "embed_tokens.weight", init::ones())
        .unwrap();
    let bytes = plan.tensors[0].to_bytes().unwrap();
    assert_eq!(bytes, 1f32.to_le_bytes().repeat(24));
    assert_eq!(
        plan.tensors[1].to_bytes().unwrap(),
        bytes,
        "the tied head follows"
    );
    plan.check().unwrap();
    let error = plan
        .set(&model, "embed_tokens.wieght", init::ones())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("did you mean \"embed_tokens.weight\""),
        "{error}"
    );
    plan.set(
        &model,
        "embed_tokens.weight",
        Recipe::from_toml(text)
            .map(|_| init::Normal {
                std: 0.3.into(),
                ..Default::default()
            })
            .unwrap(),
    )
    .unwrap();
    assert_eq!(plan.tensors[0].to_bytes().unwrap(), before);

    let reseeded = plan.clone().with_seed(8);
    reseeded.check().unwrap();
    let fresh = Recipe::from_toml(text).unwrap().plan(&model, 8).unwrap();
    for (line, other) in reseeded.tensors.iter().zip(&fresh.tensors) {
        assert_eq!(line.to_bytes().unwrap(), other.to_bytes().unwrap());
    }
}

#[test]
fn mimetic_pairs_follow_a_new_seed() {
    let model = Spec::parse("transformer:1x64:8").unwrap();
    let text = "name = \"r\"\nunmatched = \"zeros\"\n[[rule]]\nmatch = \"*.attn.proj.weight\"\n\
        init = { mimetic = { part = \"output\", heads = 2 } }";
    let recipe = Recipe::from_toml(text).unwrap();
    let plan = recipe.plan(&model, 0).unwrap().with_seed(5);
    assert_eq!(plan, recipe.plan(&model, 5).unwrap());
}

#[test]
fn contradictions_are_refused() {
    let text = "name = \"r\"\ntie = [[\"lm_head.weight\", \"embed_tokens.weight\"]]\nunmatched = \"lecun_normal\"";
    let said = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan(text);
        change(&mut plan);
        plan.check().unwrap_err().to_string()
    };
    let tied = |to: &str| Disposition::Tied { to: to.to_owned() };
    assert!(said(&|plan| plan.tensors[1].disposition = tied("nowhere")).contains("no line"));
    assert!(
        said(&|plan| plan.tensors[0].disposition = tied("lm_head.weight")).contains("tied itself")
    );
    assert!(
        said(&|plan| plan.tensors[3].disposition = tied("score.weight"))
            .contains("different shape")
    );
    assert!(
        said(&|plan| plan.tensors[1].fill = Fill::Constant { value: 1.0 })
            .contains("different fill")
    );
    assert!(said(&|plan| plan.seed = 9).contains("does not belong to seed 9"));
    assert!(said(&|plan| plan.tensors[0].name = String::new()).contains("it has no name"));
    assert!(
        said(&|plan| plan.tensors[2].disposition = Disposition::Copied).contains("and does not")
    );
    assert!(said(&|plan| plan.tensors[2].disposition = Disposition::Kept).contains("to keep"));
}

#[test]
fn bytes_are_those_of_the_prepared_fill() {
    for dtype in [
        DType::F64,
        DType::F32,
        DType::BF16,
        DType::F8E4M3,
        DType::I32,
    ] {
        let init = if dtype.is_float() { "normal" } else { "arange" };
        let tensor = ("x".to_owned(), vec![3, 70_001], dtype);
        let model = Model::infer([tensor], Convention::Pytorch);
        let recipe = Recipe::from_toml(&format!("name = \"r\"\nunmatched = \"{init}\"")).unwrap();
        let plan = recipe.plan(&model, 3).unwrap();
        let line = &plan.tensors[0];
        let mut whole = vec![0u64; 3 * 70_001];
        let whole: &mut [u8] =
            &mut bytemuck::cast_slice_mut(&mut whole)[..3 * 70_001 * dtype.size()];
        line.prepare()
            .unwrap()
            .fill_bytes(&Slice::whole(&line.shape), 0, whole)
            .unwrap();
        assert!(line.to_bytes().unwrap() == whole, "{dtype}");
    }
}
