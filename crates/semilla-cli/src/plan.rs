//! `semilla plan`: what would be written into every tensor, and why.

use std::path::{Path, PathBuf};

use clap::Args;
use semilla::{
    Distribution, Fill, Initializer, Line, Plan, Recipe, Role, Tie, Variance, check_ties,
};
use semilla_checkpoint::Checkpoint;

use crate::failure::Failure;
use crate::model::{Loaded, ModelArgs};
use crate::output::Output;
use crate::table::Table;
use crate::ties;
use crate::transfer::{self, TransferArgs};

/// Which initializers: the choices that make a plan.
#[derive(Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// A recipe by name, or a TOML file
    #[arg(
        long,
        value_name = "NAME|FILE",
        default_value = "auto",
        conflicts_with = "scheme"
    )]
    pub(crate) recipe: String,

    /// One initializer for every weight matrix, such as kaiming_normal; biases 0, norms 1
    #[arg(long, value_name = "NAME")]
    pub(crate) scheme: Option<String>,

    /// The seed of every weight
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Give a tensor the bytes of another, such as lm_head.weight=model.embed_tokens.weight; may be repeated
    #[arg(long, value_name = "NAME=OTHER", value_parser = ties::tie)]
    pub(crate) tie: Vec<Tie>,

    /// Carry out this saved plan instead of making one
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "recipe", "scheme", "seed", "dtype", "tie", "from", "from_layout", "strip", "add", "rename", "exclude", "must_load",
        "may_miss", "adapt", "depth", "min_coverage",
    ])]
    pub(crate) plan: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}

/// A plan, with the model's file where a tensor may keep its values.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) loaded: Option<Loaded>,
    /// The plan's checkpoints, in its order.
    pub(crate) pretrained: Vec<Box<dyn Checkpoint>>,
}

impl PlanArgs {
    /// Makes the plan, or reads it.
    pub(crate) fn plan(&self) -> Result<Planned, Failure> {
        if let Some(path) = &self.plan {
            let loaded = self
                .model
                .model
                .is_some()
                .then(|| self.model.load())
                .transpose()?;
            let plan = saved(path)?;
            let pretrained = transfer::reopen(&plan)?;
            let own = loaded.as_ref().and_then(|loaded| loaded.file.as_deref());
            transfer::check_kept(&plan, own)?;
            return Ok(Planned {
                plan,
                loaded,
                pretrained,
            });
        }
        let loaded = self.model.load()?;
        let recipe = self.recipe()?;
        let ties = [&recipe.ties[..], &self.tie].concat();
        check_ties(&ties, &loaded.model)?;
        let mut transferred = self.transfer.align(&recipe, &loaded, &ties)?;
        ties::settle(&ties, &loaded.model, &mut transferred)?;
        transferred.settle(&loaded.model);
        let decisions = recipe.decide_rest(&loaded.model, transferred.fates)?;
        let mut plan = Plan::new(
            &loaded.model,
            &recipe.name,
            recipe.base_width,
            decisions,
            self.seed,
        )?;
        plan.tie(&ties)?;
        plan.sources = transferred.sources;
        Ok(Planned {
            plan,
            loaded: Some(loaded),
            pretrained: transferred.files,
        })
    }

    /// The files that these options name, of whatever kind.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let named = [self.model.model.as_deref(), Some(&self.recipe)];
        let named = named.into_iter().flatten().map(PathBuf::from);
        named.chain(self.plan.clone()).filter(|path| path.is_file())
    }

    fn recipe(&self) -> Result<Recipe, Failure> {
        if let Some(scheme) = &self.scheme {
            return Ok(Recipe::scheme(scheme.parse::<Initializer>()?));
        }
        let path = Path::new(&self.recipe);
        let is_file = path
            .extension()
            .is_some_and(|extension| extension == "toml")
            || self.recipe.contains(std::path::MAIN_SEPARATOR);
        if is_file {
            return Ok(Recipe::from_toml(&read_text(path, RECIPE_BYTES)?)?);
        }
        Ok(Recipe::named(&self.recipe)?)
    }
}

/// Recipes are short.
const RECIPE_BYTES: u64 = 1 << 20;
/// A million tensors' lines.
const PLAN_BYTES: u64 = 1 << 30;

