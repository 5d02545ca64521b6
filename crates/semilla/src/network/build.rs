//! From a description to a graph: each step takes a value and makes one.

use std::collections::BTreeMap;

use super::attention;
use super::draft::{Draft, Flow};
use super::error::NetworkError;
use super::given::{Given, size, whole};
use super::layers;
use super::scope::{At, Scope};
use super::syntax::{Block, Call, Document, Join, Name, Operands, Part, Repeat, Step, What};
use crate::formula::{Expression, Names, Problem, Value};
use crate::graph::Graph;
use crate::model::Model;

/// Layers of one network, repetitions counted.
const LAYERS: usize = 100_000;
/// Blocks and tables within each other.
const DEEPEST: usize = 100;

/// Builds the network of a description whose parameters are in scope.
pub(super) fn build(document: &Document, scope: &Scope) -> Result<(Model, Graph), NetworkError> {
    let mut builder = Builder {
        document,
        draft: Draft::default(),
        kept: BTreeMap::new(),
        layers: 0,
        depth: 0,
    };
    let mut first = None;
    for input in &document.inputs {
        let sizes = input.sizes.iter().map(|expression| {
            let value = expression.value(scope)?;
            size(&value, "the size")
        });
        let sizes: Result<Vec<usize>, Problem> = sizes.collect();
        let sizes = sizes.map_err(|problem| failed(input.line, &input.name, &problem))?;
        let flow = builder.draft.input(&input.name, input.is_words, sizes);
        let flow = flow.bounded();
        let flow = flow.map_err(|problem| failed(input.line, &input.name, &problem))?;
        builder.kept.insert(input.name.clone(), flow.clone());
        first.get_or_insert(flow);
    }
    let first = first.ok_or_else(|| NetworkError::text(1, "a network needs an input"))?;
    let mut top = Module::default();
    let last = builder.steps(&document.layers, &mut top, scope, first)?;
    Ok(builder.draft.finish(&last))
}

/// A module: where names begin, and how many layers without a name it has.
#[derive(Default)]
struct Module {
    path: String,
    unnamed: usize,
}

impl Module {
    fn below(&self, name: &str) -> Self {
        Self {
            path: join(&self.path, name),
            unnamed: 0,
        }
    }
}

fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_owned(),
        (path, "") => path.to_owned(),
        (path, name) => format!("{path}.{name}"),
    }
}

/// A layer that cannot be built.
fn failed(line: usize, layer: &str, problem: &Problem) -> NetworkError {
    NetworkError::Layer {
        line,
        layer: layer.to_owned(),
        problem: problem.to_string(),
    }
}

struct Builder<'d> {
    document: &'d Document,
    draft: Draft,
    /// Values by the names under which they were kept.
    kept: BTreeMap<String, Flow>,
    layers: usize,
    depth: usize,
}

