//! How much of each part of a model comes from checkpoints.

use semilla::{Line, Plan};
use serde::Serialize;

use super::taken::{Taken, taken};

/// Groups of a report, at most.
const GROUPS: usize = 12;
/// The name of what did not get a group of its own.
const OTHERS: &str = "(others)";

/// The tensors whose names begin alike, and what of them comes from checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// The beginning of their names, in whole parts between dots.
    pub prefix: String,
    /// Tensors that are copied whole.
    pub loaded: usize,
    /// Tensors that come from checkpoints in part, or combined.
    pub adapted: usize,
    /// Tensors that take nothing from checkpoints.
    pub new: usize,
    /// Elements from checkpoints.
    pub elements: u64,
    /// All elements.
    pub of_elements: u64,
    /// Bytes from checkpoints.
    pub bytes: u64,
    /// All bytes.
    pub of_bytes: u64,
}

/// The coverage of each prefix, at the deepest level of names that gives at most twelve; empty
/// where all is one group.
pub(super) fn coverage(plan: &Plan) -> Vec<Coverage> {
    let deepest = plan.tensors.iter().map(|line| parts(&line.name)).max();
    let few = |level: &usize| grouped(plan, *level).len() <= GROUPS;
    let level = (1..=deepest.unwrap_or(0)).rev().find(few).unwrap_or(1);
    let groups = merged(grouped(plan, level));
    match groups.len() {
        1 => Vec::new(),
        _ => groups,
    }
}

/// The parts of a name that tell modules, without the last, which tells weight from bias.
fn parts(name: &str) -> usize {
    name.split('.').count().saturating_sub(1).max(1)
}

fn prefix(name: &str, level: usize) -> String {
    let level = level.min(parts(name));
    name.split('.').take(level).collect::<Vec<_>>().join(".")
}

/// Groups by prefix, in the order of their first tensors.
fn grouped(plan: &Plan, level: usize) -> Vec<Coverage> {
    let mut places = std::collections::HashMap::new();
    let mut groups: Vec<Coverage> = Vec::new();
    for line in &plan.tensors {
        let prefix = prefix(&line.name, level);
        let place = *places.entry(prefix.clone()).or_insert_with(|| {
            groups.push(Coverage {
                prefix,
                ..Coverage::default()
            });
            groups.len() - 1
        });
        groups[place].take(line, &taken(plan, line));
    }
    groups
}

/// The largest groups, and the others together.
fn merged(groups: Vec<Coverage>) -> Vec<Coverage> {
    if groups.len() <= GROUPS {
        return groups;
    }
    let mut sizes: Vec<u64> = groups.iter().map(|group| group.of_elements).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let least = sizes[GROUPS - 2];
    let mut kept = Vec::with_capacity(GROUPS);
    let mut others = Coverage {
        prefix: OTHERS.to_owned(),
        ..Coverage::default()
    };
    for group in groups {
        if group.of_elements >= least && kept.len() < GROUPS - 1 {
            kept.push(group);
        } else {
            others.add(&group);
        }
    }
    kept.push(others);
    kept
}

impl Coverage {
    fn take(&mut self, line: &Line, how: &Taken) {
        let all: u64 = line.shape.iter().map(|&size| size as u64).product();
        let size = line.dtype.size() as u64;
        let taken = line.loaded_elements();
        let kind = match how {
            Taken::Whole => &mut self.loaded,
            Taken::Adapted => &mut self.adapted,
            Taken::Nothing => &mut self.new,
        };
        *kind += 1;
        self.elements += taken;
        self.of_elements += all;
        self.bytes += taken * size;
        self.of_bytes += all * size;
    }

    fn add(&mut self, other: &Self) {
        self.loaded += other.loaded;
        self.adapted += other.adapted;
        self.new += other.new;
        self.elements += other.elements;
        self.of_elements += other.of_elements;
        self.bytes += other.bytes;
        self.of_bytes += other.of_bytes;
    }
}

#[cfg(test)]
mod tests {
    use semilla::model::Convention;
    use semilla::transfer::{Fate, Given};
    use semilla::{DType, Model, PlanSource, Recipe, Supply};

    use super::*;

    fn plan(names: &[String], loads: impl Fn(&str) -> bool) -> Plan {
        let tensor = |name: &String| (name.clone(), vec![2, 3], DType::F32);
        let model = Model::infer(names.iter().map(tensor), Convention::Pytorch);
        let fates = names.iter().map(|name| match loads(name) {
            true => Fate::Given(Given::copy(name)),
            false => Fate::New,
        });
        let alignment = semilla::transfer::Alignment {
            fates: fates.collect(),
            unused: Vec::new(),
            stripped: String::new(),
            added: String::new(),
            found: false,
        };
        let source = PlanSource {
            decoded: false,
            path: String::new(),
            sha256: None,
            prefixes: Default::default(),
            remarks: Vec::new(),
            tensors: names.len(),
            unused: Vec::new(),
        };
        let mut supply = Supply::default();
        supply.add(&model, alignment, source);
        let recipe = Recipe::from_toml("name = \"all\"\nunmatched = \"zeros\"").unwrap();
        recipe.plan_with(&model, supply, &[], 0).unwrap()
    }

    fn prefixes(plan: &Plan) -> Vec<String> {
        coverage(plan)
            .into_iter()
            .map(|group| group.prefix)
            .collect()
    }

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_deepest_level_with_few_groups_is_taken() {
        let text = "bert.embed.word.weight bert.enc.0.fc.weight bert.enc.0.fc.bias bert.enc.1.fc.weight head.weight";
        let few = plan(&names(text), |name| name.starts_with("bert"));
        let expected = ["bert.embed.word", "bert.enc.0.fc", "bert.enc.1.fc", "head"];
        assert_eq!(prefixes(&few), expected);
        let layers = (0..40).map(|i| format!("model.layers.{i}.fc.weight"));
        let deep: Vec<String> = layers.chain(["lm_head.weight".to_owned()]).collect();
        let deep = plan(&deep, |name| name.contains("layers.3"));
        assert_eq!(prefixes(&deep), ["model.layers", "lm_head"]);
        let expected = Coverage {
            prefix: "model.layers".into(),
            loaded: 11,
            adapted: 0,
            new: 29,
            elements: 66,
            of_elements: 240,
            bytes: 264,
            of_bytes: 960,
        };
        assert_eq!(coverage(&deep)[0], expected);
    }

    #[test]
    fn flat_names_are_not_lost() {
        let flat: Vec<String> = (0..30).map(|i| format!("conv{i}.weight")).collect();
        let found = coverage(&plan(&flat, |_| true));
        assert_eq!(found.len(), GROUPS);
        let last = found.last().unwrap();
        assert_eq!((last.prefix.as_str(), last.loaded), (OTHERS, 19));
        assert_eq!(found.iter().map(|group| group.elements).sum::<u64>(), 180);
        assert_eq!(
            prefixes(&plan(&names("a.weight a.bias"), |_| true)),
            [""; 0]
        );
        assert_eq!(coverage(&plan(&[], |_| true)), []);
    }
}
