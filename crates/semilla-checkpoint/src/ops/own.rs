//! The model inside of a trainer's checkpoint.

use std::path::{Path, PathBuf};

use semilla::container::{Container, Owner};
use semilla::model::Facts;
use semilla::{Graph, Initializer, Layout};

use crate::{Checkpoint, Error, Format, Malformed, Metadata, Quoted, Remark, TensorInfo, Tensors};

/// A checkpoint without a model's weights, or with names that do not belong to a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoModel {
    /// Everything in it is an optimizer's.
    #[error(
        "{} holds an optimizer's state and no weights; give the file that holds the model",
        .0.display()
    )]
    OptimizerOnly(PathBuf),
    /// Without their prefix, two names are equal.
    #[error("cannot take the model out of {}", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// The names.
        #[source]
        cause: Malformed,
    },
}

/// The tensors of a checkpoint that are the model's, under the model's own names.
struct Own {
    all: Box<dyn Checkpoint>,
    /// Their places in the checkpoint.
    places: Vec<usize>,
    tensors: Tensors,
    remarks: Vec<Remark>,
}

/// The model of a checkpoint: without the optimizer's state, averaged copies and other things of
/// the trainer, under the names that it has in its own code. Whatever is taken off or left out is a
/// remark. A checkpoint that holds nothing else stays as it is.
///
/// # Errors
/// It holds an optimizer's state only, or names that are equal without their prefix.
pub fn own_model(file: Box<dyn Checkpoint>, path: &Path) -> Result<Box<dyn Checkpoint>, NoModel> {
    let container = container(&*file);
    if container.is_bare() {
        return Ok(file);
    }
    let owners = container.owners().iter().enumerate();
    let own = owners.filter(|(_, owner)| **owner == Owner::Model);
    let places: Vec<usize> = own.map(|(place, _)| place).collect();
    if places.is_empty() {
        return Err(NoModel::OptimizerOnly(path.to_owned()));
    }
    let renamed = places.iter().map(|&place| {
        let tensor = &file.tensors()[place];
        let name = tensor.name().strip_prefix(container.prefix());
        TensorInfo::new(
            name.unwrap_or(tensor.name()),
            tensor.dtype(),
            tensor.shape(),
        )
    });
    let renamed: Result<Vec<TensorInfo>, _> = renamed.collect();
    let tensors = renamed.map_err(Malformed::from).and_then(Tensors::new);
    let tensors = tensors.map_err(|cause| NoModel::Names {
        path: path.to_owned(),
        cause,
    })?;
    let remarks = [file.remarks(), &left_out(&container)].concat();
    Ok(Box::new(Own {
        all: file,
        places,
        tensors,
        remarks,
    }))
}

/// Two checkpoints of which one holds more than the model, or has it under a prefix that the other
/// does not: only their models. Others stay as they are.
///
/// # Errors
/// As [`own_model`].
pub fn own_models(
    [(a, a_path), (b, b_path)]: [(Box<dyn Checkpoint>, &Path); 2],
) -> Result<[Box<dyn Checkpoint>; 2], NoModel> {
    let [of_a, of_b] = [&a, &b].map(|file| container(&**file));
    let is_alike =
        of_a.prefix() == of_b.prefix() && kinds(&of_a).is_empty() == kinds(&of_b).is_empty();
    match is_alike {
        true => Ok([a, b]),
        false => Ok([own_model(a, a_path)?, own_model(b, b_path)?]),
    }
}

/// An inspection's remark on a trainer's checkpoint.
pub(super) fn container_remark(file: &dyn Checkpoint) -> Option<String> {
    let container = container(file);
    let mut parts: Vec<String> = Vec::new();
    if !container.prefix().is_empty() {
        let prefix = Quoted::new(container.prefix());
        parts.push(format!("the model's own names follow {prefix}"));
    }
    let kinds = kinds(&container).into_iter();
    parts.extend(kinds.map(|(count, what)| format!("{count} {what}")));
    (!parts.is_empty()).then(|| format!("a trainer's checkpoint: {}", parts.join(", ")))
}

fn container(file: &dyn Checkpoint) -> Container {
    let names = file.tensors().iter().map(TensorInfo::name);
    Container::with_dictionaries(&names.collect::<Vec<_>>(), file.dictionaries())
}

fn left_out(container: &Container) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if !container.prefix().is_empty() {
        remarks.push(Remark::Unwrapped(Quoted::new(container.prefix())));
    }
    let kinds = kinds(container).into_iter();
    remarks.extend(kinds.map(|(count, what)| Remark::LeftOut { count, what }));
    remarks
}

/// The kinds of tensors that are not the model's, each with its number of tensors.
fn kinds(container: &Container) -> Vec<(usize, &'static str)> {
    let kinds = [
        (Owner::Average, "averaged copies of weights (EMA)"),
        (Owner::Optimizer, "tensors of the optimizer's state"),
        (Owner::Trainer, "other tensors of the trainer"),
    ];
    let counted = kinds.map(|(kind, what)| {
        let those = container.owners().iter().filter(|owner| **owner == kind);
        (those.count(), what)
    });
    counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .collect()
}

impl Own {
    fn place(&self, tensor: usize) -> Result<usize, Error> {
        self.places.get(tensor).copied().ok_or(Error::NoSuchTensor {
            tensor,
            count: self.places.len(),
        })
    }
}

impl Checkpoint for Own {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        self.all.metadata()
    }

    fn format(&self) -> Format {
        self.all.format()
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        self.all.layout(*self.places.get(tensor)?)
    }

    fn facts(&self, tensor: usize) -> Option<&Facts> {
        self.all.facts(*self.places.get(tensor)?)
    }

    fn start(&self, tensor: usize) -> Option<&Initializer> {
        self.all.start(*self.places.get(tensor)?)
    }

    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        self.all.made_of_parts(*self.places.get(tensor)?)
    }

    fn graph(&self) -> Option<&Graph> {
        self.all.graph()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.all.file(*self.places.get(tensor)?)
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        let place = self.places.get(tensor);
        place.map_or_else(Vec::new, |place| self.all.files(*place))
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        self.all.read(self.place(tensor)?, offset, into)
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        self.all.scan(self.place(tensor)?, look)
    }
}
