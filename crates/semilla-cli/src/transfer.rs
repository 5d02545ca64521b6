//! Pretrained weights: `--from` and what belongs to it.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use semilla::transfer::{Adapt, Depth, Fate, Given, InvalidOp, Op, Prefixes, Unused};
use semilla::{Disposition, Line, Model, Plan, PlanSource, Recipe, Tie, Transfer};
use semilla_checkpoint::Checkpoint;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::coverage::{self, Coverage, coverage};
use crate::failure::Failure;
use crate::model::{Loaded, Stored, described};
use crate::output::Output;
use crate::ranges::ranges;
use crate::rows;

/// Which checkpoint gives which tensors.
#[derive(Args)]
#[command(next_help_heading = "Pretrained weights")]
pub(crate) struct TransferArgs {
    /// Take tensors from this checkpoint; the recipe initializes the rest
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<PathBuf>,

    /// How that checkpoint stores its weights, if not as its format or its names tell
    #[arg(long, value_enum, value_name = "WHOSE", requires = "from")]
    from_layout: Option<Stored>,

    /// Take only its tensors below this prefix, which is taken away
    #[arg(long, value_name = "PREFIX", requires = "from")]
    strip: Option<String>,

    /// Put this prefix before its names
    #[arg(long, value_name = "PREFIX", requires = "from")]
    add: Option<String>,

    /// Replace a regular expression in its names; may be repeated, applied in order
    #[arg(long, value_name = "REGEX=NEW", requires = "from", value_parser = rename)]
    rename: Vec<(String, String)>,

    /// Do not use these tensors of it
    #[arg(long, value_name = "GLOB", requires = "from")]
    exclude: Vec<String>,

    /// Tensors of the model that must come from it [default: all]
    #[arg(long, value_name = "GLOB", requires = "from")]
    must_load: Vec<String>,

    /// Tensors of the model that need not come from it
    #[arg(long, value_name = "GLOB", requires = "from")]
    may_miss: Vec<String>,

    /// What to do with tensors that do not fit, such as `*.word_embeddings.weight=overlap`, `conv1.weight=channels:preserve`,
    /// `*.pos_embed=positions`, `*=select:heads=[12,6]`, `*=grow:heads=[6,12]`; may be repeated
    #[arg(long, value_name = "GLOB=OPERATION", requires = "from", value_parser = adapt)]
    adapt: Vec<Adapt>,

    /// Another number of layers: the name before their numbers, and first, uniform, stack, interlace or a list such as
    /// `[0,2,4]`; then :zero or :identity for what repeated layers are to be
    #[arg(long, value_name = "LAYERS=MAP", requires = "from", value_parser = depth)]
    depth: Option<Depth>,

    /// The least part of the model that must come from it, from 0 to 1
    #[arg(long, value_name = "PART", requires = "from")]
    min_coverage: Option<f64>,
}

fn rename(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=');
    let owned = parts.map(|(pattern, new)| (pattern.to_owned(), new.to_owned()));
    owned.ok_or_else(|| "write REGEX=NEW, such as gamma$=weight".to_owned())
}

fn adapt(text: &str) -> Result<Adapt, String> {
    let (glob, op) = text
        .split_once('=')
        .ok_or("write GLOB=OPERATION, such as conv1.weight=channels:preserve")?;
    let op = op.parse().map_err(|error: InvalidOp| error.to_string())?;
    let glob = glob.to_owned();
    Ok(Adapt { glob, op })
}

fn depth(text: &str) -> Result<Depth, String> {
    let (layers, map) = text
        .split_once('=')
        .ok_or("write LAYERS=MAP, such as encoder.layer=uniform")?;
    let (map, new) = map.split_once(':').unwrap_or((map, "copy"));
    let form = |map: &str| serde_json::json!({ "layers": layers, "map": map, "new": new });
    let value = match serde_json::from_str::<Vec<usize>>(map) {
        Ok(list) => serde_json::json!({ "layers": layers, "map": list, "new": new }),
        Err(_) => form(map),
    };
    serde_json::from_value(value).map_err(|_| {
        format!("{text:?} is no map of layers; write LAYERS=first, uniform, stack, interlace or [0,2,4], and :zero or :identity")
    })
}