impl Builder<'_> {
    fn steps(
        &mut self,
        steps: &[Step],
        module: &mut Module,
        scope: &Scope,
        x: Flow,
    ) -> Result<Flow, NetworkError> {
        let mut steps = steps.iter();
        steps.try_fold(x, |x, step| self.step(step, module, scope, x))
    }

    fn step(
        &mut self,
        step: &Step,
        module: &mut Module,
        scope: &Scope,
        x: Flow,
    ) -> Result<Flow, NetworkError> {
        let Some(Repeat { count, index }) = &step.repeat else {
            return self.named(step, module, scope, x, None);
        };
        let here = |problem| failed(step.line, &join(&module.path, "repeat"), &problem);
        let count = count.value(&At { scope, x: &x });
        let count = count
            .and_then(|value| whole(&value, "repeat"))
            .map_err(here)?;
        let mut x = x;
        for number in 0..count {
            let mut scope = scope.inner();
            scope.set(index, Value::Number(number as f64));
            x = self.named(step, module, &scope, x, Some(number))?;
        }
        Ok(x)
    }

    /// One repetition of a step, if its condition holds, under its name.
    fn named(
        &mut self,
        step: &Step,
        module: &mut Module,
        scope: &Scope,
        x: Flow,
        number: Option<usize>,
    ) -> Result<Flow, NetworkError> {
        self.layers += 1;
        if self.layers > LAYERS {
            return Err(NetworkError::TooLarge {
                what: "layers",
                limit: LAYERS,
            });
        }
        let place = module.path.clone();
        let here = |problem| failed(step.line, &place, &problem);
        if let Some(condition) = &step.condition {
            let holds = condition.value(&At { scope, x: &x }).map_err(here)?;
            if !holds.is_true() {
                return Ok(x);
            }
        }
        if self.depth >= DEEPEST {
            return Err(NetworkError::TooLarge {
                what: "layers within each other",
                limit: DEEPEST,
            });
        }
        self.depth += 1;
        let result = match &step.name {
            None => self.what(step, None, module, scope, x),
            Some(name) => {
                let text = written(name, &At { scope, x: &x }).map_err(here)?;
                let text = match number {
                    Some(number) if !name.varies() => join(&text, &number.to_string()),
                    _ => text,
                };
                let mut inner = module.below(&text);
                self.what(step, Some(&text), &mut inner, scope, x)
            }
        };
        self.depth -= 1;
        result
    }

    /// What a step does. `module` is the step's own if it has a name.
    fn what(
        &mut self,
        step: &Step,
        name: Option<&str>,
        module: &mut Module,
        scope: &Scope,
        x: Flow,
    ) -> Result<Flow, NetworkError> {
        match &step.what {
            What::Call(call) => self.call(step, call, name, module, scope, x),
            What::Chain(steps) => self.steps(steps, module, scope, x),
            What::Aside(steps) => {
                self.steps(steps, module, scope, x.clone())?;
                Ok(x)
            }
            What::Residual {
                branch,
                shortcut,
                scale,
            } => {
                let here = |problem| failed(step.line, "residual", &problem);
                let scale = scale
                    .as_ref()
                    .map(|scale| scale.number(&At { scope, x: &x }));
                let scale = scale.transpose().map_err(here)?;
                self.draft.enter_branch();
                let mut made = self.steps(branch, module, scope, x.clone())?;
                self.draft.leave_branch();
                if let Some(scale) = scale.filter(|&scale| scale != 1.0) {
                    made = layers::times(&mut self.draft, &made, scale).map_err(here)?;
                }
                let around = self.steps(shortcut, module, scope, x)?;
                let sum = layers::joined(&mut self.draft, "Add", &[around, made]);
                sum.map_err(here)
            }
            What::Join { by, branches } => {
                let mut made = Vec::new();
                for branch in branches {
                    made.push(self.steps(branch, module, scope, x.clone())?);
                }
                let (word, joined) = match by {
                    Join::Add => ("add", layers::joined(&mut self.draft, "Add", &made)),
                    Join::Multiply => ("multiply", layers::joined(&mut self.draft, "Mul", &made)),
                    Join::Concat(axis) => {
                        let axis = axis.as_ref().map(|axis| axis.number(&At { scope, x: &x }));
                        let joined = axis.transpose().and_then(|axis| {
                            layers::concat(&mut self.draft, &made, axis.unwrap_or(1.0))
                        });
                        ("concat", joined)
                    }
                };
                let joined = joined.and_then(Flow::bounded);
                joined.map_err(|problem| failed(step.line, word, &problem))
            }
            What::Attention(attention) => self.attention(step, attention, module, scope, x),
        }
    }

    fn attention(
        &mut self,
        step: &Step,
        written: &super::syntax::Attention,
        module: &mut Module,
        scope: &Scope,
        x: Flow,
    ) -> Result<Flow, NetworkError> {
        let at = |x: &Flow, expression: &Expression| expression.value(&At { scope, x });
        let here = |problem| failed(step.line, &join(&module.path, "attention"), &problem);
        let heads = at(&x, &written.heads).and_then(|value| size(&value, "attention"));
        let heads = heads.map_err(here)?;
        let settings = Given::bind(
            attention::SETTINGS,
            &[],
            &written.settings,
            &At { scope, x: &x },
        );
        let settings = settings.map_err(here)?;
        let operands = match &written.operands {
            Operands::Fused(steps) => {
                let all = self.steps(steps, module, scope, x.clone())?;
                let here = |problem| failed(step.line, "attention", &problem);
                attention::parts(&mut self.draft, &all, heads, &settings).map_err(here)?
            }
            Operands::Apart([query, key, value]) => [
                self.steps(query, module, scope, x.clone())?,
                self.steps(key, module, scope, x.clone())?,
                self.steps(value, module, scope, x.clone())?,
            ],
        };
        let bias = match &written.bias {
            None => None,
            Some(steps) => Some(self.steps(steps, module, scope, x)?),
        };
        let mixed = attention::mixed(&mut self.draft, &operands, bias.as_ref(), heads, &settings);
        mixed.map_err(|problem| failed(step.line, &join(&module.path, "attention"), &problem))
    }

    fn call(
        &mut self,
        step: &Step,
        call: &Call,
        name: Option<&str>,
        module: &mut Module,
        scope: &Scope,
        x: Flow,
    ) -> Result<Flow, NetworkError> {
        if let Some(block) = self
            .document
            .blocks
            .iter()
            .find(|block| block.name == call.kind)
        {
            return self.block(step, block, call, module, scope, x);
        }
        let layer = |path: &str| match path {
            "" => call.kind.clone(),
            path => format!("{path}: {}", call.kind),
        };
        if let "keep" | "take" = &*call.kind {
            let moved = self.moved(call, x);
            return moved.map_err(|problem| failed(step.line, &layer(&module.path), &problem));
        }
        let path = match name {
            Some(_) => module.path.clone(),
            None => {
                module.unnamed += 1;
                join(&module.path, &(module.unnamed - 1).to_string())
            }
        };
        self.draft.at(&path);
        let names = At { scope, x: &x };
        let made = layers::layer(&mut self.draft, &path, call, &names).and_then(Flow::bounded);
        made.map_err(|problem| failed(step.line, &layer(&path), &problem))
    }

    /// The layers of a block, with its parameters.
    fn block(
        &mut self,
        step: &Step,
        block: &Block,
        call: &Call,
        module: &mut Module,
        scope: &Scope,
        x: Flow,
    ) -> Result<Flow, NetworkError> {
        let values = parameters(block, call, &At { scope, x: &x });
        let values = values
            .map_err(|problem| failed(step.line, &join(&module.path, &block.name), &problem))?;
        let mut inner = scope.inner();
        for (name, value) in values {
            inner.set(name, value);
        }
        self.steps(&block.layers, module, &inner, x)
    }

    /// A value that is kept for later, or taken again.
    fn moved(&mut self, call: &Call, x: Flow) -> Result<Flow, Problem> {
        let ([Expression::Name(name)], []) = (&*call.positional, &*call.named) else {
            return Err(Problem::other(format!("write {}(NAME)", call.kind)));
        };
        if call.kind == "keep" {
            self.kept.insert(name.clone(), x.clone());
            return Ok(x);
        }
        let found = self.kept.get(name).cloned();
        found.ok_or_else(|| {
            let hint = crate::suggest::did_you_mean(name, self.kept.keys().map(String::as_str));
            Problem::other(format!("no value was kept as {name:?}{hint}"))
        })
    }
}

