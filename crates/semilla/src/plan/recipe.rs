//! A plan's decisions as a recipe to edit.

use std::collections::HashSet;
use std::fmt::Write;

use super::{Line, Plan};
use crate::glob::glob_match;
use crate::layout::FanRule;

impl Plan {
    /// The initializers of this plan as the TOML of a recipe: rules that state exactly these
    /// tensors, the special ones first. A plan by this recipe has the same values.
    ///
    /// `fans` is the definition of the fans that the plan was made with. Tied tensors and those
    /// that checkpoints give are left to the options that made them so.
    ///
    /// ```
    /// use semilla::{FanRule, Recipe, model::Spec};
    ///
    /// let model = Spec::parse("mlp:64-32-32-32-32-10:gelu")?;
    /// let plan = Recipe::auto().plan(&model, 0)?;
    /// let recipe = Recipe::from_toml(&plan.to_recipe("mine", FanRule::Exact))?;
    /// assert_eq!(recipe.plan(&model, 0)?.tensors[0].fill, plan.tensors[0].fill);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_recipe(&self, name: &str, fans: FanRule) -> String {
        let mut text = format!("name = {}\n", quoted(name));
        match fans {
            FanRule::Exact => {}
            FanRule::Pytorch => text.push_str("fans = \"pytorch\"\n"),
            FanRule::Keras => text.push_str("fans = \"keras\"\n"),
        }
        let mut decided: HashSet<&str> = HashSet::new();
        for group in groups(&self.tensors) {
            let names: Vec<&str> = group.iter().map(|line| line.name.as_str()).collect();
            let patterns = match self.pattern(&names, &decided) {
                Some(pattern) => quoted(&pattern),
                None => list(&names),
            };
            decided.extend(names);
            // Writing to a text does not fail.
            let _ = write!(
                text,
                "\n[[rule]]\nmatch = {patterns}\ninit = {}\n",
                quoted(&group[0].initializer.to_string()),
            );
            if !group[0].reason.is_empty() {
                let _ = writeln!(text, "reason = {}", quoted(&group[0].reason));
            }
        }
        text
    }

    /// A glob that, of what is not decided yet, matches these names and no others.
    fn pattern(&self, names: &[&str], decided: &HashSet<&str>) -> Option<String> {
        let pattern = common(names)?;
        let left = self.tensors.iter().map(|line| line.name.as_str());
        let left = left.filter(|name| !decided.contains(name));
        let matched = left.filter(|name| glob_match(&pattern, name)).count();
        let is_exact = names.iter().all(|name| glob_match(&pattern, name));
        (is_exact && matched == names.len()).then_some(pattern)
    }
}

/// Lines with one initializer and one reason; the smallest groups first.
fn groups(lines: &[Line]) -> Vec<Vec<&Line>> {
    let mut groups: Vec<Vec<&Line>> = Vec::new();
    for line in lines {
        let is_same = |group: &Vec<&Line>| {
            let of = group[0];
            // Names fold along their numbers only.
            of.initializer == line.initializer
                && of.reason == line.reason
                && of.name.split('.').count() == line.name.split('.').count()
                && of.name.rsplit('.').next() == line.name.rsplit('.').next()
        };
        match groups.iter_mut().find(|group| is_same(group)) {
            Some(group) => group.push(line),
            None => groups.push(vec![line]),
        }
    }
    groups.sort_by_key(Vec::len);
    groups
}

/// The names' common parts, with `*` for those that differ.
fn common(names: &[&str]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    let mut parts: Vec<&str> = first.split('.').collect();
    for name in rest {
        for (part, other) in parts.iter_mut().zip(name.split('.')) {
            if *part != other {
                *part = "*";
            }
        }
    }
    Some(parts.join("."))
}

fn list(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    match &names[..] {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use crate::model::Spec;
    use crate::{FanRule, Plan, Recipe};

    fn again(model: &str, recipe: &Recipe, fans: FanRule) -> (Plan, Plan, String) {
        let model = Spec::parse(model).unwrap();
        let plan = recipe.plan(&model, 3).unwrap();
        let text = plan.to_recipe("mine", fans);
        let read = Recipe::from_toml(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (read.plan(&model, 3).unwrap(), plan, text)
    }

    #[test]
    fn a_plan_by_its_own_recipe_has_the_same_values() {
        for model in [
            "mlp:9-7-7-7-3:silu",
            "transformer:2x64:100",
            "conv:3-8:4",
            "lstm:4-8:2",
        ] {
            for (recipe, fans) in [("auto", FanRule::Exact), ("pytorch", FanRule::Pytorch)] {
                let (read, plan, text) = again(model, &Recipe::named(recipe).unwrap(), fans);
                for (line, own) in read.tensors.iter().zip(&plan.tensors) {
                    assert_eq!(line.fill, own.fill, "{} of {model}: {text}", own.name);
                    assert_eq!(line.reason, own.reason);
                }
            }
        }
    }

    #[test]
    fn special_layers_come_first_and_numbers_are_folded() {
        let (_, _, text) = again("mlp:9-8-8-8-8-3:gelu", &Recipe::auto(), FanRule::Exact);
        let places: Vec<usize> = ["layers.0.weight", "layers.4.weight", "layers.*.weight"]
            .iter()
            .map(|name| text.find(&format!("match = \"{name}\"")).unwrap())
            .collect();
        assert!(places.is_sorted(), "{text}");
        assert_eq!(super::quoted("a \"b\"\n\\"), r#""a \"b\"\u000a\\""#);
    }
}
