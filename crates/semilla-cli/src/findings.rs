//! What is noticed about the values that were loaded, in words that say what it means and what to do.

use std::collections::HashMap;

use rayon::prelude::*;
use semilla::inspect::{Collector, Match, identify, orthogonal_gain};
use semilla::junction::{Beside, FACTOR, Junction, Verdict, junctions};
use semilla::{Line, Load, Plan, Role, Tensor};
use semilla_checkpoint::{Checkpoint, Health};
use serde::Serialize;

use crate::compare::{Place, same};
use crate::failure::Failure;
use crate::output::Output;
use crate::plan::number;
use crate::ranges::ranges;
use crate::table::Table;

/// Denormals are told where they are more than this part of a tensor.
const MANY_DENORMALS: f64 = 0.01;
/// A scale is told where it is this many times what the fan asks for, or this many times less.
const ABSURD: f64 = 100.0;
/// The elements, from the first on, by which a tensor is compared with initializers: a MiB of floats.
const SAMPLE: u64 = 1 << 18;
/// Fewer elements tell too little to take a tensor for fresh.
pub(crate) const LEAST_SAMPLE: u64 = 1 << 10;

/// Contents with the same figures that are told apart: more are no accident, and would take long to compare.
const CONTENTS: usize = 8;

/// What was noticed about loaded values, and how the new ones go with them.
#[derive(Serialize)]
pub(crate) struct Findings {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    junctions: Vec<Junction>,
}

#[derive(Serialize)]
struct Finding {
    tensor: String,
    elements: u64,
    non_finite: u64,
    overflowed: u64,
    flushed: u64,
    all_zero: bool,
    denormal: u64,
    rms: Option<f64>,
    notes: Vec<Note>,
}

/// One thing that is to be said of a tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Note {
    NonFinite { count: u64 },
    Overflowed { count: u64 },
    Flushed { count: u64 },
    Denormal { count: u64 },
    Constant { value: f64 },
    Scale { rms: f64, expected: f64 },
    NotPositive { count: u64 },
    Fresh { initializer: String, p: Option<f64> },
    TiedByContent { to: String },
}

impl Note {
    /// What was seen.
    fn what(&self) -> String {
        match self {
            Note::NonFinite { count } => format!("{count} NaN or infinite"),
            Note::Overflowed { count } => format!("{count} overflowed"),
            Note::Flushed { count } => format!("{count} flushed to 0"),
            Note::Denormal { count } => format!("{count} denormal"),
            Note::Constant { value } => format!("all {}", number(*value)),
            Note::Scale { rms, expected } => {
                format!(
                    "RMS {}, fan-in asks for {}",
                    number(*rms),
                    number(*expected)
                )
            }
            Note::NotPositive { count } => format!("{count} variances ≤ 0"),
            Note::Fresh { initializer, p } => match p {
                Some(p) => format!("fits {initializer} (p = {p:.3})"),
                None => format!("fits {initializer}"),
            },
            Note::TiedByContent { to } => format!("equal to {to}"),
        }
    }

    /// What it means, and what to do.
    fn advice(&self) -> String {
        match self {
            Note::NonFinite { .. } => "no weight can be: the checkpoint is damaged or its training diverged",
            Note::Overflowed { .. } => "too large for the new type, infinite or NaN in it: choose a wider --dtype",
            Note::Flushed { .. } => "too small for the new type; a wider --dtype keeps them",
            Note::Denormal { .. } => {
                "below the type's normal range: nearly 0, imprecise, and slow on some CPUs; pruned or underflowed?"
            }
            Note::Constant { .. } => {
                "nothing was learnt here: a layer that was never trained, or pruned; exclude it to initialize it"
            }
            Note::Scale { .. } => {
                "beyond a factor of 100: wrong units, a quantized tensor without its scale, or the wrong axis as input"
            }
            Note::NotPositive { .. } => {
                "batch normalization divides by its root: activations explode or are NaN; recompute the statistics"
            }
            Note::Fresh { .. } => {
                "looks never trained: not told from that initializer at p = 0.001; short tensors may fit by chance"
            }
            Note::TiedByContent { .. } => "tied by content: if they are to stay one tensor, declare it with --tie",
        }
        .to_owned()
    }
}