/// The values of a block's parameters.
fn parameters(
    block: &Block,
    call: &Call,
    names: &dyn Names,
) -> Result<Vec<(String, Value)>, Problem> {
    let known = || block.parameters.iter().map(|(name, _)| &**name);
    if call.positional.len() > block.parameters.len() {
        let count = block.parameters.len();
        return Err(Problem::other(format!(
            "it takes at most {count} arguments"
        )));
    }
    if let Some((name, _)) = call
        .named
        .iter()
        .find(|(name, _)| !known().any(|k| k == name))
    {
        let hint = crate::suggest::did_you_mean(name, known());
        return Err(Problem::other(format!("it takes no {name:?}{hint}")));
    }
    let value = |(place, (name, default)): (usize, &(String, Option<Expression>))| {
        let named = call.named.iter().filter(|(known, _)| known == name);
        let unnamed = call.positional.get(place).into_iter();
        let mut given = unnamed.chain(named.map(|(_, value)| value));
        let expression = given.next().or(default.as_ref());
        let expression =
            expression.ok_or_else(|| Problem::other(format!("{name:?} is missing")))?;
        match given.next() {
            Some(_) => Err(Problem::other(format!("{name:?} is given twice"))),
            None => Ok((name.clone(), expression.value(names)?)),
        }
    };
    block.parameters.iter().enumerate().map(value).collect()
}

/// A name with the values of its formulas.
fn written(name: &Name, names: &dyn Names) -> Result<String, Problem> {
    let mut text = String::new();
    for part in &name.0 {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Formula(formula) => match formula.value(names)? {
                Value::Text(part) => text.push_str(&part),
                Value::Number(number) => text.push_str(&number.to_string()),
                other => {
                    return Err(Problem::other(format!("a name cannot have {other} in it")));
                }
            },
        }
    }
    // A part that comes to nothing leaves no dot.
    let parts = text.split('.').filter(|part| !part.is_empty());
    Ok(parts.collect::<Vec<_>>().join("."))
}
