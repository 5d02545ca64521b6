//! A base and an adapter in one list.

use std::path::Path;

use semilla::{Graph, Layout};

use crate::{Checkpoint, Error, Format, Metadata, Remark, TensorInfo, Tensors};

/// The tensors of a base, and behind them those of an adapter.
pub(super) struct Both {
    base: Box<dyn Checkpoint>,
    adapter: Box<dyn Checkpoint>,
    tensors: Tensors,
    remarks: Vec<Remark>,
}

impl Both {
    pub(super) fn new(
        base: Box<dyn Checkpoint>,
        adapter: Box<dyn Checkpoint>,
    ) -> Result<Self, Error> {
        let mut list = base.tensors().to_vec();
        let path = adapter.file(0).unwrap_or(Path::new("")).to_owned();
        for (number, info) in adapter.tensors().iter().enumerate() {
            // A name that no tensor of a base has.
            let name = format!("adapter {number}");
            let info = TensorInfo::new(name, info.dtype(), info.shape());
            list.push(info.map_err(|invalid| Error::malformed(&path)(invalid.into()))?);
        }
        Ok(Self {
            tensors: Tensors::new(list).map_err(Error::malformed(&path))?,
            remarks: [base.remarks(), adapter.remarks()].concat(),
            base,
            adapter,
        })
    }

    /// The file that holds a tensor, and its position there.
    fn place(&self, tensor: usize) -> (&dyn Checkpoint, usize) {
        match tensor.checked_sub(self.base.tensors().len()) {
            None => (&*self.base, tensor),
            Some(tensor) => (&*self.adapter, tensor),
        }
    }
}

impl Checkpoint for Both {
    fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    fn metadata(&self) -> &Metadata {
        self.base.metadata()
    }

    fn format(&self) -> Format {
        self.base.format()
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        let (file, tensor) = self.place(tensor);
        file.layout(tensor)
    }

    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        let (file, tensor) = self.place(tensor);
        file.made_of_parts(tensor)
    }

    fn dictionaries(&self) -> &[String] {
        self.base.dictionaries()
    }

    fn graph(&self) -> Option<&Graph> {
        self.base.graph()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        let (file, tensor) = self.place(tensor);
        file.file(tensor)
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        let (file, tensor) = self.place(tensor);
        file.files(tensor)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let (file, tensor) = self.place(tensor);
        file.read(tensor, offset, into)
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        let (file, tensor) = self.place(tensor);
        file.scan(tensor, look)
    }
}
