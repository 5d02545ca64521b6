//! The page of a check: what is in it, whatever the model.

mod written;

use semilla::model::Spec;
use semilla::{Graph, Plan, Recipe};
use semilla_page::check::{Check, Data, Remedy, Weights, page};
use semilla_signal::{
    Batch, Datum, FirstStep, Kernel, LabelSource, LayerStep, Loss, Optimizer, Report, Spectra,
    check,
};
use written::{asks_nothing, ids, values};

/// A network of so many layers, checked with the weights of a recipe.
fn checked(layers: usize, recipe: &str, rename: impl Fn(&str) -> String) -> (Graph, Plan, Report) {
    let text = format!("mlp:16-{}4:tanh", "16-".repeat(layers - 1));
    let (model, mut graph) = (Spec::parse(&text).unwrap(), Spec::graph(&text).unwrap());
    let plan = Recipe::named(recipe).unwrap().plan(&model, 0).unwrap();
    let batch = Batch {
        samples: 8,
        ..Batch::default()
    };
    let inputs = batch.inputs(&graph).unwrap();
    let names: Vec<(String, String)> = plan
        .tensors
        .iter()
        .map(|line| (rename(&line.name), line.name.clone()))
        .collect();
    for tensor in &mut graph.bodies_mut()[0].initializers {
        tensor.tensor = tensor.tensor.as_deref().map(&rename);
    }
    let weights = |_: u64, tensor: &semilla::graph::Initializer| {
        let wanted = tensor.tensor.as_ref()?;
        let (_, name) = names.iter().find(|(renamed, _)| renamed == wanted)?;
        Datum::decode(
            tensor.dtype?,
            &tensor.shape,
            &plan.line(name)?.to_bytes().ok()?,
        )
    };
    let report = check(&graph, &inputs, &[0, 1], weights).unwrap();
    (graph, plan, report)
}

fn html((graph, plan, report): &(Graph, Plan, Report), model: &str) -> String {
    page(&Check {
        model,
        graph,
        report,
        prediction: None,
        weights: Weights::Planned {
            plan,
            seeds: &[0, 1],
        },
        data: Data::Noise,
        samples: 8,
        first_step: None,
        spectra: None,
        lint: &[],
        remedy: Some(Remedy {
            sentence: "Scale it.",
            advice: Some("Normalize it."),
            recipe: "name = \"<better>\"",
        }),
    })
}

fn own(name: &str) -> String {
    name.to_owned()
}

#[test]
fn texts_of_a_model_stay_texts() {
    let evil = |name: &str| format!("</script><script>alert(1)</script>\"'><img src=x {name}");
    let checked = checked(6, "auto", evil);
    let page = html(&checked, "<b onclick=alert(1)>&model");
    assert_eq!(page.matches("<script").count(), 1);
    assert!(
        !page.contains("<img") && !page.contains("<b onclick"),
        "not escaped"
    );
    assert!(
        page.contains("&lt;img src=x layers.0."),
        "the name is there, as text"
    );
    assert!(page.contains("&lt;better&gt;"));
}

#[test]
fn the_same_values_give_the_same_bytes() {
    let checked = checked(12, "auto", own);
    assert_eq!(html(&checked, "m"), html(&checked, "m"));
}

#[test]
fn nothing_is_asked_of_a_network() {
    let page = html(&checked(6, "auto", own), "m");
    asks_nothing(&page);
}

/// The example is made by the command in docs/check.md.
#[test]
fn the_example_has_the_style_and_the_script_of_now() {
    let policy = |page: &str| -> Option<String> {
        let (_, rest) = page.split_once("Content-Security-Policy")?;
        Some(rest.split_once('>')?.0.to_owned())
    };
    let example = include_str!("../../../docs/report.html");
    let now = html(&checked(6, "auto", own), "m");
    assert!(policy(&now).is_some());
    assert_eq!(policy(example), policy(&now), "make docs/report.html again");
}

