//! Gives a burn module the weights of a plan, and compares every parameter with the plan's line.

use std::error::Error;

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::store::bridge;
use burn::store::{BurnToPyTorchAdapter, FloatCastAdapter, ModuleSnapshot, PyTorchToBurnAdapter};
use burn::tensor::{DType, Device, TensorData};
use half::bf16;
use semilla::model::Convention;
use semilla::{Model, Plan, Recipe};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A module as burn's users write it.
#[derive(Module, Debug)]
struct Net {
    embed: Embedding,
    fc1: Linear,
    norm: LayerNorm,
    head: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        Self {
            embed: EmbeddingConfig::new(20, 16).init(device),
            fc1: LinearConfig::new(16, 64).init(device),
            norm: LayerNormConfig::new(64).init(device),
            head: LinearConfig::new(64, 5).init(device),
        }
    }
}

/// Plans the module's parameters, and fills them.
fn init(module: &mut Net, recipe: &Recipe, seed: u64) -> Result<Plan> {
    // glue: read
    let mut tensors = module.collect(None, Some(Box::new(BurnToPyTorchAdapter)), true);
    let mut shapes = Vec::new();
    for tensor in &tensors {
        shapes.push((tensor.name.clone(), tensor.shape.to_vec(), tensor.dtype.name().parse()?));
    }
    // glue: end
    let plan = recipe.plan(&Model::infer(shapes, Convention::Pytorch), seed)?;
    // glue: fill
    for (tensor, line) in tensors.iter_mut().zip(&plan.tensors) {
        let data = TensorData::from_bytes_vec(line.to_bytes()?, line.shape.clone(), tensor.dtype);
        *tensor = bridge::from_data(data, line.name.clone(), tensor.param_id);
    }
    let applied = module.apply(tensors, None, Some(Box::new(PyTorchToBurnAdapter)), true);
    // glue: end
    assert!(applied.is_success() && applied.missing.is_empty() && applied.unused.is_empty());
    Ok(plan)
}

/// Compares a module's parameters, all of one type, with the plan's lines; the number of them.
fn check<E>(module: &Net, plan: &Plan) -> Result<usize>
where
    E: semilla::Element + burn::tensor::Element + PartialEq,
{
    let tensors = module.collect(None, Some(Box::new(BurnToPyTorchAdapter)), true);
    assert_eq!(tensors.len(), plan.tensors.len());
    for (tensor, line) in tensors.iter().zip(&plan.tensors) {
        assert_eq!((&tensor.name, &tensor.shape[..]), (&line.name, &line.shape[..]));
        let planned = line.prepare()?.to_vec::<E>()?;
        assert!(bridge::to_data(tensor)?.try_to_vec::<E>()? == planned, "{}", line.name);
    }
    Ok(tensors.len())
}

fn main() -> Result<()> {
    let recipe = Recipe::named("auto")?;
    let mut module = Net::new(&Device::flex());
    let plan = init(&mut module, &recipe, 0)?;
    let single = check::<f32>(&module, &plan)?;

    // burn stores [in, out]; the fans count 16 inputs and 64 outputs.
    assert_eq!(module.fc1.weight.dims(), [16, 64]);
    let fans = plan.line("fc1.weight").and_then(|line| line.fans).ok_or("fc1 has no fans")?;
    assert_eq!((fans.fan_in, fans.fan_out), (16.0, 64.0));

    // The same module in bf16.
    let to_bf16 = Box::new(FloatCastAdapter::to(DType::BF16));
    let halves = module.collect(None, Some(to_bf16), true);
    module.apply(halves, None, None, true);
    let plan = init(&mut module, &recipe, 0)?;
    let half = check::<bf16>(&module, &plan)?;

    println!("burn: {single} tensors in f32 and {half} in bf16 hold the plan's values");
    Ok(())
}