/// Ends the command where a checkpoint holds what no weight can be.
pub(crate) fn refuse_non_finite(health: &[(String, Health)]) -> Result<(), Failure> {
    let with = |is_bad: fn(&Health) -> bool| -> Vec<String> {
        let bad = health.iter().filter(|(_, health)| is_bad(health));
        bad.map(|(name, _)| name.clone()).collect()
    };
    let non_finite = with(|health| health.non_finite > 0);
    let overflowed = with(|health| health.overflowed > 0);
    match (&non_finite[..], &overflowed[..]) {
        ([], []) => Ok(()),
        ([], some) => Err(Failure::Overflow(shortened(some))),
        (some, _) => Err(Failure::NonFinite(shortened(some))),
    }
}

/// A tensor that was loaded.
struct Loaded<'a> {
    line: &'a Line,
    load: &'a Load,
    health: Health,
    from: Place<'a>,
}

impl Loaded<'_> {
    /// Whether the tensor is one of a checkpoint's as it lies.
    fn is_plain(&self) -> bool {
        self.line.load().is_some_and(Load::is_plain)
    }
}

impl Findings {
    /// Looks at what the loading noticed, and at some of the values again. `files` are the plan's checkpoints, in its order.
    pub(crate) fn new(
        plan: &Plan,
        health: &[(String, Health)],
        files: &[Box<dyn Checkpoint>],
    ) -> Result<Self, Failure> {
        let lines: HashMap<&str, &Line> = plan
            .tensors
            .iter()
            .map(|line| (line.name.as_str(), line))
            .collect();
        let loaded: Vec<Loaded<'_>> = health
            .iter()
            .filter_map(|(name, health)| {
                let line = *lines.get(name.as_str())?;
                let (_, load) = *line.loads().first()?;
                let file = &**files.get(load.source)?;
                Some(Loaded {
                    line,
                    load,
                    health: *health,
                    from: (file, file.tensors().index_of(&load.tensor)?),
                })
            })
            .collect();
        let fresh: Result<Vec<Option<Note>>, Failure> = loaded.par_iter().map(fresh).collect();
        let mut notes: Vec<Vec<Note>> = loaded.iter().map(by_figures).collect();
        for (notes, fresh) in notes.iter_mut().zip(fresh?) {
            notes.extend(fresh);
        }
        for (place, first) in equal(&loaded)? {
            notes[place].push(Note::TiedByContent {
                to: loaded[first].line.name.clone(),
            });
        }
        let found = loaded
            .iter()
            .zip(notes)
            .filter(|(_, notes)| !notes.is_empty());
        let measured: HashMap<&str, f64> = health
            .iter()
            .filter_map(|(name, health)| Some((name.as_str(), health.rms()?)))
            .collect();
        Ok(Self {
            findings: found
                .map(|(loaded, notes)| finding(loaded, notes))
                .collect(),
            junctions: junctions(plan, |line| measured.get(line.name.as_str()).copied()),
        })
    }

    pub(crate) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        self.print_findings(output)?;
        self.print_junctions(output)
    }

    fn print_findings(&self, output: &mut Output) -> Result<(), Failure> {
        let said = self.findings.iter().flat_map(|finding| {
            let notes = finding.notes.iter();
            notes.map(|note| (finding.tensor.clone(), [note.what(), note.advice()]))
        });
        let rows = together(said);
        if rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["noticed in", "what", "what it means"]);
        for (names, [what, advice]) in rows {
            table.row([shortened(&names), what, advice]);
        }
        output.table(&table)
    }

    fn print_junctions(&self, output: &mut Output) -> Result<(), Failure> {
        if self.junctions.is_empty() {
            return Ok(());
        }
        let mut table = Table::new([
            "new beside loaded",
            "planned",
            "loaded",
            "ratio",
            "compared with",
            "verdict",
        ]);
        let said = self.junctions.iter().map(|junction| {
            let unit = match junction.role.is_matrix() {
                true => "gain",
                false => "RMS",
            };
            let cells = [
                format!("{unit} {}", number(junction.planned)),
                format!("{unit} {}", number(junction.loaded)),
                number(junction.ratio),
                beside(junction.beside),
                verdict(junction.verdict).to_owned(),
            ];
            (junction.tensor.clone(), cells)
        });
        for (names, [planned, loaded, ratio, beside, verdict]) in together(said) {
            table.row([shortened(&names), planned, loaded, ratio, beside, verdict]);
        }
        output.table(&table)?;
        let beyond = |j: &&Junction| matches!(j.verdict, Verdict::Smaller | Verdict::Larger);
        let beyond = self.junctions.iter().filter(beyond);
        let names: Vec<String> = beyond.map(|junction| junction.tensor.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        output.line(format_args!(
            "beyond a factor of {FACTOR} from what was loaded: {}; signals change their size there. A rule for them with the loaded \
             gain would keep it",
            shortened(&names)
        ))
    }
}

