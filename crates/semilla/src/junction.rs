//! Compares the scale of new weights with the scale of the loaded ones beside them.
//!
//! A layer keeps its signals' variance by its gain, RMS · √fan_in. A pretrained trunk has gains of
//! its own: a layer that is filled beside it with a different gain sends on signals of a different
//! size than its neighbours do. That is information, not an error: a head may be meant to start at
//! 0.

use serde::Serialize;

use crate::model::Role;
use crate::plan::{Line, Plan};

/// Ratios between 1/3 and 3 count as fitting: different schemes and ordinary training differ by as
/// much.
pub const FACTOR: f64 = 3.0;

/// A tensor that is new, whole or in part, compared with loaded values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Junction {
    /// Its name.
    pub tensor: String,
    /// Its role.
    pub role: Role,
    /// The planned gain; for a table, whose rows are looked up and not summed, the planned root
    /// mean square.
    pub planned: f64,
    /// The same for the loaded values; the median, if there are several tensors.
    pub loaded: f64,
    /// The loaded values that this was measured on.
    pub beside: Beside,
    /// Planned divided by loaded.
    pub ratio: f64,
    /// The judgement on the ratio.
    pub verdict: Verdict,
}

/// The loaded values that new ones are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Beside {
    /// The part of the same tensor that was loaded.
    OwnPart,
    /// Loaded matrices of the same role.
    SameRole {
        /// How many.
        tensors: usize,
    },
    /// All loaded matrices, since none has this role.
    Matrices {
        /// How many.
        tensors: usize,
    },
}

/// Whether the scales go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within [`FACTOR`].
    Fits,
    /// More than [`FACTOR`] times smaller.
    Smaller,
    /// More than [`FACTOR`] times larger.
    Larger,
    /// Planned to be all zero: it adds nothing until it is trained.
    StartsAtZero,
}

/// Compares the new parts of a plan's matrices and of its partly loaded tables with loaded values.
///
/// `rms` gives the root mean square of the values that a line took from its checkpoint, if it took
/// any. Fills whose root mean square is not known by a formula are left out.
pub fn junctions(plan: &Plan, rms: impl Fn(&Line) -> Option<f64>) -> Vec<Junction> {
    let mut gains: Vec<(Role, f64)> = Vec::new();
    for line in plan.tensors.iter().filter(|line| line.role.is_matrix()) {
        let measured = line.load().and_then(|_| rms(line));
        gains.extend(measured.and_then(|rms| Some((line.role, rms * root_fan_in(line)?))));
    }
    let lines = plan.tensors.iter();
    lines
        .filter_map(|line| junction(line, &gains, &rms))
        .collect()
}

fn junction(
    line: &Line,
    gains: &[(Role, f64)],
    rms: impl Fn(&Line) -> Option<f64>,
) -> Option<Junction> {
    let is_table = matches!(line.role, Role::Embedding | Role::PositionEmbedding);
    let fill = match line.load() {
        Some(load) => load.rest.as_deref()?,
        None => &line.fill,
    };
    let scale = match line.role.is_matrix() {
        true => root_fan_in(line)?,
        false if is_table && line.load().is_some() => 1.0,
        false => return None,
    };
    let planned = fill.root_mean_square(&line.shape)? * scale;
    let (loaded, beside) = match line.load() {
        Some(_) => (rms(line)? * scale, Beside::OwnPart),
        None => typical(line.role, gains)?,
    };
    let ratio = planned / loaded;
    let verdict = match ratio {
        _ if planned == 0.0 => Verdict::StartsAtZero,
        ratio if ratio > FACTOR => Verdict::Larger,
        ratio if ratio < 1.0 / FACTOR => Verdict::Smaller,
        _ => Verdict::Fits,
    };
    (loaded > 0.0).then(|| Junction {
        tensor: line.name.clone(),
        role: line.role,
        planned,
        loaded,
        beside,
        ratio,
        verdict,
    })
}

/// The median gain of loaded matrices of a role, or of all of them.
fn typical(role: Role, gains: &[(Role, f64)]) -> Option<(f64, Beside)> {
    let of = |keep: &dyn Fn(Role) -> bool| {
        let mut found: Vec<f64> = gains
            .iter()
            .filter(|(role, _)| keep(*role))
            .map(|&(_, gain)| gain)
            .collect();
        found.sort_unstable_by(f64::total_cmp);
        found
    };
    let same = of(&|other| other == role);
    let all = of(&|_| true);
    let (gains, beside) = match (same.len(), all.len()) {
        (0, tensors) => (all, Beside::Matrices { tensors }),
        (tensors, _) => (same, Beside::SameRole { tensors }),
    };
    let upper = *gains.get(gains.len() / 2)?;
    let lower = gains[(gains.len() - 1) / 2];
    Some(((lower + upper) / 2.0, beside))
}

