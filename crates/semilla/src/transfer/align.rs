//! A checkpoint's list laid beside a model's.

use std::collections::HashMap;

use super::names::{best_prefixes, collision, proposal, renamed};
use super::{
    Load, Prefixes, Run, SHOWN, Transfer, TransferError, Unmet, Unused, check_fired, matching,
};
use crate::model::{Model, Tensor};
use crate::suggest::did_you_mean;

/// What becomes of every tensor of a model and of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// For each target what it takes, with [`Load::source`] 0; `None` where it takes nothing.
    pub loads: Vec<Option<Load>>,
    /// Source tensors that are not used, and why.
    pub unused: Vec<(String, Unused)>,
    /// The prefix that was taken from the source's names.
    pub stripped: String,
    /// The prefix that was put before them.
    pub added: String,
    /// Whether the prefixes were found, not given.
    pub found: bool,
}

/// How the axes of source and target lie to each other.
enum Order {
    Same,
    Permuted(Vec<usize>),
    Unknown,
}

impl Transfer {
    /// Lays a checkpoint's tensors beside a model's, by names, shapes and layouts alone.
    ///
    /// Both models' layouts say which axis is which. Where they do not tell, axes are taken to lie in the same order if
    /// `one_convention` says that both models store weights in the same way.
    ///
    /// # Errors
    /// A rule that matches nothing, two sources for one target, a target that must load and does not, too small a
    /// coverage, or no match at all.
    pub fn align(
        &self,
        target: &Model,
        source: &Model,
        one_convention: bool,
    ) -> Result<Alignment, TransferError> {
        let targets: Vec<(&str, u64)> = target.tensors.iter().map(sized).collect();
        let target_names = || target.tensors.iter().map(|tensor| tensor.name.as_str());
        for (what, globs) in [
            ("into", &self.into),
            ("must_load", &self.must_load),
            ("may_miss", &self.may_miss),
            ("overlap", &self.overlap),
        ] {
            check_fired(what, "model", globs, target_names())?;
        }
        let source_names: Vec<&str> = source.tensors.iter().map(|t| t.name.as_str()).collect();
        check_fired(
            "exclude",
            "checkpoint",
            &self.exclude,
            source_names.iter().copied(),
        )?;

        let names = renamed(&source_names, &self.rename)?;
        let sizes = source
            .tensors
            .iter()
            .map(|tensor| tensor.len().unwrap_or(0));
        let sized: Vec<(&str, u64)> = names.iter().map(String::as_str).zip(sizes).collect();
        let found = self.strip.is_none() && self.add.is_none();
        let prefixes = if found {
            best_prefixes(&sized, &targets)?
        } else {
            Prefixes {
                strip: self.strip.clone().unwrap_or_default(),
                add: self.add.clone().unwrap_or_default(),
            }
        };

        let mut unused = Vec::new();
        let mut offered = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let own = source_names[place];
            if let Some(glob) = matching(&self.exclude, own) {
                unused.push((own.to_owned(), Unused::Excluded { glob: glob.clone() }));
            } else if let Some(rest) = name.strip_prefix(&prefixes.strip) {
                offered.push((place, format!("{}{rest}", prefixes.add)));
            } else {
                let prefix = prefixes.strip.clone();
                unused.push((own.to_owned(), Unused::OtherPrefix { prefix }));
            }
        }
        if let Some((name, first, second)) = collision(&offered) {
            let own = |place: usize| source_names[place].to_owned();
            return Err(TransferError::Collision {
                target: name.to_owned(),
                sources: (own(first), own(second)),
            });
        }
        let places: HashMap<&str, usize> = offered
            .iter()
            .map(|(place, name)| (name.as_str(), *place))
            .collect();