/// Names of which the same is to be said, in the order of the first.
fn together<const N: usize>(
    said: impl Iterator<Item = (String, [String; N])>,
) -> Vec<(Vec<String>, [String; N])> {
    let mut places: HashMap<[String; N], usize> = HashMap::new();
    let mut rows: Vec<(Vec<String>, [String; N])> = Vec::new();
    for (name, cells) in said {
        let place = *places.entry(cells.clone()).or_insert(rows.len());
        match rows.get_mut(place) {
            Some((names, _)) => names.push(name),
            None => rows.push((vec![name], cells)),
        }
    }
    rows
}

fn beside(beside: Beside) -> String {
    match beside {
        Beside::OwnPart => "its own loaded part".to_owned(),
        Beside::SameRole { tensors } => format!("the median of {tensors} loaded of its role"),
        Beside::Matrices { tensors } => format!("the median of {tensors} loaded matrices"),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fits => "fits",
        Verdict::Smaller => "smaller",
        Verdict::Larger => "larger",
        Verdict::StartsAtZero => "starts at 0",
    }
}

fn shortened(names: &[String]) -> String {
    /// Words in a cell.
    const SHOWN: usize = 12;
    let mut words = ranges(names);
    let more = words.len().saturating_sub(SHOWN);
    words.truncate(SHOWN);
    if more > 0 {
        words.push(format!("and {more} more (see --json)"));
    }
    words.join(", ")
}

fn finding(loaded: &Loaded<'_>, notes: Vec<Note>) -> Finding {
    let health = &loaded.health;
    Finding {
        tensor: loaded.line.name.clone(),
        elements: health.elements,
        non_finite: health.non_finite,
        overflowed: health.overflowed,
        flushed: health.flushed,
        all_zero: health.is_all_zero(),
        denormal: health.denormal,
        rms: health.rms(),
        notes,
    }
}

/// What the figures alone tell.
fn by_figures(loaded: &Loaded<'_>) -> Vec<Note> {
    let (line, health) = (loaded.line, &loaded.health);
    let mut notes = Vec::new();
    let mut counted = |count: u64, note: fn(u64) -> Note| {
        if count > 0 {
            notes.push(note(count));
        }
    };
    counted(health.non_finite, |count| Note::NonFinite { count });
    counted(health.overflowed, |count| Note::Overflowed { count });
    counted(health.flushed, |count| Note::Flushed { count });
    if health.denormal as f64 > MANY_DENORMALS * health.elements as f64 {
        counted(health.denormal, |count| Note::Denormal { count });
    }
    if line.role == Role::RunningVar {
        counted(health.zeros + health.negative, |count| Note::NotPositive {
            count,
        });
    }
    let unexpected =
        |value: &f64| varies(line.role) || (*value == 0.0 && !starts_at_zero(line.role));
    notes.extend(
        health
            .constant()
            .filter(unexpected)
            .map(|value| Note::Constant { value }),
    );
    notes.extend(scale(line, health));
    notes
}

/// Roles of tensors whose elements differ once they are trained.
fn varies(role: Role) -> bool {
    role.is_matrix() || matches!(role, Role::Embedding | Role::PositionEmbedding)
}

/// Roles of tensors that are 0 in many a trained model, or whose zeros are told otherwise.
fn starts_at_zero(role: Role) -> bool {
    matches!(
        role,
        Role::Bias
            | Role::RecurrentBias
            | Role::NormBias
            | Role::RunningMean
            | Role::RunningVar
            | Role::Counter
            | Role::PositionIds
    )
}

