//! Steps that repeat a recording against steps that run through the graph anew.

use std::convert::Infallible;

use semilla::model::Spec;
use semilla::network::Network as Described;
use semilla::{Graph, Plan, Recipe};
use semilla_signal::{
    Batch, Datum, Labels, Loss, Network, Optimizer, Parameter, Stepper, Training,
};

const RESIDUAL: &str = r#"
[inputs]
x = "numbers(2, 6, 6)"

[network]
layers = [
  "stem: conv(4, kernel=3) -> batch_norm -> relu",
  { residual = ["a: conv(4) -> tanh -> b: conv(4, bias=false)"] },
  { multiply = [["gelu"], ["sigmoid"]] },
  "max_pool(2) -> avg_pool(3) -> flatten -> norm: layer_norm -> head: linear(3)",
]
"#;

fn network<'g>(graph: &'g Graph, plan: &Plan, optimizer: Optimizer) -> Network<'g> {
    let parameter = |name: &str| {
        let line = plan.line(name)?;
        let value = Datum::decode(line.dtype, &line.shape, &line.to_bytes().ok()?)?;
        Some(Parameter::planned(value, line, optimizer.kind()))
    };
    let inputs = batch(graph, 6, 0);
    Network::new(graph, inputs, |name| Ok::<_, Infallible>(parameter(name))).unwrap()
}

fn batch(graph: &Graph, samples: usize, seed: u64) -> Vec<(String, Datum<f32>)> {
    let batch = Batch {
        samples,
        seed,
        ..Batch::default()
    };
    batch.inputs(graph).unwrap()
}

/// Trains both ways on batches of two sizes, and compares losses and weights.
fn compare(graph: &Graph, plan: &Plan, loss: Loss, optimizer: Optimizer) {
    let stepper = || Stepper::new(optimizer, 0.01).with_decay(0.01);
    let mut training = Training::new(network(graph, plan, optimizer), loss, stepper());
    let (mut anew, mut steps) = (network(graph, plan, optimizer), stepper());
    for step in 0..6 {
        let inputs = batch(graph, if step % 3 == 2 { 3 } else { 6 }, step);
        anew.give(inputs.clone());
        let trace = anew.run().unwrap();
        let output = trace.find(&graph.main().outputs[0].name).unwrap();
        let labels = match &inputs[0].1 {
            Datum::Whole(tokens) => Labels::next_tokens(tokens),
            Datum::Float(_) => loss
                .random_labels(trace.array(output).shape(), step)
                .unwrap(),
        };
        let lost = loss.of(trace.array(output), &labels).unwrap();
        let gradients = trace.gradients([(output, lost.gradient)]);
        steps.step(&mut anew, &trace, &gradients);
        let found = training.step(inputs.clone(), &labels, 0.01).unwrap();
        assert!(
            (found - lost.value).abs() < 1e-6,
            "step {step}: {found}, not {}",
            lost.value
        );
        // Looking changes nothing.
        training.grade(inputs.clone(), &labels).unwrap();
        training.look(inputs, &labels).unwrap();
    }
    for name in training.network().names() {
        let [found, expected] = [training.network(), &anew].map(|network| network.values(name));
        let pairs = found.unwrap().data().iter().zip(expected.unwrap().data());
        for (x, y) in pairs {
            assert!(
                (x - y).abs() <= 1e-5 * y.abs().max(0.01),
                "{name}: {x}, not {y}"
            );
        }
    }
}

#[test]
fn networks_of_numbers() {
    let described = Described::read(RESIDUAL, "").unwrap();
    let plan = Recipe::auto().plan(&described.model, 1).unwrap();
    for optimizer in Optimizer::ALL {
        compare(&described.graph, &plan, Loss::CrossEntropy, optimizer);
    }
    compare(&described.graph, &plan, Loss::Mse, Optimizer::Sgd);
}

/// So large that batches pass in parts.
const LARGE: &str = r#"
[inputs]
x = "numbers(2, 32, 32)"

[network]
layers = [
  "stem: conv(16) -> relu",
  { residual = ["a: conv(16) -> tanh"] },
  "max_pool(2) -> b: conv(8, stride=2) -> gelu -> avg_pool(2) -> flatten -> head: linear(3)",
]
"#;

#[test]
fn batches_in_parts() {
    let described = Described::read(LARGE, "").unwrap();
    let plan = Recipe::auto().plan(&described.model, 1).unwrap();
    for loss in [Loss::CrossEntropy, Loss::Mse] {
        compare(&described.graph, &plan, loss, Optimizer::Momentum);
    }
}

#[test]
fn scales_of_a_scheme() {
    // Factors on what layers make and on their learning rates.
    let text = "mlp:8-32-32-4:relu";
    let plan = "name = \"own\"\nextends = \"mup\"\nbase_width = 8\n";
    let plan = Recipe::from_toml(plan)
        .unwrap()
        .plan(&Spec::parse(text).unwrap(), 2)
        .unwrap();
    compare(
        &Spec::graph(text).unwrap(),
        &plan,
        Loss::CrossEntropy,
        Optimizer::Adam,
    );
}

#[test]
fn networks_of_words() {
    let text = "transformer:1x64:11:gelu:length=6";
    let (model, graph) = (Spec::parse(text).unwrap(), Spec::graph(text).unwrap());
    let plan = Recipe::auto().plan(&model, 3).unwrap();
    compare(&graph, &plan, Loss::NextToken, Optimizer::Adamw);
}
