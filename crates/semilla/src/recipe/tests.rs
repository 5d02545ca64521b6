use super::*;
use crate::fill::Fill;
use crate::init;
use crate::model::{Model, Spec};
use crate::plan::Plan;

fn plan(model: &Model, recipe: &Recipe) -> Plan {
    let plan = recipe.plan(model, 0);
    plan.unwrap_or_else(|error| panic!("{}: {error}", recipe.name))
}

#[test]
fn every_built_in_recipe_plans_every_kind_of_model() {
    for name in Recipe::NAMES {
        let recipe = Recipe::named(name).unwrap();
        assert_eq!(recipe.name, *name);
        assert!(!recipe.source.is_empty());
        // Schemes that divide by the number of residual blocks need a model that has some.
        for spec in [
            "transformer:2x64:100",
            "mlp:8-16-4:gelu",
            "conv:3-8-8:10",
            "lstm:4-8:2",
        ] {
            let model = Spec::parse(spec).unwrap();
            match recipe.plan(&model, 0) {
                Ok(plan) => plan.check().unwrap(),
                Err(error) => assert!(
                    model.layers.is_none() && error.to_string().contains("not known"),
                    "{name} {spec}: {error}"
                ),
            }
        }
    }
}

#[test]
fn gpt2_scales_the_ends_of_residual_branches() {
    let model = Spec::parse("transformer:8x64:100").unwrap();
    let plan = plan(&model, &Recipe::named("gpt2").unwrap());
    let std = |name: &str| {
        plan.tensors
            .iter()
            .find(|line| line.name == name)
            .unwrap()
            .std
            .unwrap()
    };
    assert!((std("blocks.3.mlp.fc2.weight") - 0.005).abs() < 1e-15);
    assert!((std("blocks.3.attn.proj.weight") - 0.005).abs() < 1e-15);
    assert!((std("blocks.3.mlp.fc1.weight") - 0.02).abs() < 1e-15);
}

#[test]
fn schemes_take_every_matrix() {
    let model = Spec::parse("mlp:8-16-4:tanh").unwrap();
    let plan = plan(&model, &Recipe::scheme(init::orthogonal()));
    assert!(matches!(plan.tensors[0].fill, Fill::Orthogonal { .. }));
    assert!(matches!(plan.tensors[1].fill, Fill::Constant { value } if value == 0.0));
    assert_eq!(plan.recipe, "orthogonal");
}

fn decide(toml: &str) -> Result<Vec<Decision>, RecipeError> {
    let model = Spec::parse("mlp:8-16-4").unwrap();
    let decided = Recipe::from_toml(toml)?.decide(&model, |_| false)?;
    Ok(decided.decisions.into_iter().flatten().collect())
}

#[test]
fn the_first_matching_rule_decides() {
    let text = r#"
        name = "test"
        unmatched = "zeros"
        [[rule]]
        match = "layers.0.*"
        ndim = 2
        init = { normal = { std = "1 / sqrt(fan_in)" } }
        reason = "first"
        [[rule]]
        regex = "^layers\\.[0-9]+\\.weight$"
        role = "matrix"
        dtype = "f32"
        layout = "IO"
        init = "he_normal"
        "#;
    let decisions = decide(text).unwrap();
    assert_eq!(decisions[0].reason, "first");
    let model = Spec::parse("mlp:8-16-4").unwrap();
    let decided = Recipe::from_toml(text).unwrap();
    let decided = decided.decide(&model, |_| false).unwrap();
    let weight = &decided.model.tensors[2];
    assert_eq!(weight.layout.as_ref().unwrap().to_string(), "IO");
    assert_eq!(decisions[2].initializer, "he_normal".parse().unwrap());
    assert_eq!(decisions[1].initializer, init::zeros().into());
}

#[test]
fn what_matches_nothing_is_an_error() {
    let rule = |body: &str| format!("name = \"test\"\n[[rule]]\n{body}");
    let unmatched = decide(&rule("ndim = 2\ninit = \"zeros\""))
        .unwrap_err()
        .to_string();
    assert!(
        unmatched.contains("no rule for 2 tensors: layers.0.bias"),
        "{unmatched}"
    );
    let stray = rule("match = \"*\"\ninit = \"zeros\"\n[[rule]]\nmatch = \"x\"\ninit = \"ones\"");
    let unused = decide(&stray).unwrap_err().to_string();
    assert!(
        unused.contains("match no tensor: rule 2 (ones)"),
        "{unused}"
    );
    assert!(decide(&format!("{stray}\noptional = true")).is_ok());
    assert!(
        decide(&stray.replace("name = \"test\"", "name = \"t\"\nunused_rules = \"allow\"")).is_ok()
    );
}

#[test]
fn mistakes_say_where() {
    let message = |toml: &str| Recipe::from_toml(toml).unwrap_err().to_string();
    assert!(message("name = 1").contains("line 1"));
    assert!(message("name = \"x\"\ncolour = 1").contains("colour"));
    assert!(message("name = \"x\"\n[[rule]]\ninit = \"hee\"").contains("unknown initializer"));
    assert!(
        message("name = \"x\"\n[[rule]]\ninit = \"zeros\"\nregex = \"(\"").contains("unclosed")
    );
    assert!(
        message("name = \"x\"\n[[rule]]\ninit = \"zeros\"\nlayout = \"QQ\"")
            .contains("not a layout")
    );
    let bomb = "name = \"x\"\n[[rule]]\ninit = \"zeros\"\nregex = \"a{1000}{1000}{1000}\"";
    assert!(message(bomb).contains("size"));
    assert!(message(&" ".repeat(2 << 20)).contains("more than the limit"));
    assert!(
        Recipe::named("lama")
            .unwrap_err()
            .to_string()
            .contains("did you mean \"llama\"")
    );
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_recipe_or_an_error(text in "(name = \"x\"\n)?(\\[\\[rule\\]\\]\n)?(init|match|regex|role|layout|ndim) = [\"a-z_(){}*\\[\\]0-9 ]{0,40}") {
        if let Ok(recipe) = Recipe::from_toml(&text) {
            let _ = recipe.plan(&Spec::parse("mlp:2-2").unwrap(), 0);
        }
    }
}
