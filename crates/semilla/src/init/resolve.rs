//! From an initializer and a tensor to values: of the whole, or block by block.

use super::context::{Context, Resolved};
use super::error::InitError;
use super::formula::{Formula, Place};
use super::parts::Parts;
use crate::dtype::Element;
use crate::layout::FanRule;
use crate::model::Tensor;
use crate::stream::Key;

/// The concrete values of the initializer `name`, checked against the tensor.
pub(super) fn resolve(
    name: &'static str,
    formula: &dyn Formula,
    tensor: &Tensor,
    context: &Context,
) -> Result<Resolved, InitError> {
    if let Some(layout) = &tensor.layout {
        layout.check_counts()?;
    }
    let place = Place {
        name,
        tensor,
        context,
    };
    // The peers' rules read a fused weight as one.
    let exact = context.fans == FanRule::Exact;
    let resolved = match Parts::of(tensor) {
        Some(parts) if exact && formula.is_blockwise() => {
            parts.each(&place, |_, part| formula.at(part))?
        }
        _ => formula.at(&place)?,
    };
    resolved.fill.check(&tensor.shape, tensor.dtype)?;
    Ok(resolved)
}

/// The elements of the initializer `name` at a tensor under a seed.
pub(super) fn generate<E: Element>(
    name: &'static str,
    formula: &dyn Formula,
    tensor: &Tensor,
    seed: u64,
) -> Result<Vec<E>, InitError> {
    if tensor.dtype != E::DTYPE {
        return Err(InitError::DType {
            name: tensor.name.clone(),
            actual: tensor.dtype,
            asked: E::DTYPE,
        });
    }
    let context = Context {
        seed,
        ..Context::default()
    };
    let fill = resolve(name, formula, tensor, &context)?.fill;
    let key = Key::new(seed, &tensor.name);
    Ok(fill.prepare(key, &tensor.shape, tensor.dtype)?.to_vec()?)
}

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::init::{self, Context, Initializer};
    use crate::model::Tensor;

    #[test]
    fn counts_that_cannot_be_are_refused_at_use() {
        let refused = |initializer: Initializer, tensor: Tensor| {
            let refused = initializer.resolve(&tensor, &Context::default());
            refused.unwrap_err().to_string()
        };
        let conv = || Tensor::conv("w", [64, 2, 3, 3]);
        let groups = refused(init::zeros().into(), conv().groups(0));
        assert!(groups.contains("has groups 0"), "{groups}");
        for gates in [3, 100, usize::MAX] {
            let gates = refused(init::xavier_uniform().into(), conv().gates(gates));
            assert!(gates.contains("that add up to axis 0"), "{gates}");
        }
        assert!(
            init::xavier_uniform()
                .resolve(&conv().gates(4), &Context::default())
                .is_ok()
        );
    }

    #[test]
    fn a_struct_and_its_initializer_give_the_same() {
        let tensor = Tensor::linear("w", 7, 5).dtype(DType::F64);
        let normal = init::normal().mean(1.0);
        let values: Vec<f64> = normal.generate(&tensor, 3).unwrap();
        assert_eq!(Initializer::from(normal).generate(&tensor, 3), Ok(values));
        let wrong = init::zeros().generate::<f32>(&tensor, 3).unwrap_err();
        assert!(wrong.to_string().contains("F64, not F32"), "{wrong}");
    }
}
