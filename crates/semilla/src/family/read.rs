//! Reading a family's file: indented lines to [`Family`]s.

use super::definition::{
    Arguments, Computation, Each, Family, Field, FusedSizes, Law, Node, Stated, What,
};
use super::module::Kind;
use crate::formula::{Expression, Mistake, Parser, Token, tokens};
use crate::model::Role;

/// A line with the lines that are indented below it.
struct Line<'a> {
    number: usize,
    text: &'a str,
    below: Vec<Line<'a>>,
}

/// Reads all families of a file.
pub(super) fn read(text: &str) -> Result<Vec<Family>, Mistake> {
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    });
    let lines: Vec<(usize, &str)> = lines.map(|(at, line)| (at + 1, line)).collect();
    let mut rest = &lines[..];
    nested(&mut rest, 0).iter().map(family).collect()
}

fn nested<'a>(rest: &mut &[(usize, &'a str)], least: usize) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    while let Some(&(number, text)) = rest.first() {
        let indent = text.len() - text.trim_start().len();
        if indent < least {
            break;
        }
        *rest = &rest[1..];
        lines.push(Line {
            number,
            text: text.trim(),
            below: nested(rest, indent + 1),
        });
    }
    lines
}

fn family(line: &Line<'_>) -> Result<Family, Mistake> {
    let types = line.text.strip_prefix("family ");
    let types = types.ok_or_else(|| Mistake::new("expected a family").at(line.number))?;
    let mut family = Family {
        types: types
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect(),
        ..Family::default()
    };
    for section in &line.below {
        add(&mut family, section)?;
    }
    Ok(family)
}

fn add(family: &mut Family, section: &Line<'_>) -> Result<(), Mistake> {
    let (word, rest) = section.text.split_once(' ').unwrap_or((section.text, ""));
    let rest = rest.trim().to_owned();
    match word {
        "like" => family.like = Some(rest),
        "class" => family.class = Some(rest),
        "fields" => family.fields = each(section, field)?,
        "let" => family.lets = each(section, assignment)?,
        "laws" => family.laws = each(section, kind_law)?,
        "network" => family.network = Some(computation(rest, section)?),
        "tree" => family.trees.push((rest, nodes(&section.below)?)),
        "head" => family.heads.push((rest, nodes(&section.below)?)),
        _ => return Err(Mistake::new(format!("no section {word:?}")).at(section.number)),
    }
    Ok(())
}

/// `network gpt2`, with `width = n_embd` and `refuse 'scores are capped' if cap` below.
fn computation(network: String, section: &Line<'_>) -> Result<Computation, Mistake> {
    let mut computation = Computation {
        network,
        ..Computation::default()
    };
    for line in &section.below {
        let read = match line.text.strip_prefix("refuse ") {
            Some(rest) => refusal(rest).map(|refusal| computation.refusals.push(refusal)),
            None => tokens(line.text)
                .and_then(|tokens| assignment(&tokens))
                .map(|parameter| computation.parameters.push(parameter)),
        };
        read.map_err(|mistake| mistake.at(line.number))?;
    }
    Ok(computation)
}

/// `'scores are capped' if attn_logit_softcapping`
fn refusal(text: &str) -> Result<(String, Expression), Mistake> {
    let tokens = tokens(text)?;
    let mut parser = Parser::new(&tokens);
    let Some(Token::Text(words)) = parser.next() else {
        return Err(Mistake::new("expected the reason in quotes"));
    };
    parser.expect("if")?;
    Ok((words.clone(), parser.only_expression()?))
}

fn each<T>(
    section: &Line<'_>,
    read: fn(&[Token]) -> Result<T, Mistake>,
) -> Result<Vec<T>, Mistake> {
    let one = |line: &Line<'_>| {
        let tokens = tokens(line.text).and_then(|tokens| read(&tokens));
        tokens.map_err(|mistake| mistake.at(line.number))
    };
    section.below.iter().map(one).collect()
}

/// `n_embd | hidden_size = 768`
fn field(tokens: &[Token]) -> Result<Field, Mistake> {
    let mut parser = Parser::new(tokens);
    let name = parser.name()?.to_owned();
    let mut aliases = Vec::new();
    while parser.take("|") {
        aliases.push(parser.name()?.to_owned());
    }
    parser.expect("=")?;
    Ok(Field {
        name,
        aliases,
        default: parser.only_expression()?,
    })
}

/// `std = initializer_range`
fn assignment(tokens: &[Token]) -> Result<(String, Expression), Mistake> {
    let mut parser = Parser::new(tokens);
    let name = parser.name()?.to_owned();
    parser.expect("=")?;
    Ok((name, parser.only_expression()?))
}

/// `linear ~ normal(std=std)`
fn kind_law(tokens: &[Token]) -> Result<(String, Law), Mistake> {
    let mut parser = Parser::new(tokens);
    let name = parser.name()?.to_owned();
    parser.expect("~")?;
    Ok((name, law(&mut parser)?))
}

