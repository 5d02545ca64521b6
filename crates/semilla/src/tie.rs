//! Tied tensors: two names, one content.

use serde::{Deserialize, Serialize};

use crate::fill::Fill;
use crate::model::{Model, Role};
use crate::plan::{Disposition, Line, Plan};
use crate::suggest::did_you_mean;

/// A tensor that is to have the bytes of another, such as a language model's head and its table of tokens.
///
/// In a recipe, at the top: `tie = [["lm_head.weight", "model.embed_tokens.weight"]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
pub struct Tie {
    /// The name of the one that follows.
    pub name: String,
    /// The name of the one that it is tied to.
    pub to: String,
}

impl From<(String, String)> for Tie {
    fn from((name, to): (String, String)) -> Self {
        Self { name, to }
    }
}

impl From<Tie> for (String, String) {
    fn from(tie: Tie) -> Self {
        (tie.name, tie.to)
    }
}

/// Why two tensors cannot be tied.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TieError {
    /// A name that the model does not have.
    #[error("cannot tie {name:?}: the model has no such tensor{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// A tensor tied twice, to itself, or to one that is tied itself.
    #[error("cannot tie {:?} to {:?}: {why}", .tie.name, .tie.to)]
    Circle {
        /// The tie.
        tie: Tie,
        /// Which other tie it meets, and what to write.
        why: String,
    },
    /// Tensors that cannot have the same bytes.
    #[error("cannot tie {:?} to {:?}: {why}", .tie.name, .tie.to)]
    Unlike {
        /// The tie.
        tie: Tie,
        /// How they differ, and what to do.
        why: String,
    },
}

/// Checks that the ties are of tensors of the model, of one shape and type each, and that no chain is among them.
///
/// # Errors
/// The first tie that cannot be.
pub fn check_ties(ties: &[Tie], model: &Model) -> Result<(), TieError> {
    for (place, tie) in ties.iter().enumerate() {
        let find = |name: &str| {
            let found = model.tensors.iter().find(|tensor| tensor.name == name);
            found.ok_or_else(|| TieError::Unknown {
                name: name.to_owned(),
                hint: did_you_mean(name, model.tensors.iter().map(|t| t.name.as_str())),
            })
        };
        let (own, other) = (find(&tie.name)?, find(&tie.to)?);
        let circle = |why: String| TieError::Circle {
            tie: tie.clone(),
            why,
        };
        if tie.name == tie.to {
            return Err(circle("they are one tensor; remove the tie".into()));
        }
        if ties[..place].iter().any(|before| before.name == tie.name) {
            return Err(circle("it is tied already; keep one of the ties".into()));
        }
        if let Some(next) = ties.iter().find(|next| next.name == tie.to) {
            let why = format!("that one is tied to {:?}; tie both to one", next.to);
            return Err(circle(why));
        }
        if own.shape != other.shape || own.dtype != other.dtype {
            return Err(TieError::Unlike {
                tie: tie.clone(),
                why: format!(
                    "{:?} {} and {:?} {} cannot have the same bytes; remove the tie",
                    own.shape, own.dtype, other.shape, other.dtype
                ),
            });
        }
    }
    Ok(())
}

