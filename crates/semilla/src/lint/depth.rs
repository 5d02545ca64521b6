//! Residual branches that are scaled by depth.

use super::finding::{Finding, Rule, Severity};
use super::subject::{Subject, Subjects};
use crate::model::Role;
use crate::number::rounded;

/// The greatest variance-preserving gain of the usual activations (SiLU's).
const ACTIVATION: f64 = 1.68;

/// Branches whose last layer is smaller than their first by the number of branches, not by its
/// root.
pub(super) fn twice(subjects: &Subjects<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for block in subjects.blocks() {
        for last in block {
            let firsts: &[Role] = match last.role() {
                Role::AttentionOut => &[Role::Value, Role::Kv, Role::Qkv, Role::Query],
                Role::MlpOut => &[Role::MlpIn, Role::MlpGate],
                _ => continue,
            };
            let first = firsts.iter().find_map(|role| {
                let mut same = block.iter().filter(|other| other.role() == *role);
                same.find(|other| other.parent() == last.parent())
            });
            found.extend(first.and_then(|first| twice_one(*first, *last)));
        }
    }
    found
}

fn twice_one(first: Subject<'_>, last: Subject<'_>) -> Option<Finding> {
    let tensor = last.tensor;
    let branches = match (tensor.branches, tensor.layers) {
        (Some(branches), _) => f64::from(branches),
        (None, layers) => 2.0 * layers? as f64,
    };
    // Of initializers that know the fans, the gains tell; of plain numbers, the numbers.
    let knows_fans = first.line.fans.is_some() && last.line.fans.is_some();
    let ratio = match knows_fans {
        true => last.gain()? / first.gain()?,
        false => last.root_mean_square()? / first.root_mean_square()?,
    };
    // Half-way between once and twice. A gain for the activation between the two comes on top.
    let slack = if knows_fans { ACTIVATION } else { 1.0 };
    let is_twice = ratio > 0.0 && ratio < branches.powf(-0.75) / slack && branches >= 4.0;
    is_twice.then(|| Finding {
        rule: Rule::DepthScale,
        severity: Severity::Warning,
        tensors: vec![last.name().to_owned()],
        reason: format!(
            "it is {} of its branch's first layer, where 1/√{branches} = {} keeps the sum of \
             {branches} branches in scale: the branch starts {} times too small",
            rounded(ratio),
            rounded(branches.sqrt().recip()),
            rounded(branches.sqrt().recip() / ratio),
        ),
        remedy: format!("divide by √{branches} once"),
    })
}

/// Gated feed-forward blocks of which a factor and the output are scaled alike.
pub(super) fn products(subjects: &Subjects<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for block in subjects.blocks() {
        let of = |role| block.iter().find(|subject| subject.role() == role);
        let (Some(gate), Some(up), Some(down)) =
            (of(Role::MlpGate), of(Role::MlpIn), of(Role::MlpOut))
        else {
            continue;
        };
        found.extend(product(*gate, *up, *down));
    }
    found
}

fn product(gate: Subject<'_>, up: Subject<'_>, down: Subject<'_>) -> Option<Finding> {
    let whole = gate.root_mean_square()?;
    let (up_scale, scale) = (
        up.root_mean_square()? / whole,
        down.root_mean_square()? / whole,
    );
    let is_twice = gate.line.shape == up.line.shape
        && up_scale > 0.0
        && up_scale < 0.75
        && (up_scale / scale - 1.0).abs() < 0.02;
    is_twice.then(|| Finding {
        rule: Rule::DepthScale,
        severity: Severity::Note,
        tensors: vec![up.name().to_owned()],
        reason: "it is scaled by depth as the end of its block is, and multiplies the gate: the \
                 branch is scaled twice"
            .to_owned(),
        remedy: "scale the block's last projection only".to_owned(),
    })
}

/// Queries and keys that are scaled by depth.
pub(super) fn scores(subjects: &Subjects<'_>) -> Vec<Finding> {
    let scaled = subjects.made().filter(|subject| {
        let is_scaled = || {
            let text = subject.line.initializer.to_string();
            ["layers", "depth_index", "branches"]
                .iter()
                .any(|word| text.contains(word))
        };
        matches!(subject.role(), Role::Query | Role::Key) && is_scaled()
    });
    let found = scaled.map(|subject| Finding {
        rule: Rule::DepthScale,
        severity: Severity::Note,
        tensors: vec![subject.name().to_owned()],
        reason: "it is scaled by depth, but ends no residual branch: only attention's scores \
                 shrink"
            .to_owned(),
        remedy: "scale attention's output projection instead".to_owned(),
    });
    found.collect()
}