/// What the checkpoints give to each tensor of the model.
pub(crate) struct Transferred {
    pub(crate) fates: Vec<Fate>,
    pub(crate) sources: Vec<PlanSource>,
    pub(crate) files: Vec<Box<dyn Checkpoint>>,
    /// What was offered and not taken: the checkpoint's place, the tensor's name, and why.
    left: Vec<(usize, String, Unused)>,
}

impl Transferred {
    /// Remembers why a target of this shape does not take what it was given.
    pub(crate) fn leave(&mut self, given: &Given, shape: &[usize], why: &Unused) {
        let loads = given.fill.loads(shape);
        let left = loads
            .iter()
            .map(|(_, load)| (load.source, load.tensor.clone(), why.clone()));
        self.left.extend(left);
    }

    /// Lists what was left among its checkpoint's unused tensors, unless another target takes it.
    pub(crate) fn settle(&mut self, model: &Model) {
        let targets = self.fates.iter().zip(&model.tensors);
        let given = targets.filter_map(|(fate, tensor)| Some((fate.given()?, &tensor.shape)));
        let mut known: HashSet<(usize, String)> = given
            .flat_map(|(given, shape)| given.fill.loads(shape))
            .map(|(_, load)| (load.source, load.tensor.clone()))
            .collect();
        for (source, name, why) in self.left.drain(..) {
            if known.insert((source, name.clone())) {
                self.sources[source].unused.push((name, why));
            }
        }
    }
}

impl TransferArgs {
    /// Opens the checkpoints that the recipe and the command line name, and lays their lists beside the model's. Tensors that
    /// are tied to others need not be in them.
    pub(crate) fn align(
        &self,
        recipe: &Recipe,
        loaded: &Loaded,
        ties: &[Tie],
    ) -> Result<Transferred, Failure> {
        let mut transferred = Transferred {
            fates: vec![Fate::New; loaded.model.tensors.len()],
            sources: Vec::new(),
            files: Vec::new(),
            left: Vec::new(),
        };
        for mut rules in self.rules(recipe)? {
            rules
                .may_miss
                .extend(ties.iter().map(|tie| tie.name.clone()));
            let path = rules.from.clone().unwrap_or_default();
            for adapt in &mut rules.adapt {
                if let Op::Rows(rows) = &mut adapt.op {
                    rows::read(rows)?;
                }
            }
            let file = semilla_checkpoint::open(&path)?;
            let told = described(&*file, &path, "--from-layout", self.from_layout)?;
            let one_convention = told.convention == loaded.convention;
            let alignment = rules
                .align(&loaded.model, &told.model, one_convention)
                .map_err(|error| Failure::Transfer(path.clone(), error))?;
            let index = transferred.sources.len();
            for (place, fate) in alignment.fates.into_iter().enumerate() {
                let fate = fate.of_source(index);
                match (&transferred.fates[place], &fate) {
                    (Fate::Given(_), Fate::Given(given)) => {
                        let shape = &loaded.model.tensors[place].shape;
                        transferred.leave(given, shape, &Unused::GivenBefore);
                    }
                    (Fate::Given(_), _) | (_, Fate::New) => {}
                    _ => transferred.fates[place] = fate,
                }
            }
            let remarks = file.remarks().iter().map(ToString::to_string);
            transferred.sources.push(PlanSource {
                path,
                sha256: None,
                prefixes: Prefixes {
                    strip: alignment.stripped,
                    add: alignment.added,
                },
                remarks: remarks.chain(told.remark).collect(),
                tensors: file.tensors().len(),
                unused: alignment.unused,
            });
            transferred.files.push(file);
        }
        Ok(transferred)
    }