impl Plan {
    /// Gives every tied tensor the fill and the key of the one that it is tied to, and so the same bytes, in a replay too.
    ///
    /// The ties must have passed [`check_ties`].
    ///
    /// # Errors
    /// Where the plan lacks a name, or keeps the values that the model's own file has.
    pub fn tie(&mut self, ties: &[Tie]) -> Result<(), TieError> {
        for tie in ties {
            let find = |name: &str| {
                let found = self.tensors.iter().position(|line| line.name == name);
                found.ok_or_else(|| TieError::Unknown {
                    name: name.to_owned(),
                    hint: String::new(),
                })
            };
            let (own, other) = (find(&tie.name)?, find(&tie.to)?);
            if self.tensors[other].fill == Fill::Keep {
                return Err(TieError::Unlike {
                    tie: tie.clone(),
                    why: "it keeps the values of the model's file, which are already there; remove the tie".into(),
                });
            }
            let (line, model) = (&self.tensors[own], &self.tensors[other]);
            let is_grown = match &model.disposition {
                Disposition::Grown => true,
                Disposition::Adapted { by } => by.iter().any(|op| op == "grow"),
                _ => false,
            };
            let but = match is_grown && line.role == Role::Head {
                true => {
                    "; repeated inputs are not divided as a head of its own would: logits are multiplied"
                }
                false => "",
            };
            self.tensors[own] = Line {
                name: line.name.clone(),
                role: line.role,
                layout: line.layout.clone(),
                disposition: Disposition::Tied { to: tie.to.clone() },
                fans: None,
                gain: None,
                signal: None,
                reason: format!("tied to {}{but}", tie.to),
                ..model.clone()
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Convention;
    use crate::{DType, Recipe};

    fn tie(name: &str, to: &str) -> Tie {
        (name.to_owned(), to.to_owned()).into()
    }

    fn model() -> Model {
        let tensor = |(name, rows): (&str, usize)| (name.to_owned(), vec![rows, 4], DType::F32);
        let named = [
            ("embed_tokens.weight", 6),
            ("lm_head.weight", 6),
            ("score.weight", 6),
            ("fc1.weight", 8),
        ];
        Model::infer(named.map(tensor), Convention::Pytorch)
    }

    fn plan(recipe: &str) -> Plan {
        let (model, recipe) = (model(), Recipe::from_toml(recipe).unwrap());
        let decisions = recipe.decide(&model).unwrap();
        let mut plan = Plan::new(&model, "r", None, decisions, 7).unwrap();
        check_ties(&recipe.ties, &model).unwrap();
        plan.tie(&recipe.ties).unwrap();
        plan
    }

    #[test]
    fn a_tied_line_writes_the_bytes_of_the_other() {
        let text = "name = \"r\"\ntie = [[\"lm_head.weight\", \"embed_tokens.weight\"]]\nunmatched = { normal = { std = 0.3 } }";
        let plan = plan(text);
        let [embed, head, score, _] = &plan.tensors[..] else {
            panic!("four lines")
        };
        let values = |line: &Line| {
            let prepared = line.fill.prepare(line.key, &line.shape, line.dtype);
            let mut values = vec![0f32; 24];
            let all = crate::Slice::whole(&line.shape);
            prepared.unwrap().fill_slice(&all, &mut values).unwrap();
            values
        };
        assert_eq!(values(head), values(embed));
        assert_ne!(values(score), values(embed));
        assert_eq!(head.reason, "tied to embed_tokens.weight");
        assert_eq!(
            (head.name.as_str(), head.role),
            ("lm_head.weight", crate::Role::Head)
        );
        plan.check().unwrap();
        let replayed: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(replayed, plan);
    }

    #[test]
    fn what_cannot_be_tied_is_told() {
        let said = |ties: &[Tie]| check_ties(ties, &model()).unwrap_err().to_string();
        let (head, embed) = ("lm_head.weight", "embed_tokens.weight");
        assert!(said(&[tie("lm_haed.weight", embed)]).contains("did you mean \"lm_head.weight\""));
        assert!(said(&[tie(head, head)]).contains("they are one tensor"));
        assert!(said(&[tie(head, "fc1.weight")]).contains("[6, 4] F32 and [8, 4] F32"));
        let twice = [tie(head, embed), tie(head, "score.weight")];
        assert!(said(&twice).contains("it is tied already"));
        let chain = [tie(head, embed), tie(embed, "score.weight")];
        assert!(said(&chain).contains("that one is tied to \"score.weight\""));
        let kept = "name = \"r\"\nunmatched = \"keep\"";
        let error = plan(kept).tie(&[tie(head, embed)]).unwrap_err();
        assert!(error.to_string().contains("keeps the values"), "{error}");
    }
}
