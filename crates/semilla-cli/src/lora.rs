//! `semilla lora`: the first factors of adapters, as peft loads them, and the base that goes with them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Args;
use semilla::lora::{Factors, LoraInit, Rank, Target};
use semilla::stream::Key;
use semilla::{DType, stream};
use semilla_checkpoint::{
    Checkpoint, Error, Malformed, Metadata, SafetensorsWriter, TensorInfo, Tensors,
    write_atomically,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::model::{Stored, described};
use crate::output::Output;
use crate::plan::{grouped_digits, number, shape};
use crate::progress::Progress;
use crate::table::Table;

/// Which matrices get which factors.
#[derive(Args)]
pub(crate) struct LoraArgs {
    /// The base: a file of weights (safetensors, .pt, .npz, ONNX, GGUF), or a folder of shards with its index
    #[arg(value_name = "BASE")]
    base: PathBuf,

    /// The folder to write, made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// The first factors: true (A uniform, B zero), gaussian, orthogonal, pissa, olora or mica, as peft names them
    #[arg(long, default_value = "true", value_name = "NAME")]
    init: LoraInit,

    /// The rank of every adapter; the default is peft's
    #[arg(short, long, default_value_t = 8, value_name = "R")]
    rank: usize,

    /// An adapter is multiplied by alpha / rank; the default is peft's
    #[arg(long, default_value_t = 8, value_name = "ALPHA")]
    alpha: u32,

    /// Multiply by alpha / √rank instead
    #[arg(long)]
    rslora: bool,

    /// The matrices, by their tensors' or modules' names; may be repeated [default: attention's query and value, or all
    /// three in one]
    #[arg(long, value_name = "GLOB")]
    target: Vec<String>,

    /// Put this before modules' names, where the model has them inside another module
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "PREFIX"
    )]
    prefix: String,

    /// The seed of what is random
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// How the base stores its weights, if not as its format or its names tell
    #[arg(long, value_enum, value_name = "WHOSE")]
    layout: Option<Stored>,

    /// Threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// What peft reads. What is not here has peft's defaults.
#[derive(Serialize)]
struct Config {
    peft_type: &'static str,
    task_type: Option<&'static str>,
    base_model_name_or_path: Option<&'static str>,
    r: usize,
    lora_alpha: u32,
    use_rslora: bool,
    target_modules: Vec<String>,
    /// How peft makes the factors before the file's replace them: nothing that takes the base apart again.
    init_lora_weights: serde_json::Value,
    fan_in_fan_out: bool,
    lora_dropout: f64,
    bias: &'static str,
    inference_mode: bool,
}

/// What was made of one matrix.
#[derive(Serialize)]
struct Entry {
    tensor: String,
    module: String,
    /// Output and input features.
    shape: [usize; 2],
    dtype: DType,
    rank: usize,
    /// The Frobenius norm of the weight.
    norm: f64,
    /// The squared norm of s B A, in units of the weight's.
    share: f64,
    /// The Frobenius norm of W - s B A, where that takes the weight's place.
    residual: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    init: LoraInit,
    rank: usize,
    alpha: u32,
    scaling: f64,
    rslora: bool,
    seed: u64,
    matrices: Vec<Entry>,
    files: Vec<PathBuf>,
    /// How a program gets the model that the base was.
    load: Vec<String>,
    seconds: f64,
}

/// What is read and written at a time where nothing is computed.
const PIECE: u64 = 1 << 20;

/// Computes, writes, and prints what each matrix got.
pub(crate) fn run(args: &LoraArgs, output: &mut Output, stop: &AtomicBool) -> Result<(), Failure> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Failure::Threads(error.to_string()))?;
    let report = pool.install(|| Work::new(args, stop)?.carry_out())?;
    match output.is_json() {
        true => output.json(&report),
        false => print(&report, output),
    }
}