    /// The recipe's tables, the command line's checkpoint being the first that names none; or the command line's own rules.
    fn rules(&self, recipe: &Recipe) -> Result<Vec<Transfer>, Failure> {
        let mut tables = recipe.pretrained.clone();
        let given = self.from.as_ref().map(|path| path.display().to_string());
        let own = self.own_rules();
        if let Some(path) = given {
            let unnamed = tables.iter().position(|table| table.from.is_none());
            match unnamed {
                Some(place) if own == Transfer::default() => tables[place].from = Some(path),
                None if tables.is_empty() => tables.push(Transfer {
                    from: Some(path),
                    ..own
                }),
                _ => return Err(Failure::TwoTransfers),
            }
        }
        match tables.iter().all(|table| table.from.is_some()) {
            true => Ok(tables),
            false => Err(Failure::NoSource),
        }
    }

    fn own_rules(&self) -> Transfer {
        Transfer {
            from: None,
            strip: self.strip.clone(),
            add: self.add.clone(),
            rename: self.rename.clone(),
            into: Vec::new(),
            exclude: self.exclude.clone(),
            must_load: self.must_load.clone(),
            may_miss: self.may_miss.clone(),
            min_coverage: self.min_coverage,
            adapt: self.adapt.clone(),
            fuse: Vec::new(),
            split: Vec::new(),
            depth: self.depth.clone(),
        }
    }
}

/// Opens the checkpoints of a saved plan; a recorded hash must still be theirs.
pub(crate) fn reopen(plan: &Plan) -> Result<Vec<Box<dyn Checkpoint>>, Failure> {
    let open = |source: &PlanSource| {
        let file = semilla_checkpoint::open(&source.path)?;
        if let Some(expected) = &source.sha256 {
            check_hash(&*file, &source.path, expected)?;
        }
        Ok(file)
    };
    plan.sources.iter().map(open).collect()
}

/// The plan with its checkpoints' hashes, and that of the model's own file where it keeps values of it.
pub(crate) fn locked(
    plan: &Plan,
    own: Option<&dyn Checkpoint>,
    files: &[Box<dyn Checkpoint>],
) -> Result<String, Failure> {
    let mut plan = plan.clone();
    for (source, file) in plan.sources.iter_mut().zip(files) {
        source.sha256 = Some(hash(&**file)?);
    }
    if plan.keeps() {
        plan.kept = own.map(hash).transpose()?;
    }
    Ok(serde_json::to_string_pretty(&plan)?)
}

/// Checks that the model's file is the one whose values a saved plan keeps.
pub(crate) fn check_kept(plan: &Plan, own: Option<&dyn Checkpoint>) -> Result<(), Failure> {
    let Some(expected) = &plan.kept else {
        return Ok(());
    };
    let own = own.ok_or(Failure::NothingKept)?;
    let path = own.file(0).unwrap_or(Path::new("MODEL"));
    check_hash(own, &path.display().to_string(), expected)
}

/// Checks that a file is the one that a plan was made for.
fn check_hash(file: &dyn Checkpoint, path: &str, expected: &str) -> Result<(), Failure> {
    let found = hash(file)?;
    match found == expected {
        true => Ok(()),
        false => Err(Failure::Changed {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found,
        }),
    }
}

/// The SHA-256 of the checkpoint's file; of several files, of their hashes in order.
fn hash(file: &dyn Checkpoint) -> Result<String, Failure> {
    let mut paths: Vec<&Path> = (0..file.tensors().len())
        .filter_map(|i| file.file(i))
        .collect();
    paths.sort();
    paths.dedup();
    let hashes: Result<Vec<String>, Failure> = paths.iter().map(|path| hash_file(path)).collect();
    let mut hashes = hashes?;
    match hashes.len() {
        1 => Ok(hashes.swap_remove(0)),
        _ => Ok(hex(&Sha256::digest(hashes.concat().as_bytes()))),
    }
}

fn hash_file(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| Failure::Unreadable {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut buffer).map_err(unreadable)?;
        if len == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..len]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How much of a tensor comes from checkpoints.
pub(crate) enum Taken {
    Whole,
    Adapted,
    Nothing,
}