#[test]
fn pages_are_small() {
    let page = html(&checked(100, "auto", own), "m");
    assert!(page.len() < 600_000, "{} bytes", page.len());
}

#[test]
fn what_is_named_is_there() {
    let page = html(&checked(8, "auto", own), "m");
    let known = ids(&page);
    let named = ["aria-labelledby", "aria-controls", "data-copy", "data-head"]
        .map(|attribute| values(&page, attribute))
        .concat();
    let named = named.into_iter().flat_map(|ids| ids.split(' '));
    let linked = values(&page, "href")
        .into_iter()
        .map(|link| link.trim_start_matches('#'));
    for id in named.chain(linked) {
        assert!(known.contains(id), "nothing has the id {id}");
    }
}

#[test]
fn both_languages_say_the_verdict() {
    let failing = html(&checked(40, "pytorch", own), "m");
    assert!(
        failing.contains("Fails") && failing.contains("No apta"),
        "the word"
    );
    assert!(failing.contains("Squared gradients shrink"), "English");
    assert!(
        failing.contains("Los gradientes al cuadrado se reducen"),
        "Spanish"
    );
    let passing = html(&checked(4, "auto", own), "m");
    assert!(passing.contains("Passes") && passing.contains("Apta"));
}

#[test]
fn what_was_asked_for_besides_is_there() {
    let (graph, plan, report) = checked(6, "auto", own);
    let weight = report.measurements[0].layers[0].weight.clone();
    let step = FirstStep {
        loss: Loss::CrossEntropy,
        labels: LabelSource::Random,
        initial: 4.5,
        expected: 3.25,
        of_zeros: 1.375,
        spread: 2.0,
        optimizer: Optimizer::Sgd,
        lr: 0.5,
        after: 7.5,
        layers: vec![LayerStep {
            weight: weight.clone(),
            weight_change: Some(0.0123),
            output_change: Some(4.56),
        }],
    };
    let found = Spectra {
        jacobian: None,
        kernel: Some(Kernel {
            samples: 8,
            condition: Some(31.4),
            effective_rank: 2.72,
        }),
        layers: vec![],
    };
    let mistake = semilla::lint::Finding {
        rule: semilla::lint::Rule::Fans,
        severity: semilla::lint::Severity::Warning,
        tensors: vec![weight],
        reason: "it is <odd>".to_owned(),
        remedy: "mend it".to_owned(),
    };
    let page = page(&Check {
        model: "m",
        graph: &graph,
        report: &report,
        prediction: None,
        weights: Weights::Planned {
            plan: &plan,
            seeds: &[0, 1],
        },
        data: Data::Noise,
        samples: 8,
        first_step: Some(&step),
        spectra: Some(&found),
        lint: &[mistake],
        remedy: None,
    });
    for said in [
        "The first step",
        "El primer paso",
        "starts at 4.50 with random labels",
        "empieza en 4,50 con etiquetas al azar",
        "the learning rate is too large for these weights",
        "Solo la dispersión de los logits",
        "0.0123",
        "4.56",
        "tangent kernel: condition",
        "31.4",
        "Likely mistakes of the plan",
        "it is &lt;odd&gt;. mend it.",
    ] {
        assert!(page.to_lowercase().contains(&said.to_lowercase()), "{said}");
    }
    let without = html(&(graph, plan, report), "m");
    assert!(!without.contains("id=\"spectra\"") && !without.contains("id=\"first-step\""));
}

#[test]
fn what_would_help_is_said() {
    let page = html(&checked(6, "auto", own), "m");
    for said in ["What to do", "Qué hacer", "Scale it.", "Normalize it."] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn why_a_layer_starts_as_it_does_is_said() {
    let checked = checked(6, "auto", own);
    let page = html(&checked, "m");
    let line = checked.1.line("layers.2.weight").unwrap();
    let reason = line
        .reason
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    assert!(!reason.is_empty() && page.contains(&reason), "{reason}");
}