fn law(parser: &mut Parser<'_>) -> Result<Law, Mistake> {
    let name = parser.name()?.to_owned();
    let parameters = match parser.take("(") {
        true => arguments(parser)?.named,
        false => Vec::new(),
    };
    Ok(Law { name, parameters })
}

/// Up to the closing parenthesis: sizes, then `name=expression`.
fn arguments(parser: &mut Parser<'_>) -> Result<Arguments, Mistake> {
    let mut arguments = Arguments::default();
    parser.each_up_to(")", |parser| {
        match parser.named_argument() {
            Some(name) => {
                let value = parser.expression()?;
                arguments.named.push((name.to_owned(), value));
            }
            None => arguments.sizes.push(parser.expression()?),
        }
        Ok(())
    })?;
    Ok(arguments)
}

fn nodes(lines: &[Line<'_>]) -> Result<Vec<Node>, Mistake> {
    let node = |line: &Line<'_>| {
        let read = node(line.text).map_err(|mistake| mistake.at(line.number));
        Ok(Node {
            children: nodes(&line.below)?,
            ..read?
        })
    };
    lines.iter().map(node).collect()
}

/// `q_proj  linear(hidden_size, q, bias=attention_bias) query ~ normal(std=0.1) if condition`
fn node(text: &str) -> Result<Node, Mistake> {
    let end = text.find([' ', '[']).unwrap_or(text.len());
    let mut node = Node {
        path: text[..end].trim_matches('.').to_owned(),
        ..Node::default()
    };
    let tokens = tokens(&text[end..])?;
    let mut parser = Parser::new(&tokens);
    if parser.take("[") {
        let variable = parser.name()?.to_owned();
        parser.expect("<")?;
        let count = parser.expression()?;
        node.each = Some(Each { variable, count });
        parser.expect("]")?;
    }
    while !parser.is_done() {
        part(&mut node, &mut parser)?;
    }
    Ok(node)
}

/// One word of a line, with its arguments.
fn part(node: &mut Node, parser: &mut Parser<'_>) -> Result<(), Mistake> {
    if parser.take("~") {
        node.facts.weight = Some(law(parser)?);
        return Ok(());
    }
    let word = parser.name()?;
    let in_parentheses = |parser: &mut Parser<'_>| {
        parser.expect("(")?;
        let value = parser.expression()?;
        parser.expect(")")?;
        Ok(Some(value))
    };
    match word {
        "if" => node.condition = Some(parser.expression()?),
        "block" => {
            node.is_block = true;
            if parser.peek() == Some(&Token::Sign("(")) {
                node.layers = in_parentheses(parser)?;
            }
        }
        "use" => {
            parser.expect("(")?;
            let tree = parser.name()?.to_owned();
            let _ = parser.take(",");
            node.what = What::Use(tree, arguments(parser)?.named);
        }
        "model" => {
            parser.expect("(")?;
            let family = parser.expression()?;
            parser.expect(",")?;
            node.what = What::Model(family, parser.name()?.to_owned());
            parser.expect(")")?;
        }
        "bias" if parser.take("~") => node.facts.bias = Some(law(parser)?),
        "bias" if parser.take("tied") => node.facts.bias_tied = in_parentheses(parser)?,
        // `bias` alone is the role of a weight.
        "bias" if is_bias_role(parser.peek()) => {
            node.facts.bias_role = Some(role_named(parser.name()?)?);
        }
        "act" => node.facts.activation = in_parentheses(parser)?,
        "fused" => node.facts.fused = Some(fused(parser)?),
        "layout" => node.facts.layout = in_parentheses(parser)?,
        "dtype" => node.facts.dtype = in_parentheses(parser)?,
        "tied" => node.facts.tied = in_parentheses(parser)?,
        _ => return module(&mut node.what, &mut node.facts, word, parser),
    }
    Ok(())
}

/// `fused(query=q, key=k, value=k, turns=heads)`
fn fused(parser: &mut Parser<'_>) -> Result<FusedSizes, Mistake> {
    parser.expect("(")?;
    let mut fused = FusedSizes {
        parts: Vec::new(),
        turns: None,
    };
    for (name, size) in arguments(parser)?.named {
        match name.as_str() {
            "turns" => fused.turns = Some(size),
            role => fused.parts.push((role_named(role)?, size)),
        }
    }
    Ok(fused)
}

fn is_bias_role(token: Option<&Token>) -> bool {
    let Some(Token::Name(name)) = token else {
        return false;
    };
    matches!(name.parse(), Ok(Role::TimeStepBias | Role::PriorBias))
}

fn role_named(name: &str) -> Result<Role, Mistake> {
    name.parse()
        .map_err(|error| Mistake::new(format!("{error}")))
}

/// A kind of module with its sizes, or the role of its weight.
fn module(
    what: &mut What,
    facts: &mut Stated,
    word: &str,
    parser: &mut Parser<'_>,
) -> Result<(), Mistake> {
    if let Some(kind) = Kind::named(word)
        && parser.take("(")
    {
        *what = What::Module(kind, arguments(parser)?);
        return Ok(());
    }
    facts.role = Some(role_named(word)?);
    Ok(())
}
