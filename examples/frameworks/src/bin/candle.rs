//! Gives a candle model the weights of a plan, and compares every tensor with the plan's line.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use candle_core::{Device, Tensor, WithDType};
use candle_nn::{Embedding, LayerNorm, Linear, VarBuilder, VarMap};
use half::bf16;
use semilla::model::Convention;
use semilla::{Element, Line, Model, Plan, Recipe};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A model as candle's users write it.
#[expect(dead_code, reason = "only its parameters matter here")]
struct Net {
    embed: Embedding,
    fc1: Linear,
    norm: LayerNorm,
    head: Linear,
}

impl Net {
    fn new(vb: VarBuilder) -> candle_core::Result<Self> {
        Ok(Self {
            embed: candle_nn::embedding(20, 16, vb.pp("embed"))?,
            fc1: candle_nn::linear(16, 64, vb.pp("fc1"))?,
            norm: candle_nn::layer_norm(64, 1e-5, vb.pp("norm"))?,
            head: candle_nn::linear(64, 5, vb.pp("head"))?,
        })
    }
}

/// Plans the variables of a model, and fills them.
fn init(varmap: &VarMap, recipe: &Recipe, seed: u64) -> Result<Plan> {
    // glue: read
    let vars = BTreeMap::from_iter(varmap.data().lock().unwrap().clone());
    let mut shapes = Vec::new();
    for (name, var) in &vars {
        shapes.push((name.clone(), var.dims().to_vec(), var.dtype().as_str().parse()?));
    }
    // glue: end
    let plan = recipe.plan(&Model::infer(shapes, Convention::Pytorch), seed)?;
    // glue: fill
    for (line, var) in plan.tensors.iter().zip(vars.values()) {
        let bytes = line.to_bytes()?;
        var.set(&Tensor::from_raw_buffer(&bytes, var.dtype(), &line.shape, var.device())?)?;
    }
    // glue: end
    Ok(plan)
}

/// The plan's weights for a model that is not trained: tensors, no variables.
fn frozen(plan: &Plan, device: &Device) -> Result<HashMap<String, Tensor>> {
    // glue: frozen
    let tensor = |line: &Line| -> Result<(String, Tensor)> {
        let (bytes, dtype) = (line.to_bytes()?, line.dtype.name().to_lowercase().parse()?);
        Ok((line.name.clone(), Tensor::from_raw_buffer(&bytes, dtype, &line.shape, device)?))
    };
    let tensors = plan.tensors.iter().map(tensor).collect::<Result<_>>()?;
    // glue: end
    Ok(tensors)
}

/// Builds the model with elements of one type, fills it, and compares; the number of tensors.
fn run<E: Element + WithDType>() -> Result<usize> {
    let (dtype, device) = (<E as WithDType>::DTYPE, Device::Cpu);
    let varmap = VarMap::new();
    Net::new(VarBuilder::from_varmap(&varmap, dtype, &device))?;
    let plan = init(&varmap, &Recipe::named("auto")?, 0)?;

    let frozen = frozen(&plan, &device)?;
    Net::new(VarBuilder::from_tensors(frozen.clone(), dtype, &device))?;
    let vars = varmap.data().lock().unwrap();
    assert_eq!(vars.len(), plan.tensors.len());
    for line in &plan.tensors {
        let planned = line.prepare()?.to_vec::<E>()?;
        let values = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<E>();
        assert!(values(&vars[&line.name])? == planned, "{}", line.name);
        assert!(values(&frozen[&line.name])? == planned, "{}", line.name);
    }
    Ok(vars.len())
}

fn main() -> Result<()> {
    let (single, half) = (run::<f32>()?, run::<bf16>()?);
    println!("candle: {single} tensors in f32 and {half} in bf16 hold the plan's values");
    Ok(())
}
