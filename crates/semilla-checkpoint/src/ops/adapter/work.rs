use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use semilla::DType;
use semilla::lora::{LoraInit, Rank, Target};
use semilla::stream;

use super::error::AdapterError;
use super::matrix::{Adapted, Matrix};
use super::peft::{ADAPTER, BASE, CONFIG, Config, factor, how_to_load};
use super::report::AdapterReport;
use crate::ops::pieces::pieces;
use crate::ops::{Inputs, Watch};
use crate::remark::sentences;
use crate::{
    Checkpoint, Error, Metadata, SafetensorsWriter, TensorInfo, Tensors, write_atomically,
};

/// A base, its targets, and where their factors go.
pub(super) struct Work<'a> {
    pub(super) base: &'a dyn Checkpoint,
    pub(super) folder: &'a Path,
    pub(super) init: LoraInit,
    pub(super) rank: Rank,
    pub(super) alpha: u32,
    pub(super) rslora: bool,
    pub(super) targets: &'a [Target],
    pub(super) prefix: &'a str,
    pub(super) seed: u64,
    pub(super) watch: Watch<'a>,
}

impl Work<'_> {
    pub(super) fn carry_out(&self) -> Result<AdapterReport, AdapterError> {
        let start = Instant::now();
        self.check_outputs()?;
        std::fs::create_dir_all(self.folder).map_err(Error::io("make the folder", self.folder))?;
        let adapter = self.adapter_writer()?;
        let residual = self.residual_writer()?;
        let mut matrices = Vec::with_capacity(self.targets.len());
        for (place, target) in self.targets.iter().enumerate() {
            let adapted = self.factors(target)?;
            adapter.write(2 * place, 0, &bytes(&adapted.a))?;
            adapter.write(2 * place + 1, 0, &bytes(&adapted.b))?;
            if let (Some(writer), Some(residual)) = (&residual, adapted.residual) {
                writer.write(target.tensor, 0, &residual)?;
            }
            (self.watch.progress)(self.base.tensors()[target.tensor].bytes());
            matrices.push(adapted.report);
        }
        let mut files = Vec::new();
        if let Some(writer) = residual {
            self.copy_rest(&writer)?;
            files.extend(writer.finish()?);
        }
        files.extend(adapter.finish()?);
        files.push(self.write_config()?);
        Ok(AdapterReport {
            init: self.init,
            rank: self.rank.get(),
            alpha: self.alpha,
            scaling: self.rank.scaling(),
            rslora: self.rslora,
            seed: self.seed,
            matrices,
            files,
            remarks: sentences(self.base.remarks()),
            load: how_to_load(self.folder, self.init.has_residual()),
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    fn check_outputs(&self) -> Result<(), AdapterError> {
        let inputs = Inputs::new().checkpoint(self.base);
        let residual = self.init.has_residual().then_some(BASE);
        for file in [ADAPTER, CONFIG].into_iter().chain(residual) {
            inputs.check(&self.folder.join(file))?;
        }
        Ok(())
    }

    /// The name of a module in the model that peft wraps.
    fn module(&self, target: &Target) -> String {
        format!("{}{}", self.prefix, target.module)
    }

    /// Takes A and B of each target, in turn.
    fn adapter_writer(&self) -> Result<SafetensorsWriter, AdapterError> {
        let r = self.rank.get();
        let mut infos = Vec::with_capacity(2 * self.targets.len());
        for target in self.targets {
            let module = self.module(target);
            for (name, shape) in [('A', [r, target.input]), ('B', [target.out, r])] {
                infos.push(TensorInfo::new(factor(&module, name), DType::F32, shape)?);
            }
        }
        let path = self.folder.join(ADAPTER);
        let tensors = Tensors::new(infos)?;
        Ok(SafetensorsWriter::create(
            path,
            tensors,
            self.metadata(),
            None,
        )?)
    }

    /// Takes the base with residuals, if there are any.
    fn residual_writer(&self) -> Result<Option<SafetensorsWriter>, AdapterError> {
        if !self.init.has_residual() {
            return Ok(None);
        }
        let mut metadata = self.base.metadata().clone();
        metadata.extend(self.metadata());
        let tensors = Tensors::new(self.base.tensors().to_vec())?;
        let path = self.folder.join(BASE);
        Ok(Some(SafetensorsWriter::create(
            path, tensors, metadata, None,
        )?))
    }

    fn metadata(&self) -> Metadata {
        Metadata::from([
            ("semilla.stream".to_owned(), stream::VERSION.to_string()),
            ("semilla.init".to_owned(), self.init.to_string()),
            ("semilla.seed".to_owned(), self.seed.to_string()),
        ])
    }

    fn factors(&self, target: &Target) -> Result<Adapted, AdapterError> {
        let info = &self.base.tensors()[target.tensor];
        let mut values = Vec::with_capacity(info.elements() as usize);
        pieces((self.base, target.tensor), self.watch.stop, |_, bytes| {
            info.dtype().decode(bytes, &mut values);
            Ok::<(), Error>(())
        })?;
        let matrix = Matrix {
            tensor: info.name(),
            module: &self.module(target),
            dtype: info.dtype(),
            shape: [target.out, target.input],
            is_turned: target.is_turned,
        };
        matrix.adapted(&values, self.init, self.rank, self.seed)
    }

    /// Copies the tensors that have no adapter.
    fn copy_rest(&self, writer: &SafetensorsWriter) -> Result<(), Error> {
        for tensor in 0..self.base.tensors().len() {
            if self.targets.iter().any(|target| target.tensor == tensor) {
                continue;
            }
            pieces((self.base, tensor), self.watch.stop, |offset, bytes| {
                (self.watch.progress)(bytes.len() as u64);
                writer.write(tensor, offset, bytes)
            })?;
        }
        Ok(())
    }

    fn write_config(&self) -> Result<PathBuf, Error> {
        let modules = self.targets.iter().map(|target| self.module(target));
        let config = Config::new(self.init, self.rank.get(), self.alpha, modules.collect())
            .rslora(self.rslora)
            .turned(self.targets.iter().all(|target| target.is_turned));
        let path = self.folder.join(CONFIG);
        let json = serde_json::to_vec_pretty(&config).map_err(io::Error::from);
        let mut json = json.map_err(Error::io("write", &path))?;
        json.push(b'\n');
        write_atomically(&path, &json)?;
        Ok(path)
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}