        let mut loads = Vec::with_capacity(target.tensors.len());
        let mut unmet = Vec::new();
        let mut fates: HashMap<usize, Unused> = HashMap::new();
        let mut used = vec![false; source_names.len()];
        for tensor in &target.tensors {
            let place = places.get(tensor.name.as_str()).copied();
            if !self.into.is_empty() && matching(&self.into, &tensor.name).is_none() {
                fates.extend(place.map(|place| (place, Unused::OutOfScope)));
                loads.push(None);
                continue;
            }
            let outcome = match place {
                Some(place) => self.load(tensor, &source.tensors[place], one_convention),
                None => {
                    // Looking for what was meant takes long: only for what will be shown.
                    let shown = self.must(&tensor.name) && unmet.len() < SHOWN;
                    let known = places.keys().copied().filter(|_| shown);
                    Err(Unmet::Missing {
                        target: tensor.name.clone(),
                        hint: did_you_mean(&tensor.name, known),
                    })
                }
            };
            match (outcome, place) {
                (Ok(load), Some(place)) => {
                    used[place] = true;
                    loads.push(Some(load));
                }
                (Err(problem), _) if self.must(&tensor.name) => {
                    unmet.push(problem);
                    loads.push(None);
                }
                (_, place) => {
                    let fate = Unused::Shape {
                        target: tensor.shape.clone(),
                    };
                    fates.extend(place.map(|place| (place, fate)));
                    loads.push(None);
                }
            }
        }
        let named = target_names().any(|name| places.contains_key(name));
        if !unmet.is_empty() && named {
            let proposal = proposal(&sized, &targets);
            return Err(TransferError::Targets { unmet, proposal });
        }
        if !used.contains(&true) && !target.tensors.is_empty() {
            return Err(no_match(&sized, &targets));
        }
        for (place, _) in &offered {
            if !used[*place] {
                let fate = fates.remove(place).unwrap_or(Unused::NoTarget);
                unused.push((source_names[*place].to_owned(), fate));
            }
        }
        self.check_coverage(target, &loads)?;
        Ok(Alignment {
            loads,
            unused,
            stripped: prefixes.strip,
            added: prefixes.add,
            found,
        })
    }

    /// Whether a target may not do without.
    fn must(&self, name: &str) -> bool {
        let asked = self.must_load.is_empty() || matching(&self.must_load, name).is_some();
        asked && matching(&self.may_miss, name).is_none()
    }

    fn load(&self, target: &Tensor, source: &Tensor, one_convention: bool) -> Result<Load, Unmet> {
        if target.dtype.is_float() != source.dtype.is_float() {
            return Err(Unmet::Kind {
                target: target.name.clone(),
                dtype: target.dtype,
                found: source.dtype,
            });
        }
        let mut load = Load::whole(0, &source.name);
        match order(target, source) {
            Order::Same => {}
            Order::Unknown if one_convention => {}
            Order::Permuted(axes) => load.permute = axes,
            Order::Unknown => {
                return Err(Unmet::Layout {
                    target: target.name.clone(),
                    source: source.name.clone(),
                });
            }
        }
        if load.fits(&source.shape, &target.shape) {
            return Ok(load);
        }
        let found: Vec<usize> = match source.shape.len() == target.shape.len() {
            true => (0..target.shape.len())
                .map(|axis| source.shape[load.source_axis(axis)])
                .collect(),
            false => source.shape.clone(),
        };
        let may_overlap = matching(&self.overlap, &target.name).is_some();
        if may_overlap && found.len() == target.shape.len() {
            let sizes = found.iter().zip(&target.shape);
            let both = sizes.map(|(&a, &b)| {
                vec![Run {
                    from: 0,
                    to: 0,
                    len: a.min(b),
                }]
            });
            load.axes = both.collect();
            return Ok(load);
        }
        Err(Unmet::Shape {
            target: target.name.clone(),
            shape: target.shape.clone(),
            source: source.name.clone(),
            found,
        })
    }

    fn check_coverage(&self, target: &Model, loads: &[Option<Load>]) -> Result<(), TransferError> {
        let Some(asked) = self.min_coverage else {
            return Ok(());
        };
        let (mut taken, mut all) = (0, 0);
        for (tensor, load) in target.tensors.iter().zip(loads) {
            all += tensor.len().unwrap_or(0);
            taken += load.as_ref().map_or(0, |load| load.elements(&tensor.shape));
        }
        let found = taken as f64 / (all.max(1)) as f64;
        if found < asked {
            return Err(TransferError::Coverage { found, asked });
        }
        Ok(())
    }
}

fn sized(tensor: &Tensor) -> (&str, u64) {
    (&tensor.name, tensor.len().unwrap_or(0))
}

fn no_match(sources: &[(&str, u64)], targets: &[(&str, u64)]) -> TransferError {
    let names = |list: &[(&str, u64)]| {
        list.iter()
            .take(4)
            .map(|(name, _)| (*name).to_owned())
            .collect()
    };
    TransferError::NoMatch {
        checkpoint: names(sources),
        model: names(targets),
        proposal: proposal(sources, targets),
    }
}

/// The order of the source's axes that is the target's, read off their layouts, never off their sizes: most matrices
/// of a transformer are square.
fn order(target: &Tensor, source: &Tensor) -> Order {
    if target.shape.len() != source.shape.len() || target.shape.len() < 2 {
        return Order::Same;
    }
    let (Some(to), Some(from)) = (&target.layout, &source.layout) else {
        return match target.layout == source.layout {
            true => Order::Same,
            false => Order::Unknown,
        };
    };
    let (to, from) = (to.axes(), from.axes());
    if to.len() != target.shape.len() || from.len() != source.shape.len() {
        return Order::Unknown;
    }
    let mut taken = vec![false; from.len()];
    let mut axes = Vec::with_capacity(to.len());
    for axis in to {
        let place = (0..from.len()).find(|&place| !taken[place] && from[place] == *axis);
        let Some(place) = place else {
            return Order::Unknown;
        };
        taken[place] = true;
        axes.push(place);
    }
    if axes.iter().copied().eq(0..from.len()) {
        Order::Same
    } else {
        Order::Permuted(axes)
    }
}
