//! What is tried.

use semilla::activation::Function;
use semilla::{Activation, FanRule, Initializer, Model, Recipe, Role, init};

/// Chains of fewer layers train alike from all well-known starts.
const DEEP: usize = 3;

/// First weights that a network may start from.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What people call it.
    pub name: String,
    /// The recipe.
    pub recipe: Recipe,
    /// The definition of the fans that the recipe goes by.
    pub fans: FanRule,
    /// The options of `semilla init` that give it, where it has a name of its own.
    pub options: Option<String>,
}

impl Candidate {
    fn built_in(name: &str, fans: FanRule) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            recipe: Recipe::named(name).ok()?,
            fans,
            options: Some(format!("--recipe {name}")),
        })
    }

    fn scheme(name: &str, initializer: impl Into<Initializer>) -> Self {
        let initializer = initializer.into();
        let text = initializer.to_string();
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        Self {
            name: name.to_owned(),
            recipe: Recipe::scheme(initializer),
            fans: FanRule::Exact,
            options: Some(match is_plain {
                true => format!("--scheme {text}"),
                false => format!("--scheme '{text}'"),
            }),
        }
    }

    /// `auto` with rules of its own before.
    fn rules(name: &str, rules: &str) -> Option<Self> {
        let text = format!("name = \"candidate\"\nextends = \"auto\"\n{rules}");
        Some(Self {
            name: name.to_owned(),
            recipe: Recipe::from_toml(&text).ok()?,
            fans: FanRule::Exact,
            options: None,
        })
    }
}

/// The candidates for a model: `auto`, the defaults of frameworks, the well-known schemes, and what
/// its structure suggests: gains and biases at the edge of chaos for plain chains, quiet ends for
/// residual branches, the recipes of its kind.
pub fn candidates(model: &Model) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = [
        ("auto", FanRule::Exact),
        ("pytorch", FanRule::Pytorch),
        ("keras", FanRule::Keras),
    ]
    .into_iter()
    .filter_map(|(name, fans)| Candidate::built_in(name, fans))
    .collect();
    all.push(Candidate::scheme("Xavier", init::xavier_normal()));
    all.push(Candidate::scheme("He", init::kaiming_normal()));
    all.push(Candidate::scheme("orthogonal", init::orthogonal()));
    let has = |roles: &[Role]| {
        model
            .tensors
            .iter()
            .any(|tensor| roles.contains(&tensor.role))
    };
    if has(&[Role::Query, Role::Qkv]) {
        all.extend(Candidate::built_in("gpt2", FanRule::Exact));
        all.extend(Candidate::built_in("vit", FanRule::Exact));
    }
    if has(&[Role::Conv]) {
        all.extend(Candidate::built_in("resnet", FanRule::Exact));
    }
    if has(&[Role::AttentionOut, Role::MlpOut, Role::ResidualOut]) {
        let silent = "[[rule]]\nrole = \"residual_output\"\ninit = \"zeros\"\n\
                      reason = \"branches start silent\"\n";
        all.extend(Candidate::rules("auto with silent branches", silent));
    }
    all.extend(
        (deep_activations(model).iter()).flat_map(|&activation| at_critical_gains(activation)),
    );
    all
}

/// The activations of plain chains that are deep and have one only, each once.
fn deep_activations(model: &Model) -> Vec<Activation> {
    let mut found = Vec::new();
    for chain in model.chains() {
        let activations = chain
            .hidden
            .iter()
            .map(|&place| model.tensors[place].activation);
        // Layers with no activation behind, such as an autoencoder's code, pass all on.
        let mut curved = activations.filter(|after| *after != Some(Activation::Linear));
        if let Some(Some(first)) = curved.next()
            && curved.all(|other| other == Some(first))
            && chain.hidden.len() >= DEEP
            && !found.contains(&first)
        {
            found.push(first);
        }
    }
    found
}

/// Orthogonal weights at the gains that theory gives for an activation.
fn at_critical_gains(activation: Activation) -> Vec<Candidate> {
    let function = Function::from(activation);
    let mut found = Vec::new();
    if let Ok(gain) = function.forward_gain() {
        let scheme = init::orthogonal().gain(gain.value);
        found.push(Candidate::scheme("orthogonal (variance kept)", scheme));
    }
    for bias_std in [0.0, 0.1, 0.2] {
        let Ok(edge) = function.edge_of_chaos(bias_std) else {
            continue;
        };
        let gain = edge.weight_variance.sqrt();
        let rules = format!(
            "[[rule]]\nrole = \"matrix\"\ninit = \"orthogonal(gain={gain})\"\n\
             reason = \"the edge of chaos\"\n\
             [[rule]]\nrole = \"bias\"\ninit = \"normal(std={bias_std})\"\n\
             reason = \"the edge of chaos\"\noptional = true\n"
        );
        found.extend(Candidate::rules(
            &format!("orthogonal (edge of chaos, σ_b {bias_std})"),
            &rules,
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use semilla::model::Spec;

    use super::*;

    #[test]
    fn gains_of_chains_are_tried_once_and_pass_codes() {
        let edges = |text: &str| {
            let all = candidates(&Spec::parse(text).unwrap());
            all.iter()
                .filter(|one| one.name.contains("edge of chaos"))
                .count()
        };
        assert_eq!(edges("mlp:8-16-16-16-16-4:tanh"), 3);
        assert_eq!(edges("mlp:8-16-16-4:tanh"), 0);
        // The code of an autoencoder has no activation behind.
        let text = "about = \"an autoencoder\"\n[inputs]\nx = \"numbers(8)\"\n[network]\n\
                    layers = [\"a: linear(8) -> tanh -> b: linear(8) -> tanh -> code: linear(2)\", \
                    \"c: linear(8) -> tanh -> d: linear(8) -> tanh -> end: linear(8)\"]\n";
        let model = semilla::network::Network::read(text, "").unwrap().model;
        let all = candidates(&model);
        let names: Vec<&str> = all.iter().map(|one| &*one.name).collect();
        assert_eq!(
            names
                .iter()
                .filter(|name| name.contains("edge of chaos"))
                .count(),
            3,
            "{names:?}"
        );
    }

    #[test]
    fn every_candidate_plans_its_model() {
        for text in [
            "mlp:8-16-16-16-16-4:tanh",
            "mlp:8-16-4:relu",
            "conv:3-8-8:10:relu",
            "transformer:2x64:100",
            "lstm:8-16:4",
        ] {
            let model = Spec::parse(text).unwrap();
            let all = candidates(&model);
            assert!(all.len() >= 6, "{text}: {}", all.len());
            for candidate in all {
                let plan = candidate.recipe.plan(&model, 0);
                assert!(
                    plan.is_ok(),
                    "{} of {text}: {}",
                    candidate.name,
                    plan.unwrap_err()
                );
            }
        }
    }
}
