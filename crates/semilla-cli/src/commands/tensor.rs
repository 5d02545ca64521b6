//! A tensor of a file, as networks take it.

use semilla_checkpoint::Checkpoint;
use semilla_signal::Datum;

use crate::failure::Failure;

/// The values of the tensor at a place; `None` if networks have none of its type.
pub(crate) fn tensor(file: &dyn Checkpoint, place: usize) -> Result<Option<Datum<f32>>, Failure> {
    let info = &file.tensors()[place];
    let mut bytes = vec![0; info.bytes() as usize];
    file.read(place, 0, &mut bytes)?;
    Ok(Datum::decode(info.dtype(), info.shape(), &bytes))
}