/// A base, its targets, and where they go.
struct Work<'a> {
    args: &'a LoraArgs,
    stop: &'a AtomicBool,
    start: Instant,
    base: Box<dyn Checkpoint>,
    targets: Vec<Target>,
    rank: Rank,
    progress: Progress,
}

impl<'a> Work<'a> {
    fn new(args: &'a LoraArgs, stop: &'a AtomicBool) -> Result<Self, Failure> {
        let start = Instant::now();
        let alpha = f64::from(args.alpha);
        let rank = match args.rslora {
            true => Rank::stabilized(args.rank, alpha),
            false => Rank::new(args.rank, alpha),
        }?;
        let base = semilla_checkpoint::open(&args.base)?;
        let told = described(&*base, &args.base, "--layout", args.layout)?;
        let targets = Target::choose(&told.model, &args.target)?;
        let factored: u64 = targets
            .iter()
            .map(|target| base.tensors()[target.tensor].bytes())
            .sum();
        let bytes = if args.init.has_residual() {
            base.tensors().bytes()
        } else {
            factored
        };
        Ok(Self {
            args,
            stop,
            start,
            base,
            targets,
            rank,
            progress: Progress::new(bytes),
        })
    }

    fn carry_out(&self) -> Result<Report, Failure> {
        let folder = &self.args.output;
        std::fs::create_dir_all(folder).map_err(|problem| Failure::Folder {
            path: folder.clone(),
            problem,
        })?;
        let adapter = self.adapter()?;
        let residual = self.residual_base()?;
        let mut matrices = Vec::with_capacity(self.targets.len());
        for (place, target) in self.targets.iter().enumerate() {
            let (entry, factors) = self.factors(target)?;
            adapter.write(2 * place, 0, &bytes(&factors.a))?;
            adapter.write(2 * place + 1, 0, &bytes(&factors.b))?;
            if let (Some(writer), Some(residual)) = (&residual, factors.residual) {
                writer.write(target.tensor, 0, &self.stored(target, residual)?)?;
            }
            self.progress
                .add(self.base.tensors()[target.tensor].bytes());
            matrices.push(entry);
        }
        let mut files = Vec::new();
        if let Some(writer) = residual {
            self.copy_rest(&writer)?;
            self.progress.message("syncing to disk");
            files.extend(writer.finish()?);
        }
        files.extend(adapter.finish()?);
        files.push(self.write_config()?);
        self.progress.finish();
        Ok(Report {
            init: self.args.init,
            rank: self.rank.get(),
            alpha: self.args.alpha,
            scaling: self.rank.scaling(),
            rslora: self.args.rslora,
            seed: self.args.seed,
            matrices,
            load: self.how_to_load(),
            files,
            seconds: self.start.elapsed().as_secs_f64(),
        })
    }

    /// The name of a module in the model that peft wraps.
    fn module(&self, target: &Target) -> String {
        format!("{}{}", self.args.prefix, target.module)
    }

    fn name(&self, target: &Target, factor: char) -> String {
        format!(
            "base_model.model.{}.lora_{factor}.weight",
            self.module(target)
        )
    }

    /// The adapter's file: A and B of each target, in turn.
    fn adapter(&self) -> Result<SafetensorsWriter, Failure> {
        let r = self.rank.get();
        let mut infos = Vec::with_capacity(2 * self.targets.len());
        for target in &self.targets {
            for (factor, shape) in [('A', [r, target.input]), ('B', [target.out, r])] {
                infos.push(TensorInfo::new(
                    self.name(target, factor),
                    DType::F32,
                    shape,
                ));
            }
        }
        let infos: Result<Vec<_>, _> = infos.into_iter().collect();
        let tensors = Tensors::new(infos.map_err(Malformed::from)?)?;
        let path = self.args.output.join("adapter_model.safetensors");
        Ok(SafetensorsWriter::create(
            path,
            tensors,
            self.metadata(),
            None,
        )?)
    }

