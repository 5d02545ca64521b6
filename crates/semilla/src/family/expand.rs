//! From a tree and a configuration to tensors.

use std::collections::HashMap;

use super::blueprint::BlueprintTensor;
use super::definition::{Arguments, Each, FusedSizes, Law, Node, Stated, What};
use super::error::ConfigError;
use super::lineage::Lineage;
use super::module::{Kind, Sizes, Slot};
use super::scope::Scope;
use crate::dtype::DType;
use crate::formula::{Expression, Names, Problem, Value, number};
use crate::init::{Initializer, Padded};
use crate::layout::Layout;
use crate::model::{Facts, Fused, Role, Source};

/// As many as a file may have.
const TENSORS: usize = 1 << 20;
/// Lines followed, repetitions counted; a tensor takes a few.
const LINES: usize = 1 << 23;
/// More than any tensor has.
const ELEMENTS: f64 = (1u64 << 50) as f64;
/// Trees that use each other.
const DEEPEST: usize = 32;

/// The tensors of a tree.
pub(super) fn expand(
    lineage: Lineage,
    config: Value,
    tree: &[Node],
    dtype: DType,
) -> Result<Vec<BlueprintTensor>, ConfigError> {
    let mut expansion = Expansion {
        dtype,
        drafts: Vec::new(),
        blocks: HashMap::new(),
        laws: HashMap::new(),
        lines: 0,
        depth: 0,
    };
    let scope = Scope::new(lineage, config);
    expansion.nodes(tree, &Place::default(), &scope)?;
    Ok(expansion.finish())
}

/// Where a line stands: in names, and among the residual blocks.
#[derive(Clone, Default)]
struct Place {
    name: String,
    /// The name with every number left out.
    stack: String,
    block: Option<Block>,
}

/// A residual block: of which stack, and the how manyeth.
#[derive(Clone)]
struct Block {
    stack: String,
    depth: usize,
    /// How many there are, if that is stated.
    layers: Option<usize>,
}

impl Place {
    fn below(&self, path: &str) -> Self {
        let joined = |name: &str| match (name, path) {
            (name, "") => name.to_owned(),
            ("", path) => path.to_owned(),
            (name, path) => format!("{name}.{path}"),
        };
        Self {
            name: joined(&self.name),
            stack: joined(&self.stack),
            block: self.block.clone(),
        }
    }

    fn numbered(&self, number: usize, block: Option<Block>) -> Self {
        let mut place = self.below(&number.to_string());
        place.stack = format!("{}.*", self.stack);
        place.block = block.or(place.block);
        place
    }

    fn failed(&self, problem: Problem) -> ConfigError {
        let place = match &self.name[..] {
            "" => "the model",
            name => name,
        };
        ConfigError::at(place, problem)
    }

    fn too_large(&self, what: &'static str, count: f64, limit: f64) -> ConfigError {
        let place = self.name.clone();
        ConfigError::TooLarge {
            place,
            what,
            count,
            limit,
        }
    }
}

struct Draft {
    part: BlueprintTensor,
    block: Option<Block>,
}

struct Expansion {
    dtype: DType,
    drafts: Vec<Draft>,
    /// The number of blocks of each stack.
    blocks: HashMap<String, usize>,
    /// Initializers by their texts.
    laws: HashMap<String, Initializer>,
    lines: usize,
    depth: usize,
}

impl Expansion {
    fn finish(self) -> Vec<BlueprintTensor> {
        let blocks = self.blocks;
        let part = |Draft { mut part, block }: Draft| {
            if let Some(block) = block {
                let counted = blocks.get(&block.stack).copied();
                let layers = block.layers.or(counted).unwrap_or(block.depth + 1);
                part.facts = part.facts.block(block.depth, layers);
            }
            part
        };
        self.drafts.into_iter().map(part).collect()
    }

    fn nodes(&mut self, nodes: &[Node], place: &Place, scope: &Scope) -> Result<(), ConfigError> {
        nodes
            .iter()
            .try_for_each(|node| self.node(node, place, scope))
    }