pub(crate) fn saved(path: &Path) -> Result<Plan, Failure> {
    let text = read_text(path, PLAN_BYTES)?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| Failure::PlanFile {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    plan.check()?;
    Ok(plan)
}

/// A whole text file, refused before it is read if it is larger than `limit`.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Failure> {
    let unreadable = |problem: String| Failure::Unreadable {
        path: path.to_owned(),
        problem,
    };
    let bytes = std::fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if bytes > limit {
        return Err(unreadable(format!(
            "it has {bytes} bytes, more than the limit of {limit}"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))
}

/// Prints the plan: a table, a line per tensor, or the JSON that `init --plan` takes.
pub(crate) fn run(args: &PlanArgs, output: &mut Output) -> Result<(), Failure> {
    let Planned { plan, loaded, .. } = args.plan()?;
    if output.is_json() {
        return output.json(&plan);
    }
    table(&plan, false, output)?;
    remark(args, loaded.as_ref(), output)?;
    transfer::print(&plan, output)
}

/// Says how the model stores its weights, where that is not plain.
pub(crate) fn remark(
    args: &PlanArgs,
    loaded: Option<&Loaded>,
    output: &mut Output,
) -> Result<(), Failure> {
    let remark = loaded.and_then(|loaded| loaded.remark.as_ref());
    match (&args.model.model, remark) {
        (Some(model), Some(remark)) => output.line(format_args!("{model}: {remark}")),
        _ => Ok(()),
    }
}

/// The plan as a table; with `grouped`, tensors that differ only in numbers within their names share a line.
pub(crate) fn table(plan: &Plan, grouped: bool, output: &mut Output) -> Result<(), Failure> {
    let groups = if grouped {
        group(plan)
    } else {
        plan.tensors.iter().map(|line| vec![line]).collect()
    };
    let mut table = Table::new([
        "tensor",
        "shape",
        "dtype",
        "role",
        "initializer",
        "values",
        "why",
    ]);
    for group in &groups {
        let line = group[0];
        table.row([
            name(group),
            shape(&line.shape),
            line.dtype.to_string(),
            role(line.role),
            line.initializer.to_string(),
            values(line),
            told(line, group.len() > 1),
        ]);
    }
    output.table(&table)?;
    let elements: u64 = plan.tensors.iter().map(elements).sum();
    let bytes: u64 = plan.tensors.iter().map(elements_bytes).sum();
    output.line(format_args!(
        "{} tensors, {} elements, {} bytes; recipe {}, seed {}",
        plan.tensors.len(),
        grouped_digits(elements),
        grouped_digits(bytes),
        plan.recipe,
        plan.seed,
    ))
}

fn elements(line: &Line) -> u64 {
    line.shape.iter().map(|&size| size as u64).product()
}

fn elements_bytes(line: &Line) -> u64 {
    elements(line) * line.dtype.size() as u64
}

/// Lines that say the same of names that differ in numbers only, in the order of their first.
fn group(plan: &Plan) -> Vec<Vec<&Line>> {
    let mut places = std::collections::HashMap::new();
    let mut groups: Vec<Vec<&Line>> = Vec::new();
    for line in &plan.tensors {
        let same = (
            pattern(&line.name),
            &line.shape,
            line.dtype,
            line.role,
            values(line),
            told(line, true),
        );
        let place = *places.entry(same).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(line);
    }
    groups
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

/// Why, with the numbers of the tensor's own name as `*` where the line stands for several: its source has the same ones.
fn told(line: &Line, for_several: bool) -> String {
    let own: Vec<&str> = line
        .name
        .split('.')
        .filter(|part| is_number(part))
        .collect();
    let part = |part| match for_several && own.contains(&part) {
        true => "*",
        false => part,
    };
    why(line).split('.').map(part).collect::<Vec<_>>().join(".")
}

/// The name with each run of digits between dots or underscores as `*`.
fn pattern(name: &str) -> String {
    let parts: Vec<&str> = name
        .split('.')
        .map(|part| if is_number(part) { "*" } else { part })
        .collect();
    parts.join(".")
}

fn name(group: &[&Line]) -> String {
    match group {
        [line] => line.name.clone(),
        many => format!("{} (×{})", pattern(&many[0].name), many.len()),
    }
}

/// A shape as text.
pub(crate) fn shape(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

fn role(role: Role) -> String {
    serde_json::to_value(role)
        .ok()
        .and_then(|value| value.as_str().map(|text| text.replace('_', " ")))
        .unwrap_or_default()
}

/// The concrete numbers of a fill.
pub(crate) fn values(line: &Line) -> String {
    match line.loads().is_empty() {
        true => fill(&line.fill),
        false => loaded(line),
    }
}

fn fill(of: &Fill) -> String {
    match of {
        Fill::Constant { value } => number(*value),
        Fill::Draw(Distribution::Uniform { low, high }) if *low == -*high => {
            format!("U(±{})", number(*high))
        }
        Fill::Draw(Distribution::Uniform { low, high }) => {
            format!("U({}, {})", number(*low), number(*high))
        }
        Fill::Draw(Distribution::Normal { mean, std }) => {
            format!("N({}, {})", number(*mean), number(*std))
        }
        Fill::Draw(Distribution::TruncatedNormal {
            mean,
            std,
            low,
            high,
        }) => format!(
            "N({}, {}) in [{}, {}]",
            number(*mean),
            number(*std),
            number(*low),
            number(*high)
        ),
        Fill::Orthogonal { gain, rows } => format!("{} rows, gain {}", rows, number(*gain)),
        Fill::Blocks { sections, .. } => {
            let mut parts: Vec<String> =
                sections.iter().map(|section| fill(&section.fill)).collect();
            parts.dedup();
            format!("{} blocks: {}", sections.len(), parts.join(" | "))
        }
        Fill::Stacked { of } => format!("each: {}", fill(of)),
        Fill::Padded { row, of } => format!("{}, row {row} zero", fill(of)),
        Fill::Repeated { repeats, of, .. } => format!("{}, each {repeats} times", fill(of)),
        Fill::Keep => "as in the file".to_owned(),
        Fill::Load(_) => "from a checkpoint".to_owned(),
        Fill::Arange => "0, 1, 2, ...".to_owned(),
        Fill::Eye { gain } => format!("{} on the diagonal", number(*gain)),
        Fill::Sparse { std, zeros } => format!("N(0, {}), {zeros} zeros a column", number(*std)),
        Fill::DeltaOrthogonal { gain, .. } | Fill::LooksLinear { gain } => {
            format!("gain {}", number(*gain))
        }
        Fill::LogUniform { low, high, .. } => format!("log U({}, {})", number(*low), number(*high)),
        Fill::MambaDtBias { dt_min, dt_max, .. } => {
            format!("softplus⁻¹ of {}..{}", number(*dt_min), number(*dt_max))
        }
        Fill::Sinusoidal { base } | Fill::RotaryFrequencies { base } => {
            format!("base {}", number(*base))
        }
        Fill::Mimetic { alpha, beta, .. } => format!("α {}, β {}", number(*alpha), number(*beta)),
        Fill::Dirac { .. } | Fill::Hadamard { .. } | Fill::Bilinear { .. } | Fill::S4d { .. } => {
            String::new()
        }
    }
}

/// What a checkpoint gives, and what fills the rest of it.
fn loaded(line: &Line) -> String {
    let rest = line.load().and_then(|load| load.rest.as_deref());
    let rest = rest.map(|rest| format!("; rest {}", fill(rest)));
    line.disposition.to_string() + &rest.unwrap_or_default()
}

/// Five significant digits, without trailing zeros.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if (-5..7).contains(&exponent) {
        let text = format!("{value:.*}", (4 - exponent).max(0) as usize);
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        return text;
    }
    format!("{value:.4e}")
}

/// The reason, with the fans and what the gain does to signals.
fn why(line: &Line) -> String {
    let mut parts = vec![line.reason.clone()];
    if let Some(fans) = line.fans {
        parts.push(format!(
            "fans {}/{}",
            number(fans.fan_in),
            number(fans.fan_out)
        ));
    }
    if let Some(signal) = line.signal {
        let variance = match signal.variance {
            Variance::Vanishes => "variance dies",
            Variance::Explodes => "variance explodes",
            Variance::Stable => "stable",
            Variance::Neutral => "neutral",
            Variance::Unstable => "unstable",
        };
        parts.push(format!(
            "gain {} before {}: χ₁ {}, {variance}",
            number(signal.gain),
            signal.activation,
            number(signal.chi1)
        ));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// 1_234_567 as `1,234,567`.
pub(crate) fn grouped_digits(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