/// What a line, or the one that it is tied to, takes from checkpoints.
pub(crate) fn taken(plan: &Plan, line: &Line) -> Taken {
    match plan.origin(line).disposition {
        Disposition::Copied => Taken::Whole,
        Disposition::Adapted { .. } | Disposition::Selected | Disposition::Grown => Taken::Adapted,
        _ => Taken::Nothing,
    }
}

/// What a plan takes from checkpoints, in numbers and names.
#[derive(Serialize)]
pub(crate) struct Report {
    /// Tensors of the model that come from a checkpoint, whole or in part.
    tensors: usize,
    /// Of so many.
    of_tensors: usize,
    /// Elements that come from a checkpoint.
    elements: u64,
    /// Of so many.
    of_elements: u64,
    /// Tensors that are copied as they are, converted at most: for freezing, or the lowest learning rate.
    loaded: Vec<String>,
    /// Tensors that are made of a checkpoint's, selected, combined or with a part that is new.
    adapted: Vec<String>,
    /// Tensors that are initialized: for the highest learning rate.
    new: Vec<String>,
    /// The same by the beginnings of names.
    prefixes: Vec<Coverage>,
}

impl Report {
    /// `None` for a plan that loads nothing.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        if plan.sources.is_empty() {
            return None;
        }
        let mut report = Self {
            tensors: 0,
            of_tensors: plan.tensors.len(),
            elements: 0,
            of_elements: 0,
            loaded: Vec::new(),
            adapted: Vec::new(),
            new: Vec::new(),
            prefixes: coverage(plan),
        };
        for line in &plan.tensors {
            report.of_elements += line.shape.iter().map(|&size| size as u64).product::<u64>();
            report.elements += line.loaded_elements();
            report.tensors += usize::from(!line.loads().is_empty());
            let list = match taken(plan, line) {
                Taken::Whole => &mut report.loaded,
                Taken::Adapted => &mut report.adapted,
                Taken::Nothing => &mut report.new,
            };
            list.push(line.name.clone());
        }
        Some(report)
    }
}

/// Names in a list that is printed.
const SHOWN: usize = 12;

/// Says what comes from checkpoints, what is new, and what of the checkpoints is not used.
pub(crate) fn print(plan: &Plan, output: &mut Output) -> Result<(), Failure> {
    let Some(report) = Report::new(plan) else {
        return Ok(());
    };
    output.line(format_args!(
        "loaded {} of {} tensors, {:.2} % of the elements",
        report.tensors,
        report.of_tensors,
        100.0 * report.elements as f64 / report.of_elements.max(1) as f64,
    ))?;
    for (what, names) in [("adapted", &report.adapted), ("new", &report.new)] {
        if !names.is_empty() {
            output.line(format_args!("{what}: {}", shortened(names)))?;
        }
    }
    if !report.prefixes.is_empty() {
        output.table(&coverage::table(&report.prefixes))?;
    }
    for source in &plan.sources {
        for remark in &source.remarks {
            output.line(format_args!("{}: {remark}", source.path))?;
        }
        let Prefixes { strip, add } = &source.prefixes;
        if !strip.is_empty() || !add.is_empty() {
            output.line(format_args!(
                "{}: prefix {strip:?} became {add:?}",
                source.path
            ))?;
        }
        let mut reasons: Vec<String> = source
            .unused
            .iter()
            .map(|(_, why)| why.to_string())
            .collect();
        reasons.sort();
        reasons.dedup();
        for reason in reasons {
            let unused = source
                .unused
                .iter()
                .filter(|(_, why)| why.to_string() == reason);
            let names: Vec<String> = unused.map(|(name, _)| name.clone()).collect();
            let names = shortened(&names);
            output.line(format_args!(
                "{}: not used: {names} ({reason})",
                source.path
            ))?;
        }
    }
    Ok(())
}

fn shortened(names: &[String]) -> String {
    let mut ranges = ranges(names);
    let more = ranges.len().saturating_sub(SHOWN);
    ranges.truncate(SHOWN);
    if more > 0 {
        ranges.push(format!("and {more} more (see --json)"));
    }
    ranges.join(", ")
}