    fn node(&mut self, node: &Node, place: &Place, scope: &Scope) -> Result<(), ConfigError> {
        let place = place.below(&node.path);
        match &node.each {
            None => self.once(node, &place, scope),
            Some(each) => self.repeated(node, each, &place, scope),
        }
    }

    fn repeated(
        &mut self,
        node: &Node,
        each: &Each,
        place: &Place,
        scope: &Scope,
    ) -> Result<(), ConfigError> {
        let count = size(&each.count, scope).map_err(|problem| place.failed(problem))?;
        if count > TENSORS {
            return Err(place.too_large("repetitions", count as f64, TENSORS as f64));
        }
        for number in 0..count {
            let value = Value::Number(number as f64);
            let scope = scope.with([(each.variable.clone(), value)]);
            if !holds(node, place, &scope)? {
                continue;
            }
            let block = match node.is_block {
                true => Some(self.next_block(node, place, &scope)?),
                false => None,
            };
            self.once(node, &place.numbered(number, block), &scope)?;
        }
        Ok(())
    }

    fn next_block(
        &mut self,
        node: &Node,
        place: &Place,
        scope: &Scope,
    ) -> Result<Block, ConfigError> {
        let layers = node.layers.as_ref().map(|layers| size(layers, scope));
        let layers = layers
            .transpose()
            .map_err(|problem| place.failed(problem))?;
        let count = self.blocks.entry(place.stack.clone()).or_default();
        *count += 1;
        Ok(Block {
            stack: place.stack.clone(),
            depth: *count - 1,
            layers,
        })
    }

    fn once(&mut self, node: &Node, place: &Place, scope: &Scope) -> Result<(), ConfigError> {
        self.lines += 1;
        if self.lines > LINES {
            return Err(place.too_large("modules", self.lines as f64, LINES as f64));
        }
        if !holds(node, place, scope)? {
            return Ok(());
        }
        match &node.what {
            What::Container => {}
            What::Module(kind, arguments) => self.module(*kind, arguments, node, place, scope)?,
            What::Use(tree, arguments) => {
                let values = arguments.iter().map(|(name, expression)| {
                    let value = expression.value(scope);
                    Ok((
                        name.clone(),
                        value.map_err(|problem| place.failed(problem))?,
                    ))
                });
                let values: Result<Vec<_>, ConfigError> = values.collect();
                self.tree(tree, place, &scope.with(values?))?;
            }
            What::Model(family, field) => self.model(family, field, place, scope)?,
        }
        self.nodes(&node.children, place, scope)
    }

    fn tree(&mut self, name: &str, place: &Place, scope: &Scope) -> Result<(), ConfigError> {
        let tree = scope.lineage.tree(name);
        let tree = tree.filter(|_| self.depth < DEEPEST).ok_or_else(|| {
            place.failed(Problem::other(format!("the family has no tree {name:?}")))
        })?;
        self.depth += 1;
        let result = self.nodes(tree, place, scope);
        self.depth -= 1;
        result
    }

    /// The model of a configuration within the configuration.
    fn model(
        &mut self,
        family: &Expression,
        field: &str,
        place: &Place,
        scope: &Scope,
    ) -> Result<(), ConfigError> {
        let failed = |problem| place.failed(problem);
        let config = scope.value(field).map_err(failed)?;
        let stated = config.entry("model_type").and_then(Value::as_text);
        let default = family.value(scope).map_err(failed)?;
        let model_type = stated.or(default.as_text()).unwrap_or_default();
        let lineage = Lineage::of(model_type).ok_or_else(|| ConfigError::UnknownType {
            model_type: model_type.chars().take(80).collect(),
            has_code: false,
        })?;
        self.tree("model", place, &Scope::new(lineage, config))
    }

