use super::*;
use crate::fill::Fill;
use crate::init;
use crate::model::{Model, Spec, Tensor};
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
                Err(_) if *name == "transformers" => {}
                Err(error) => assert!(
                    (model.layers.is_none() && error.to_string().contains("not known"))
                        || (*name == "transformers" && error.to_string().contains("config.json")),
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

fn file(place: &str, text: &str) -> RecipeFile {
    RecipeFile {
        place: place.to_owned(),
        text: text.to_owned(),
    }
}

/// Reads the first of some files, of which the others are found by their places.
fn extended(files: &[(&str, &str)]) -> Result<Recipe, RecipeError> {
    Recipe::from_file(&file(files[0].0, files[0].1), |_, path| {
        let found = files.iter().find(|(place, _)| *place == path);
        let (place, text) = found.ok_or_else(|| std::io::Error::other("it is not there"))?;
        Ok::<_, std::io::Error>(file(place, text))
    })
}

#[test]
fn a_recipe_puts_its_own_rules_before_those_that_it_extends() {
    let own = r#"
        name = "own"
        tie = [["a", "own"]]
        extends = "base.toml"
        fans = "exact"
        [[rule]]
        match = "layers.0.weight"
        init = "ones"
        "#;
    let base = r#"
        name = "base"
        tie = [["a", "base"]]
        source = "a paper"
        extends = "pytorch"
        base_width = 64
        [[rule]]
        match = "layers.*.weight"
        init = { normal = { std = 0.5 } }
        [[rule]]
        match = "nothing"
        init = "ones"
        "#;
    let recipe = extended(&[("own.toml", own), ("base.toml", base)]).unwrap();
    assert_eq!((&*recipe.name, &*recipe.source), ("own", "a paper"));
    assert_eq!(recipe.base_width, Some(64));
    assert_eq!(recipe.ties.len(), 1);
    assert_eq!(recipe.ties[0].to, "own");
    let model = Spec::parse("mlp:8-16-4").unwrap();
    let decided = Recipe {
        ties: Vec::new(),
        ..recipe
    };
    let plan = plan(&model, &decided);
    let made = plan.tensors.iter().map(|line| line.initializer.to_string());
    let made: Vec<String> = made.collect();
    assert_eq!(
        made,
        ["ones", "bias_uniform", "normal(std=0.5)", "bias_uniform"]
    );
}

#[test]
fn only_own_rules_must_match_something() {
    let own = "name = \"own\"\nextends = \"base.toml\"\n[[rule]]\nmatch = \"x\"\ninit = \"ones\"";
    let base = "name = \"base\"\n[[rule]]\nmatch = \"*\"\ninit = \"zeros\"\n\
                [[rule]]\nmatch = \"y\"\ninit = \"ones\"";
    let recipe = extended(&[("own.toml", own), ("base.toml", base)]).unwrap();
    let model = Spec::parse("mlp:8-16-4").unwrap();
    let error = recipe.plan(&model, 0).unwrap_err().to_string();
    assert!(error.contains("match no tensor: rule 1 (ones);"), "{error}");
}

#[test]
fn what_a_rule_leaves_auto_decides_and_then_unmatched() {
    let text = "name = \"own\"\nextends = \"auto\"\nunmatched = \"keep\"\n\
                [[rule]]\nmatch = \"layers.0.weight\"\ninit = \"ones\"\noptional = true";
    let model = Spec::parse("mlp:8-16-4").unwrap();
    let recipe = Recipe::from_toml(text).unwrap();
    let (own, auto) = (plan(&model, &recipe), plan(&model, &Recipe::auto()));
    assert_eq!(own.tensors[0].initializer, init::ones().into());
    assert_eq!(own.tensors[1..], auto.tensors[1..]);
    let odd = Model {
        tensors: vec![Tensor::new("odd", [2, 2], crate::DType::F32)],
        ..model
    };
    assert_eq!(
        plan(&odd, &recipe).tensors[0].initializer,
        init::keep().into()
    );
}

#[test]
fn chains_end() {
    let one = "name = \"x\"\nextends = ";
    let message = |files: &[(&str, &str)]| {
        let error = extended(files).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let (a, b) = (format!("{one}\"b.toml\""), format!("{one}\"a.toml\""));
    let ring = message(&[("a.toml", &a), ("b.toml", &b)]);
    assert!(
        ring.contains("ring: a.toml extends b.toml extends a.toml"),
        "{ring}"
    );
    let names: Vec<String> = (0..20).map(|n| format!("{n}.toml")).collect();
    let texts: Vec<String> = (1..21).map(|n| format!("{one}\"{n}.toml\"")).collect();
    let pairs: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(n, t)| (&**n, &**t))
        .collect();
    assert!(message(&pairs).contains("more than 16 deep"));
    let lost = message(&[("a.toml", &a)]);
    assert!(
        lost.contains("cannot open \"b.toml\", which the recipe extends: it is not"),
        "{lost}"
    );
    let wrong = message(&[("a.toml", &a), ("b.toml", "nam = 1")]);
    assert!(
        wrong.contains("\"b.toml\", which the recipe extends: cannot read the recipe"),
        "{wrong}"
    );
    let misspelt = Recipe::from_toml(&format!("{one}\"lama\"")).unwrap_err();
    assert!(misspelt.to_string().contains("did you mean \"llama\"?"));
    let alone = Recipe::from_toml(&a).unwrap_err();
    assert!(alone.to_string().contains("cannot open \"b.toml\""));
}

#[test]
fn what_is_printed_reads_back_as_the_same_recipe() {
    for name in Recipe::NAMES {
        let Some(text) = Recipe::toml(name) else {
            assert!(["auto", "transformers"].contains(name));
            continue;
        };
        let (read, named) = (
            Recipe::from_toml(text).unwrap(),
            Recipe::named(name).unwrap(),
        );
        assert_eq!(format!("{read:?}"), format!("{named:?}"));
    }
    assert!(Recipe::from_toml(Recipe::toml("defaults").unwrap()).is_ok());
}

#[test]
fn auto_answers_for_every_role() {
    let rows = Recipe::auto_by_role();
    for role in crate::Role::ALL {
        let first = rows.iter().find(|row| row.role == role);
        match role {
            crate::Role::Unknown => assert_eq!(first, None),
            _ => assert!(first.is_some_and(|row| row.when.is_empty()), "{role}"),
        }
    }
    let relu = rows.iter().find(|row| row.when == "before ReLU").unwrap();
    assert_eq!(
        relu.initializer,
        "kaiming_normal(nonlinearity=relu)".parse().unwrap()
    );
}

#[test]
fn strict_refuses_what_is_inferred_until_a_rule_states_it() {
    let shapes = [
        ("net.0.weight", vec![8, 4]),
        ("net.0.bias", vec![8]),
        ("net.1.weight", vec![1]),
    ];
    let named = shapes.map(|(name, shape)| (name.to_owned(), shape, crate::DType::F32));
    let model = Model::infer(named, crate::model::Convention::Pytorch);
    assert!(Recipe::auto().plan(&model, 0).is_ok());
    let error = Recipe::auto()
        .strict()
        .plan(&model, 0)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("strict: 1 tensors"), "{error}");
    let rule =
        "match = \"net.1.weight\", set = { role = \"slope\" }, init = \"constant(value=0.25)\"";
    assert!(error.contains(rule), "{error}");
    let stated = format!(
        "name = \"own\"\nextends = \"auto\"\n[[rule]]\n{}",
        rule.replace(", set", "\nset").replace(", init", "\ninit")
    );
    let recipe = Recipe::from_toml(&stated).unwrap().strict();
    assert!(recipe.plan(&model, 0).is_ok());
}