/// √fan_in, where the layout says it.
fn root_fan_in(line: &Line) -> Option<f64> {
    let fans = line.layout.as_ref()?.fans(&line.shape).ok()?;
    Some(fans.fan_in.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;
    use crate::fill::Fill;
    use crate::layout::Layout;
    use crate::stream::Key;
    use crate::transfer::{Along, Load, Run};
    use crate::{DType, Plan};

    const NORMAL: Fill = Fill::Draw(Distribution::Normal {
        mean: 0.0,
        std: 0.5,
    });

    fn line(name: &str, role: Role, layout: &str, shape: [usize; 2], fill: Fill) -> Line {
        Line {
            name: name.into(),
            shape: shape.into(),
            dtype: DType::F32,
            role,
            layout: Some(layout.parse::<Layout>().unwrap()),
            fused: None,
            disposition: crate::Disposition::Filled,
            initializer: crate::init::zeros().into(),
            fans: None,
            gain: None,
            signal: None,
            lr: None,
            multiplier: None,
            fit: None,
            std: None,
            fill,
            key: Key::new(0, name),
            reason: String::new(),
        }
    }

    fn loaded() -> Fill {
        Fill::Load(Load::whole(0, "x"))
    }

    fn found(tensors: Vec<Line>, rms: &[(&str, f64)]) -> Vec<Junction> {
        let plan = Plan {
            format: 1,
            stream: 1,
            recipe: String::new(),
            seed: 0,
            tensors,
            scheme: Default::default(),
            stacks: Vec::new(),
            sources: Vec::new(),
            kept: None,
        };
        junctions(&plan, |line| {
            let known = rms.iter().find(|(name, _)| *name == line.name);
            known.map(|&(_, rms)| rms)
        })
    }

    #[test]
    fn a_new_matrix_is_compared_with_its_role_or_with_all() {
        let tensors = |role| {
            vec![
                line("a", Role::Query, "OI", [8, 4], loaded()),
                line("b", Role::Query, "OI", [8, 4], loaded()),
                line("c", Role::MlpIn, "OI", [8, 16], loaded()),
                line("new", role, "OI", [2, 16], NORMAL),
            ]
        };
        // Gains 0.1, 0.3 and 0.4; planned 0.5 * 4 = 2.
        let rms = [("a", 0.05), ("b", 0.15), ("c", 0.1)];
        let [same] = &found(tensors(Role::Query), &rms)[..] else {
            panic!("one")
        };
        assert_eq!(
            (same.planned, same.beside),
            (2.0, Beside::SameRole { tensors: 2 })
        );
        assert!((same.loaded - 0.2).abs() < 1e-15 && (same.ratio - 10.0).abs() < 1e-12);
        assert_eq!(same.verdict, Verdict::Larger);
        let [all] = &found(tensors(Role::Head), &rms)[..] else {
            panic!("one")
        };
        assert_eq!(all.beside, Beside::Matrices { tensors: 3 });
        assert!((all.loaded - 0.3).abs() < 1e-15);
        // Nothing to compare with.
        assert_eq!(found(tensors(Role::Head), &[]), []);
    }

    #[test]
    fn a_grown_table_is_compared_with_its_own_rows() {
        let grown = |rest: Fill, layout: &str, role| {
            let run = |len| Along::Runs(vec![Run::new(0, 0, len)]);
            let load = Load {
                axes: vec![run(3), run(4)],
                rest: Some(Box::new(rest)),
                ..Load::whole(0, "x")
            };
            let line = line("table", role, layout, [5, 4], Fill::Load(load));
            found(vec![line], &[("table", 0.25)])
        };
        let [table] = &grown(NORMAL, "VO", Role::Embedding)[..] else {
            panic!("one")
        };
        assert_eq!((table.planned, table.loaded, table.ratio), (0.5, 0.25, 2.0));
        assert_eq!(
            (table.beside, table.verdict),
            (Beside::OwnPart, Verdict::Fits)
        );
        let zero = grown(Fill::Constant { value: 0.0 }, "OI", Role::Head);
        assert_eq!(
            (zero[0].loaded, zero[0].verdict),
            (0.5, Verdict::StartsAtZero)
        );
        let tiny = grown(Fill::Constant { value: 0.01 }, "OI", Role::Head);
        assert_eq!(tiny[0].verdict, Verdict::Smaller);
        // A table that is all new has no rows to be beside of.
        assert_eq!(
            found(vec![line("t", Role::Embedding, "VO", [5, 4], NORMAL)], &[]),
            []
        );
    }
}
