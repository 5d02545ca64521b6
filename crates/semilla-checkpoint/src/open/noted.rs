//! A checkpoint with remarks on how it was found.

use std::path::Path;

use semilla::model::Facts;
use semilla::{Graph, Initializer, Layout};

use crate::{Checkpoint, Error, Format, Metadata, Remark, Tensors};

/// A checkpoint with more remarks than its own.
pub(super) struct Noted {
    inner: Box<dyn Checkpoint>,
    remarks: Vec<Remark>,
}

impl Noted {
    pub(super) fn new(inner: Box<dyn Checkpoint>, remark: Remark) -> Self {
        let own = inner.remarks().iter().cloned();
        let remarks = std::iter::once(remark).chain(own).collect();
        Self { inner, remarks }
    }
}

impl Checkpoint for Noted {
    fn tensors(&self) -> &Tensors {
        self.inner.tensors()
    }

    fn metadata(&self) -> &Metadata {
        self.inner.metadata()
    }

    fn format(&self) -> Format {
        self.inner.format()
    }

    fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    fn layout(&self, tensor: usize) -> Option<&Layout> {
        self.inner.layout(tensor)
    }

    fn facts(&self, tensor: usize) -> Option<&Facts> {
        self.inner.facts(tensor)
    }

    fn start(&self, tensor: usize) -> Option<&Initializer> {
        self.inner.start(tensor)
    }

    fn made_of_parts(&self, tensor: usize) -> Option<&str> {
        self.inner.made_of_parts(tensor)
    }

    fn dictionaries(&self) -> &[String] {
        self.inner.dictionaries()
    }

    fn graph(&self) -> Option<&Graph> {
        self.inner.graph()
    }

    fn file(&self, tensor: usize) -> Option<&Path> {
        self.inner.file(tensor)
    }

    fn files(&self, tensor: usize) -> Vec<&Path> {
        self.inner.files(tensor)
    }

    fn read(&self, tensor: usize, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        self.inner.read(tensor, offset, into)
    }

    fn scan(&self, tensor: usize, look: &(dyn Fn(&[u8]) + Sync)) -> Result<(), Error> {
        self.inner.scan(tensor, look)
    }
}