    fn metadata(&self) -> Metadata {
        Metadata::from([
            ("semilla.stream".to_owned(), stream::VERSION.to_string()),
            ("semilla.init".to_owned(), self.args.init.to_string()),
            ("semilla.seed".to_owned(), self.args.seed.to_string()),
        ])
    }

    /// The file of the base with residuals, if there are any.
    fn residual_base(&self) -> Result<Option<SafetensorsWriter>, Failure> {
        if !self.args.init.has_residual() {
            return Ok(None);
        }
        let path = self.args.output.join(BASE);
        if self.is_base(&path) {
            return Err(Failure::OntoBase(path));
        }
        let mut metadata = self.base.metadata().clone();
        metadata.extend(self.metadata());
        let tensors = Tensors::new(self.base.tensors().to_vec())?;
        Ok(Some(SafetensorsWriter::create(
            path, tensors, metadata, None,
        )?))
    }

    fn is_base(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else {
            return false;
        };
        let mut files = (0..self.base.tensors().len()).filter_map(|tensor| self.base.file(tensor));
        files.any(|file| file.canonicalize().is_ok_and(|file| file == path))
    }

    fn factors(&self, target: &Target) -> Result<(Entry, Factors), Failure> {
        let info = &self.base.tensors()[target.tensor];
        let weight = self.weight(target)?;
        let shape = [target.out, target.input];
        let key = Key::new(self.args.seed, &self.name(target, 'A'));
        let factors = self.args.init.factors(&weight, shape, self.rank, key);
        let factors = factors.map_err(|problem| Failure::Adapter {
            name: info.name().to_owned(),
            problem,
        })?;
        let square: f64 = weight.iter().map(|x| x * x).sum();
        let adapter = self.rank.scaling().powi(2) * factors.squared_norm(self.rank);
        let residual = factors.residual.as_ref();
        let entry = Entry {
            tensor: info.name().to_owned(),
            module: self.module(target),
            shape,
            dtype: info.dtype(),
            rank: self.rank.get(),
            norm: square.sqrt(),
            share: if square > 0.0 { adapter / square } else { 0.0 },
            residual: residual.map(|values| values.iter().map(|x| x * x).sum::<f64>().sqrt()),
        };
        Ok((entry, factors))
    }

    /// The weight as `[out, in]`.
    fn weight(&self, target: &Target) -> Result<Vec<f64>, Failure> {
        let info = &self.base.tensors()[target.tensor];
        let mut values = Vec::with_capacity(info.elements() as usize);
        self.pieces(target.tensor, |_, piece| {
            info.dtype().decode(piece, &mut values);
            Ok(())
        })?;
        Ok(match target.is_turned {
            true => turned(&values, target.out),
            false => values,
        })
    }

    /// A residual as the tensor's bytes.
    fn stored(&self, target: &Target, residual: Vec<f64>) -> Result<Vec<u8>, Failure> {
        let info = &self.base.tensors()[target.tensor];
        let dtype = info.dtype();
        let value = residual.iter().fold(0f64, |most, x| most.max(x.abs()));
        let values = match target.is_turned {
            true => turned(&residual, target.input),
            false => residual,
        };
        let fits = dtype.max_finite().is_some_and(|largest| value <= largest);
        dtype
            .encode(&values)
            .filter(|_| fits)
            .ok_or_else(|| Failure::Residual {
                name: info.name().to_owned(),
                value,
                dtype,
            })
    }

    fn copy_rest(&self, writer: &SafetensorsWriter) -> Result<(), Failure> {
        for tensor in 0..self.base.tensors().len() {
            if self.targets.iter().any(|target| target.tensor == tensor) {
                continue;
            }
            self.pieces(tensor, |offset, piece| {
                self.progress.add(piece.len() as u64);
                Ok(writer.write(tensor, offset, piece)?)
            })?;
        }
        Ok(())
    }

