use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use semilla::DType;
use semilla::lora::{Factors, LoraInit, Rank, Target};
use semilla::stream::{self, Key};

use super::error::AdapterError;
use super::peft::{ADAPTER, BASE, CONFIG, Config, factor, how_to_load};
use super::report::{AdaptedMatrix, AdapterReport};
use crate::ops::pieces::pieces;
use crate::ops::{Inputs, Watch};
use crate::remark::sentences;
use crate::{
    Checkpoint, Error, Metadata, Quoted, SafetensorsWriter, TensorInfo, Tensors, write_atomically,
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
            let (matrix, factors) = self.factors(target)?;
            adapter.write(2 * place, 0, &bytes(&factors.a))?;
            adapter.write(2 * place + 1, 0, &bytes(&factors.b))?;
            if let (Some(writer), Some(residual)) = (&residual, factors.residual) {
                writer.write(target.tensor, 0, &self.stored(target, residual)?)?;
            }
            (self.watch.progress)(self.base.tensors()[target.tensor].bytes());
            matrices.push(matrix);
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

    fn factors(&self, target: &Target) -> Result<(AdaptedMatrix, Factors), AdapterError> {
        let info = &self.base.tensors()[target.tensor];
        let weight = self.weight(target)?;
        let module = self.module(target);
        let shape = [target.out, target.input];
        let key = Key::new(self.seed, &factor(&module, 'A'));
        let factors = self.init.factors(&weight, shape, self.rank, key);
        let factors = factors.map_err(|source| AdapterError::Factors {
            tensor: Quoted::new(info.name()),
            source,
        })?;
        let square = squared_norm(&weight);
        let adapter = self.rank.scaling().powi(2) * factors.squared_norm(self.rank);
        let matrix = AdaptedMatrix {
            tensor: info.name().to_owned(),
            module,
            shape,
            dtype: info.dtype(),
            rank: self.rank.get(),
            norm: square.sqrt(),
            share: if square > 0.0 { adapter / square } else { 0.0 },
            residual: factors
                .residual
                .as_deref()
                .map(|values| squared_norm(values).sqrt()),
        };
        Ok((matrix, factors))
    }

    /// The weight as `[out, in]`.
    fn weight(&self, target: &Target) -> Result<Vec<f64>, Error> {
        let info = &self.base.tensors()[target.tensor];
        let mut values = Vec::with_capacity(info.elements() as usize);
        pieces((self.base, target.tensor), self.watch.stop, |_, bytes| {
            info.dtype().decode(bytes, &mut values);
            Ok::<(), Error>(())
        })?;
        Ok(match target.is_turned {
            true => turned(&values, target.out),
            false => values,
        })
    }

    /// A residual as the tensor's bytes.
    fn stored(&self, target: &Target, residual: Vec<f64>) -> Result<Vec<u8>, AdapterError> {
        let info = &self.base.tensors()[target.tensor];
        let dtype = info.dtype();
        let value = residual.iter().fold(0f64, |most, x| most.max(x.abs()));
        let values = match target.is_turned {
            true => turned(&residual, target.input),
            false => residual,
        };
        let fits = dtype.max_finite().is_some_and(|largest| value <= largest);
        let encoded = dtype.encode(&values).filter(|_| fits);
        encoded.ok_or_else(|| AdapterError::Residual {
            tensor: Quoted::new(info.name()),
            value,
            dtype,
        })
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

fn squared_norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum()
}

/// The transpose of a row-major matrix that has `rows` rows afterwards.
fn turned(values: &[f64], rows: usize) -> Vec<f64> {
    let row = |i: usize| values[i..].iter().step_by(rows.max(1)).copied();
    (0..rows).flat_map(row).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}