/// A scale that no layer of this fan-in has.
fn scale(line: &Line, health: &Health) -> Option<Note> {
    let fans = line.layout.as_ref()?.fans(&line.shape).ok()?;
    let (rms, expected) = (health.rms()?, fans.fan_in.powf(-0.5));
    let ratio = rms / expected;
    let absurd = rms > 0.0 && !(1.0 / ABSURD..=ABSURD).contains(&ratio);
    (line.role.is_matrix() && absurd).then_some(Note::Scale { rms, expected })
}

/// Whether the first values of a matrix are those of an initializer.
fn fresh(loaded: &Loaded<'_>) -> Result<Option<Note>, Failure> {
    let (line, (file, place)) = (loaded.line, loaded.from);
    let info = &file.tensors()[place];
    let varied = loaded.health.range().is_some_and(|(min, max)| min < max);
    let taken = SAMPLE.min(info.elements());
    let judged = line.role.is_matrix()
        && info.dtype().is_float()
        && line.load().is_some_and(|load| load.axes.is_empty())
        && taken >= LEAST_SAMPLE
        && varied
        && loaded.health.non_finite == 0;
    if !judged {
        return Ok(None);
    }
    let mut bytes = vec![0; taken as usize * info.dtype().size()];
    file.read(place, 0, &mut bytes)?;
    let mut values = Vec::with_capacity(taken as usize);
    info.dtype().decode(&bytes, &mut values);
    let orthogonal = orthogonal(&values, info.shape(), info.dtype()).map(|gain| Match {
        name: format!("orthogonal, gain {}", number(gain)),
        p: None,
    });
    let found = orthogonal.or_else(|| {
        let tensor = Tensor {
            role: line.role,
            layout: line.layout.clone(),
            ..Tensor::new(line.name.as_str(), line.shape.clone(), info.dtype())
        };
        let mut collector = Collector::new(taken);
        collector.push(&values);
        identify(&collector, &tensor)
    });
    Ok(found.map(|Match { name, p }| Note::Fresh {
        initializer: name,
        p,
    }))
}

/// The gain of an orthogonal matrix, from all of it or from the first rows of a wide one.
fn orthogonal(values: &[f64], shape: &[usize], dtype: semilla::DType) -> Option<f64> {
    let &[rows, columns] = shape else {
        return None;
    };
    let read = values.len() / columns.max(1);
    let rows = match rows <= columns {
        true => read.min(rows),
        false if read < rows => return None,
        false => rows,
    };
    orthogonal_gain(&values[..rows * columns], rows, columns, dtype)
}

/// Pairs of a tensor and the first one that has the same bytes: candidates by their figures, then byte by byte.
///
/// Constants are left out, and tensors that take the same one of a checkpoint.
fn equal(loaded: &[Loaded<'_>]) -> Result<Vec<(usize, usize)>, Failure> {
    let mut alike: HashMap<(&[usize], u64, u64), Vec<usize>> = HashMap::new();
    for (place, one) in loaded.iter().enumerate() {
        let varied = one.health.range().filter(|(min, max)| min < max);
        if let (Some((min, _)), Some(rms), true) = (varied, one.health.rms(), one.is_plain()) {
            let figures = (&one.line.shape[..], min.to_bits(), rms.to_bits());
            alike.entry(figures).or_default().push(place);
        }
    }
    let mut pairs = Vec::new();
    for places in alike.into_values() {
        let mut firsts: Vec<usize> = Vec::new();
        for place in places {
            let mut found = false;
            for &first in &firsts {
                let (one, other) = (&loaded[first], &loaded[place]);
                if same(one.from, other.from)? {
                    let one_tensor =
                        (one.load.source, one.from.1) == (other.load.source, other.from.1);
                    pairs.extend((!one_tensor).then_some((place, first)));
                    found = true;
                    break;
                }
            }
            if !found && firsts.len() < CONTENTS {
                firsts.push(place);
            }
        }
    }
    pairs.sort_unstable();
    Ok(pairs)
}