    /// Hands out a tensor's bytes, with where they start.
    fn pieces(
        &self,
        tensor: usize,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let bytes = self.base.tensors()[tensor].bytes();
        let mut buffer = vec![0; PIECE.min(bytes) as usize];
        let mut offset = 0;
        while offset < bytes {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted.into());
            }
            let piece = &mut buffer[..PIECE.min(bytes - offset) as usize];
            self.base.read(tensor, offset, piece)?;
            each(offset, piece)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }

    fn write_config(&self) -> Result<PathBuf, Failure> {
        let config = Config {
            peft_type: "LORA",
            task_type: None,
            base_model_name_or_path: None,
            r: self.rank.get(),
            lora_alpha: self.args.alpha,
            use_rslora: self.args.rslora,
            target_modules: self
                .targets
                .iter()
                .map(|target| self.module(target))
                .collect(),
            init_lora_weights: match self.args.init {
                // Leaves the base alone, and keeps B frozen.
                LoraInit::Mica => "mica".into(),
                _ => true.into(),
            },
            fan_in_fan_out: self.targets.iter().all(|target| target.is_turned),
            lora_dropout: 0.0,
            bias: "none",
            inference_mode: true,
        };
        let path = self.args.output.join("adapter_config.json");
        let mut json = serde_json::to_vec_pretty(&config)?;
        json.push(b'\n');
        write_atomically(&path, &json)?;
        Ok(path)
    }

    /// In Python, with transformers and peft.
    fn how_to_load(&self) -> Vec<String> {
        let folder = self.args.output.display();
        let adapter =
            format!("model = PeftModel.from_pretrained(model, \"{folder}\", is_trainable=True)");
        let base = self.args.init.has_residual().then(|| {
            let file = self.args.output.join(BASE);
            let file = file.display();
            format!("model = type(model).from_pretrained(None, config=model.config, state_dict=load_file(\"{file}\"))")
        });
        base.into_iter().chain([adapter]).collect()
    }
}

/// The base with residuals in the place of the weights that have adapters.
const BASE: &str = "base.safetensors";

/// The transpose of a row-major matrix that has `rows` rows afterwards.
fn turned(values: &[f64], rows: usize) -> Vec<f64> {
    let row = |i: usize| values[i..].iter().step_by(rows.max(1)).copied();
    (0..rows).flat_map(row).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn print(report: &Report, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "matrix",
        "out, in",
        "dtype",
        "rank",
        "norm",
        "in the adapter",
        "residual",
    ]);
    for entry in &report.matrices {
        table.row([
            entry.tensor.clone(),
            shape(&entry.shape),
            entry.dtype.to_string(),
            entry.rank.to_string(),
            number(entry.norm),
            format!("{:.2}%", 100.0 * entry.share),
            entry
                .residual
                .map_or_else(|| "the base as it is".to_owned(), number),
        ]);
    }
    output.table(&table)?;
    let parameters: usize = report
        .matrices
        .iter()
        .map(|e| e.rank * (e.shape[0] + e.shape[1]))
        .sum();
    output.line(format_args!(
        "{} adapters, {} parameters, scaling {}; norms are Frobenius, shares those of the squared norm",
        report.matrices.len(),
        grouped_digits(parameters as u64),
        number(report.scaling)
    ))?;
    let names: Vec<String> = report
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    output.line(format_args!(
        "wrote {} in {:.1} s",
        names.join(", "),
        report.seconds
    ))?;
    if report.init.has_residual() {
        output.line(format_args!(
            "the adapter belongs to the base written here, not to the one that was given. adapter_config.json therefore says \
             init_lora_weights = true: by {:?}, peft would take the base apart once more. To load:",
            report.init.name()
        ))?;
    } else {
        output.line(format_args!(
            "the adapter belongs to the base as it is. To load:"
        ))?;
    }
    for line in &report.load {
        output.line(format_args!("  {line}"))?;
    }
    Ok(())
}