#[test]
fn misspelt_fields_are_answered_at_every_depth() {
    let rule = |body: &str| format!("name = \"x\"\n[[rule]]\n{body}");
    let mut unanswered = Vec::new();
    let pretrained = |body: &str| format!("name = \"x\"\n[[pretrained]]\n{body}");
    for (text, meant) in [
        ("name = \"x\"\nunmached = \"zeros\"".to_owned(), "unmatched"),
        ("name = \"x\"\nunused_rules = \"alow\"".to_owned(), "allow"),
        ("name = \"x\"\nfans = \"pytorh\"".to_owned(), "pytorch"),
        (rule("init = \"zeros\"\nlayot = \"OI\""), "layout"),
        (rule("init = \"zeros\"\nset = { rol = \"conv\" }"), "role"),
        (rule("init = \"zeros\"\nset = { role = \"konv\" }"), "conv"),
        (
            rule("init = \"zeros\"\nset = { activation = \"gellu\" }"),
            "gelu",
        ),
        (rule("init = \"zeros\"\nrole = \"matrx\""), "matrix"),
        (rule("init = \"zeros\"\ndtype = \"f23\""), "f32"),
        (rule("init = { normal = { sdt = 1 } }"), "std"),
        (rule("init = { normal = { std = \"fan_im\" } }"), "fan_in"),
        (
            rule("init = { kaiming_normal = { mode = \"fan_inn\" } }"),
            "fan_in",
        ),
        (
            rule("init = { padded = { of = { normal = { maen = 1 } } } }"),
            "mean",
        ),
        (rule("init = \"normal(sdt=1)\""), "std"),
        (pretrained("renam = []"), "rename"),
        (
            pretrained("adapt = [{ match = \"*\", op = \"overlapp\" }]"),
            "overlap",
        ),
        (
            pretrained("adapt = [{ match = \"*\", op = { positions = { prefx = 1 } } }]"),
            "prefix",
        ),
        (
            pretrained("adapt = [{ match = \"*\", op = { grow = { repat = \"random\" } } }]"),
            "repeat",
        ),
        (
            pretrained("adapt = [{ match = \"*\", op = { rows = { ne = \"mean\" } } }]"),
            "new",
        ),
        (
            pretrained("adapt = [{ match = \"*\", op = { channels = \"presrve\" } }]"),
            "preserve",
        ),
        (
            pretrained("depth = { layers = \"a\", map = \"uniforn\" }"),
            "uniform",
        ),
        (
            pretrained("fuse = [{ target = \"a\", prts = [] }]"),
            "parts",
        ),
        (rule("init = { s4d = { part = \"a_lgo\" } }"), "a_log"),
        (pretrained("depth = { layrs = \"a\" }"), "layers"),
    ] {
        let error = Recipe::from_toml(&text).unwrap_err().to_string();
        if !error.contains(&format!("did you mean \"{meant}\"?")) {
            unanswered.push(error);
        }
    }
    assert!(unanswered.is_empty(), "{}", unanswered.join("\n"));
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

#[test]
fn positions_of_patches_are_as_large_as_sines_and_of_words_small() {
    let tensor = |name: &str, shape: &[usize]| Tensor::new(name, shape, crate::DType::F32);
    let std = |tensors: Vec<Tensor>, name: &str| {
        let named = tensors.into_iter().map(|t| (t.name, t.shape, t.dtype));
        let evidence = crate::model::Evidence::guessed(crate::model::Convention::Pytorch);
        let model = Model::derive(named, evidence);
        plan(&model, &Recipe::auto())
            .line(name)
            .unwrap()
            .std
            .unwrap()
    };
    let patches = vec![
        tensor(
            "vision_model.embeddings.patch_embedding.weight",
            &[64, 3, 4, 4],
        ),
        tensor(
            "vision_model.embeddings.position_embedding.weight",
            &[17, 64],
        ),
    ];
    let words = vec![
        tensor("text_model.embeddings.token_embedding.weight", &[100, 64]),
        tensor("text_model.embeddings.position_embedding.weight", &[16, 64]),
    ];
    let both = [patches.clone(), words.clone()].concat();
    let (image, text) = (
        "vision_model.embeddings.position_embedding.weight",
        "text_model.embeddings.position_embedding.weight",
    );
    for tensors in [patches, both.clone()] {
        assert!((std(tensors, image) - 0.5f64.sqrt()).abs() < 1e-9);
    }
    for tensors in [words, both] {
        assert_eq!(std(tensors, text), 0.02);
    }
}