    fn module(
        &mut self,
        kind: Kind,
        arguments: &Arguments,
        node: &Node,
        place: &Place,
        scope: &Scope,
    ) -> Result<(), ConfigError> {
        let failed = |problem| place.failed(problem);
        let sizes = sizes(arguments, scope).map_err(failed)?;
        let slots = kind.slots(&sizes).ok_or_else(|| {
            failed(Problem::other(format!(
                "{} sizes do not fit",
                sizes.all.len()
            )))
        })?;
        let padding = match arguments.named("pad") {
            None => None,
            Some(row) => padding(row, &sizes, scope).map_err(failed)?,
        };
        for (at, slot) in slots.into_iter().enumerate() {
            let is_weight = at == 0;
            let place = place.below(slot.leaf);
            let law = match is_weight {
                true => node.facts.weight.as_ref(),
                false if slot.leaf == "bias" => node.facts.bias.as_ref(),
                false => None,
            };
            let law = law.or_else(|| scope.lineage.law(slot.law)).ok_or_else(|| {
                place.failed(Problem::other("the family states no initial values"))
            })?;
            let mut initializer = self.initializer(law, scope).map_err(|p| place.failed(p))?;
            if let Some(row) = padding {
                let of = Box::new(initializer);
                initializer = Padded { row, of }.into();
            }
            self.add(
                slot,
                is_weight.then_some(&node.facts),
                initializer,
                &place,
                scope,
                node,
            )?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        slot: Slot,
        stated: Option<&Stated>,
        initializer: Initializer,
        place: &Place,
        scope: &Scope,
        node: &Node,
    ) -> Result<(), ConfigError> {
        let failed = |problem| place.failed(problem);
        let elements: f64 = slot.shape.iter().map(|&size| size as f64).product();
        if elements > ELEMENTS {
            return Err(place.too_large("elements", elements, ELEMENTS));
        }
        if self.drafts.len() >= TENSORS {
            let count = self.drafts.len() + 1;
            return Err(place.too_large("tensors", count as f64, TENSORS as f64));
        }
        let role = match slot.leaf {
            "bias" => node.facts.bias_role.unwrap_or(slot.role),
            _ => slot.role,
        };
        let mut facts = Facts::from(Source::Config).role(role);
        if let Some(layout) = slot.layout {
            facts = facts.layout(layout);
        }
        let mut dtype = match slot.is_counter {
            true => DType::I64,
            false => self.dtype,
        };
        if let Some(stated) = stated {
            facts = add_stated(facts, stated, scope).map_err(failed)?;
            if let Some(expression) = &stated.dtype {
                let name = expression.value(scope).map_err(failed)?;
                dtype = read(&name).map_err(failed)?;
            }
        }
        let tied = match slot.leaf {
            "bias" => &node.facts.bias_tied,
            _ => &node.facts.tied,
        };
        let is_tied = match tied {
            Some(tied) => tied.value(scope).map_err(failed)?.is_true(),
            None => false,
        };
        self.drafts.push(Draft {
            part: BlueprintTensor {
                name: place.name.clone(),
                shape: slot.shape,
                dtype,
                facts,
                initializer,
                is_saved: !is_tied,
            },
            block: place.block.clone(),
        });
        Ok(())
    }

    /// The initializer of a law, whose parameters are numbers now.
    fn initializer(&mut self, law: &Law, scope: &Scope) -> Result<Initializer, Problem> {
        let mut parameters = Vec::new();
        for (name, expression) in &law.parameters {
            let value = match expression.value(scope)? {
                Value::Text(text) => text.to_string(),
                Value::Bool(value) => value.to_string(),
                Value::List(list) => {
                    let one = |value: &Value| Ok(number(value)?.to_string());
                    let all: Result<Vec<String>, Problem> = list.iter().map(one).collect();
                    format!("[{}]", all?.join(", "))
                }
                other => number(&other)?.to_string(),
            };
            parameters.push(format!("{name}={value}"));
        }
        let text = match &parameters[..] {
            [] => law.name.clone(),
            some => format!("{}({})", law.name, some.join(", ")),
        };
        if let Some(known) = self.laws.get(&text) {
            return Ok(known.clone());
        }
        let read: Initializer = text
            .parse()
            .map_err(|error| Problem::other(format!("{error}")))?;
        self.laws.insert(text, read.clone());
        Ok(read)
    }
}

fn holds(node: &Node, place: &Place, scope: &Scope) -> Result<bool, ConfigError> {
    match &node.condition {
        None => Ok(true),
        Some(condition) => match condition.value(scope) {
            Ok(value) => Ok(value.is_true()),
            Err(problem) => Err(place.failed(problem)),
        },
    }
}

/// A count or a size: a whole number that is not negative.
fn size(expression: &Expression, scope: &Scope) -> Result<usize, Problem> {
    let size = expression.number(scope)?;
    match size >= 0.0 && size.fract() == 0.0 && size <= ELEMENTS {
        true => Ok(size as usize),
        false => Err(expression.named(Problem::other(format!("{size} is no size")))),
    }
}

fn sizes(arguments: &Arguments, scope: &Scope) -> Result<Sizes, Problem> {
    let all: Result<Vec<usize>, Problem> =
        arguments.sizes.iter().map(|one| size(one, scope)).collect();
    let option = |name: &str| match arguments.named(name) {
        Some(expression) => size(expression, scope),
        None => Ok(1),
    };
    let has_bias = match arguments.named("bias") {
        Some(expression) => expression.value(scope)?.is_true(),
        None => true,
    };
    let (groups, stride) = (option("groups")?, option("stride")?);
    if groups == 0 || stride == 0 {
        return Err(Problem::other("groups and strides are at least 1"));
    }
    Ok(Sizes {
        all: all?,
        has_bias,
        groups,
        stride,
    })
}

/// The row of a table that pads, counted from the end if it is negative.
fn padding(row: &Expression, sizes: &Sizes, scope: &Scope) -> Result<Option<usize>, Problem> {
    let value = row.value(scope)?;
    if value == Value::Null {
        return Ok(None);
    }
    let rows = sizes.all.first().copied().unwrap_or(0) as f64;
    let row = number(&value)?;
    let place = if row < 0.0 { row + rows } else { row };
    match place >= 0.0 && place < rows && place.fract() == 0.0 {
        true => Ok(Some(place as usize)),
        false => Err(Problem::other(format!(
            "the padding token {row} is no row of a table of {rows}"
        ))),
    }
}

fn add_stated(mut facts: Facts, stated: &Stated, scope: &Scope) -> Result<Facts, Problem> {
    if let Some(role) = stated.role {
        facts = facts.role(role);
        if role == Role::Head {
            facts = facts.activation(crate::activation::Activation::Linear);
        }
    }
    if let Some(layout) = &stated.layout {
        facts = facts.layout(read::<Layout>(&layout.value(scope)?)?);
    }
    if let Some(activation) = &stated.activation {
        // An activation that is not known says nothing.
        let name = activation.value(scope)?;
        if let Ok(activation) = read(&name) {
            facts = facts.activation(activation);
        }
    }
    if let Some(fused) = &stated.fused {
        facts = facts.fused(held(fused, scope)?);
    }
    Ok(facts)
}

/// The weights that a tensor holds; those of no size are none.
fn held(fused: &FusedSizes, scope: &Scope) -> Result<Fused, Problem> {
    let mut parts = Vec::new();
    for (role, expression) in &fused.parts {
        let size = size(expression, scope)?;
        if size > 0 {
            parts.push((*role, size));
        }
    }
    Ok(match &fused.turns {
        Some(turns) => Fused::in_turns(parts, size(turns, scope)?),
        None => Fused::in_a_row(parts),
    })
}

/// A text read as a type, a layout, an activation.
fn read<T: std::str::FromStr>(value: &Value) -> Result<T, Problem> {
    let read = value.as_text().and_then(|text| text.parse().ok());
    read.ok_or_else(|| Problem::other(format!("{value} cannot be read")))
}
