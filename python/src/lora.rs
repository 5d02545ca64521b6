//! Adapters of live weights.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use semilla::DType;
use semilla::lora::{LoraInit, Rank};
use semilla_checkpoint::ops::Matrix;

use crate::errors::raised;
use crate::memory::Destination;
use crate::threads;

/// Makes the first factors of a weight's adapter: writes `a` and `b` (f32), and the residual over
/// the weight, where the initializer has one. Returns what was done as JSON.
#[pyfunction]
#[pyo3(signature = (weight, a, b, *, tensor, module, init, rank, alpha, rslora, is_turned, seed))]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub(crate) fn adapt(
    py: Python<'_>,
    mut weight: Destination,
    mut a: Destination,
    mut b: Destination,
    tensor: &str,
    module: &str,
    init: &str,
    rank: usize,
    alpha: f64,
    rslora: bool,
    is_turned: bool,
    seed: u64,
) -> PyResult<String> {
    let init: LoraInit = init.parse().map_err(raised)?;
    let rank = match rslora {
        true => Rank::stabilized(rank, alpha),
        false => Rank::new(rank, alpha),
    }
    .map_err(raised)?;
    let dtype = weight.dtype();
    if !matches!(dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16) {
        return Err(PyTypeError::new_err(format!(
            "{tensor} is stored as {dtype}; adapters need weights in f64, f32, f16 or bf16"
        )));
    }
    let &[rows, columns] = weight.whole() else {
        let text = format!("{tensor} is no matrix; only matrices can be adapted");
        return Err(PyValueError::new_err(text));
    };
    let shape = match is_turned {
        true => [columns, rows],
        false => [rows, columns],
    };
    let factors = [
        (&a, [rank.get(), shape[1]], "A"),
        (&b, [shape[0], rank.get()], "B"),
    ];
    for (factor, shape, name) in factors {
        if factor.dtype() != DType::F32 || factor.whole() != shape {
            let text = format!("factor {name} of {module} is not f32 of shape {shape:?}");
            return Err(PyValueError::new_err(text));
        }
    }
    let matrix = Matrix {
        tensor,
        module,
        dtype,
        shape,
        is_turned,
    };
    // SAFETY: this package's Python takes the arrays from live tensors and holds them during the
    // call.
    let (weight, a, b) = unsafe { (weight.bytes()?, a.bytes()?, b.bytes()?) };
    let report = py.detach(|| {
        let mut values = Vec::new();
        dtype.decode(weight, &mut values);
        let adapted = threads::on_all(|| matrix.adapted(&values, init, rank, seed));
        let adapted = adapted.map_err(raised)?;
        a.copy_from_slice(bytemuck::cast_slice(&adapted.a));
        b.copy_from_slice(bytemuck::cast_slice(&adapted.b));
        if let Some(residual) = &adapted.residual {
            weight.copy_from_slice(residual);
        }
        Ok::<_, PyErr>(adapted.report)
    })?;
    serde_json::to_string(&report).map_err(raised)
}
