//! The parts of a trainer's file: the model, averages of it, the optimizer's state, and more.

use std::collections::BTreeSet;

/// Whose a tensor of a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A weight of the model.
    Model,
    /// The same weight, averaged over training (EMA), beside the model's own.
    Average,
    /// The optimizer's state, such as Adam's moments: as many values as weights, and never weights.
    Optimizer,
    /// Whatever else the trainer keeps: hyperparameters, schedules, random states.
    Trainer,
}

/// Who owns each tensor of a checkpoint, and the prefix that the container puts before the model's
/// own names; read off the names.
///
/// Recognized are the dictionaries that trainers save (`state_dict`, `model_state_dict`, `module`
/// of DeepSpeed, `model` beside `optimizer` or `ema`), and modules that wrap modules (`module.` of
/// DataParallel, `_orig_mod.` of torch.compile).
///
/// ```
/// use semilla::container::{Container, Owner};
///
/// let names = ["state_dict.net.fc.weight", "optimizer_states.0.state.0.exp_avg"];
/// let container = Container::of(&names);
/// assert_eq!(container.prefix(), "state_dict.net.");
/// assert_eq!(container.owners(), [Owner::Model, Owner::Optimizer]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    prefix: String,
    owners: Vec<Owner>,
}

/// Keys of an optimizer's state.
const OPTIMIZERS: [&str; 6] = [
    "optimizer_states",
    "optimizer_state",
    "optimizer_state_dict",
    "optim_state_dict",
    "optim_state",
    "opt_state",
];
/// Keys of an optimizer's state if they hold moments: a model may have a module of such a name.
const PERHAPS_OPTIMIZERS: [&str; 6] = [
    "optimizer",
    "optimizers",
    "optim",
    "opt",
    "state",
    "base_optimizer_state",
];
/// Optimizers' names for the state that they keep of each weight.
const MOMENTS: [&str; 13] = [
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
    "exp_avg_diff",
    "exp_inf",
    "momentum_buffer",
    "square_avg",
    "acc_delta",
    "grad_avg",
    "exp_avg_sq_row",
    "exp_avg_sq_col",
    "prev_grad",
    // T5X's key for all of them.
    "param_states",
];
/// Keys of what else a trainer keeps.
const TRAINERS: [&str; 14] = [
    "hyper_parameters",
    "hparams",
    "callbacks",
    "loops",
    "lr_schedulers",
    "lr_scheduler",
    "lr_scheduler_state_dict",
    "scheduler",
    "scheduler_state_dict",
    "scaler",
    "grad_scaler",
    "rng_state",
    "rng_states",
    "random_rng_state",
];
/// Keys of a model's weights that no module has.
const WEIGHTS: [&str; 5] = [
    "state_dict",
    "model_state_dict",
    "module_state_dict",
    "model_state",
    "net_state_dict",
];
/// Keys of a model's weights if a trainer's are beside them: many models have such a module.
const PERHAPS_WEIGHTS: [&str; 6] = ["model", "module", "net", "network", "params", "student"];
/// Keys of averaged weights.
const AVERAGES: [&str; 13] = [
    "ema",
    "ema_model",
    "model_ema",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema_state_dict",
    "params_ema",
    "ema_params",
    "module_ema",
    "ema_weights",
    "averaged_model",
    "average_model",
    "teacher",
];
/// Modules that keep such averages inside of the model.
const MODULES_OF_AVERAGES: [&str; 3] = ["model_ema", "ema_model", "net_ema"];
/// Modules that hold the whole model and nothing else.
const WRAPPERS: [&str; 4] = [
    "module.",
    "_orig_mod.",
    "_fsdp_wrapped_module.",
    "_forward_module.",
];
/// Common names for the model inside of a Lightning module.
const INSIDE_LIGHTNING: [&str; 3] = ["net.", "model.", "network."];

impl Container {
    /// Recognizes a container by the names of its tensors.
    pub fn of<S: AsRef<str>>(names: &[S]) -> Self {
        Self::with_dictionaries(names, &[])
    }

    /// Recognizes a container in whose file state dictionaries lie below these keys: the tensors'
    /// names alone do not tell a key from a module.
    ///
    /// ```
    /// use semilla::container::Container;
    ///
    /// let names = ["net.fc.weight", "net.fc.bias"];
    /// assert_eq!(Container::of(&names).prefix(), "");
    /// let container = Container::with_dictionaries(&names, &["net".to_owned()]);
    /// assert_eq!(container.prefix(), "net.");
    /// ```
    pub fn with_dictionaries<S: AsRef<str>>(names: &[S], dictionaries: &[String]) -> Self {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let moments: BTreeSet<&str> = names
            .iter()
            .filter(|name| is_moment(name))
            .map(|name| key(name))
            .collect();
        let known: BTreeSet<&str> = names.iter().copied().collect();
        // Caffe2 keeps them so, beside the weights.
        let is_momentum = |name: &str| {
            let of = name.strip_suffix("_momentum");
            of.is_some_and(|of| known.contains(of))
        };
        let owners = names.iter().map(|name| match is_momentum(name) {
            true => Owner::Optimizer,
            false => owner(name, &moments),
        });
        let mut owners: Vec<Owner> = owners.collect();
        let root = root(&names, &owners, dictionaries);
        for (name, owner) in names.iter().zip(&mut owners) {
            *owner = match *owner {
                Owner::Optimizer => Owner::Optimizer,
                // Without a key for the model, other keys are modules of it.
                _ if root.is_empty() => Owner::Model,
                _ if top(name) == root => Owner::Model,
                Owner::Average => Owner::Average,
                _ => Owner::Trainer,
            };
        }
        let mut prefix = match root {
            "" => String::new(),
            root => format!("{root}."),
        };
        let own: Vec<&str> = names
            .iter()
            .zip(&owners)
            .filter(|(_, owner)| **owner == Owner::Model)
            .map(|(name, _)| &name[prefix.len()..])
            .collect();
        prefix += &wrappers(&own, WEIGHTS.contains(&root));
        mark_averages(&names, &prefix, &mut owners);
        Self { prefix, owners }
    }

    /// The prefix before the model's own names, with its dot; empty if there is none.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The owners of the tensors, in the order of the names.
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// Whether all tensors are the model's, under its own names.
    pub fn is_bare(&self) -> bool {
        self.prefix.is_empty() && self.owners.iter().all(|owner| *owner == Owner::Model)
    }
}

/// The first part of a name that has several, joined by dots.
fn top(name: &str) -> &str {
    name.split_once('.').map_or("", |(top, _)| top)
}

/// The first part of a name that has several, whatever joins them: JAX's have slashes, and keys that
/// are the model's own (`params`, `batch_stats`).
fn key(name: &str) -> &str {
    name.split_once(['.', '/']).map_or("", |(key, _)| key)
}

fn is_moment(name: &str) -> bool {
    name.split(['.', '/']).any(|part| MOMENTS.contains(&part))
}

/// The owner of a tensor by its name alone; `moments` are the keys that hold moments.
fn owner(name: &str, moments: &BTreeSet<&str>) -> Owner {
    let key = key(name);
    let is_optimizer = OPTIMIZERS.contains(&key)
        || PERHAPS_OPTIMIZERS.contains(&key) && moments.contains(key)
        || is_moment(name);
    match () {
        () if is_optimizer => Owner::Optimizer,
        () if TRAINERS.contains(&key) => Owner::Trainer,
        () if AVERAGES.contains(&key) => Owner::Average,
        () => Owner::Model,
    }
}

/// The key that the model's tensors are under; empty if there is none.
fn root<'a>(names: &[&'a str], owners: &[Owner], dictionaries: &[String]) -> &'a str {
    let keys_of = |wanted: Owner| -> BTreeSet<&'a str> {
        let both = names.iter().zip(owners);
        both.filter(|(_, owner)| **owner == wanted)
            .map(|(name, _)| top(name))
            .collect()
    };
    let (models, averages) = (keys_of(Owner::Model), keys_of(Owner::Average));
    if let Some(key) = WEIGHTS.iter().find_map(|key| models.get(key)) {
        return key;
    }
    let is_dictionary = |key: &&&str| dictionaries.iter().any(|known| known == *key);
    let of_models: Vec<&str> = models.iter().filter(is_dictionary).copied().collect();
    let mut likely = of_models.iter().filter(|key| PERHAPS_WEIGHTS.contains(key));
    match (&of_models[..], likely.next(), likely.next()) {
        ([single], ..) => return single,
        (_, Some(likely), None) => return likely,
        _ => {}
    }
    let is_trained = owners.contains(&Owner::Optimizer) || owners.contains(&Owner::Trainer);
    let single = |keys: &BTreeSet<&'a str>| match keys.len() {
        1 => keys.first().copied(),
        _ => None,
    };
    match (single(&models), single(&averages)) {
        (Some(model), average) if PERHAPS_WEIGHTS.contains(&model) => {
            let is_averaged = average.is_some_and(|average| alike(names, model, average));
            let is_container = is_trained || is_averaged;
            if is_container { model } else { "" }
        }
        // The average is all that was saved of the model.
        (None, Some(average)) if models.is_empty() && (is_trained || average.contains('_')) => {
            average
        }
        _ => "",
    }
}

/// Finds averages that a module keeps of the others beside it, as Stable Diffusion's training does.
fn mark_averages(names: &[&str], prefix: &str, owners: &mut [Owner]) {
    let is_average = |name: &str| {
        let own = name.strip_prefix(prefix).unwrap_or_default();
        MODULES_OF_AVERAGES.contains(&top(own))
    };
    let mut own = names.iter().zip(&*owners);
    if own.all(|(name, owner)| *owner != Owner::Model || is_average(name)) {
        return;
    }
    for (name, owner) in names.iter().zip(owners) {
        if *owner == Owner::Model && is_average(name) {
            *owner = Owner::Average;
        }
    }
}

/// Whether the same names lie below two keys.
fn alike(names: &[&str], a: &str, b: &str) -> bool {
    let below = |key: &str| -> BTreeSet<&str> {
        let names = names.iter().filter_map(|name| name.split_once('.'));
        names
            .filter(|(top, _)| *top == key)
            .map(|(_, rest)| rest)
            .collect()
    };
    below(a) == below(b)
}

/// The modules around the whole model.
fn wrappers(names: &[&str], may_be_lightning: bool) -> String {
    let mut found = String::new();
    let mut inside = INSIDE_LIGHTNING.iter().filter(|_| may_be_lightning);
    let is_around = |found: &str, wrapper: &str| {
        let mut own = names.iter().map(|name| &name[found.len()..]);
        !names.is_empty() && own.all(|name| name.starts_with(wrapper))
    };
    while let Some(wrapper) = WRAPPERS.iter().find(|wrapper| is_around(&found, wrapper)) {
        found += wrapper;
    }
    if let Some(wrapper) = inside.find(|wrapper| is_around(&found, wrapper)) {
        found += wrapper;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Owner::{Average, Model, Optimizer, Trainer};
    use super::*;

    fn check(names: &[&str], prefix: &str, owners: &[Owner]) {
        let container = Container::of(names);
        assert_eq!(
            (container.prefix(), container.owners()),
            (prefix, owners),
            "{names:?}"
        );
    }

    #[test]
    fn what_trainers_save() {
        check(
            &[
                "state_dict.net.0.weight",
                "state_dict.net.2.bias",
                "optimizer_states.0.state.0.exp_avg",
                "optimizer_states.0.state.0.step",
                "hyper_parameters.criterion.weight",
            ],
            "state_dict.net.",
            &[Model, Model, Optimizer, Optimizer, Trainer],
        );
        // The loss is a module of Lightning's, too: its own names are those of all modules.
        check(
            &["state_dict.net.0.weight", "state_dict.criterion.weight"],
            "state_dict.",
            &[Model, Model],
        );
        check(
            &["model.fc.weight", "ema.fc.weight"],
            "model.",
            &[Model, Average],
        );
        check(
            &["model.fc.weight_x", "optimizer.exp_avg.fc.weight"],
            "model.",
            &[Model, Optimizer],
        );
        check(
            &[
                "model.fc.weight",
                "optimizer.state.0.momentum_buffer",
                "lr_scheduler.x",
            ],
            "model.",
            &[Model, Optimizer, Trainer],
        );
        check(
            &["module.fc.weight", "module.fc.bias"],
            "module.",
            &[Model, Model],
        );
        check(&["module._orig_mod.a"], "module._orig_mod.", &[Model]);
        check(&["_forward_module.a"], "_forward_module.", &[Model]);
        check(
            &["target/w", "state/param_states/w/v"],
            "",
            &[Model, Optimizer],
        );
        check(
            &["params/Dense_0/kernel", "opt_state/0/mu/Dense_0/kernel"],
            "",
            &[Model, Optimizer],
        );
        check(
            &["blobs.conv1_w", "blobs.conv1_w_momentum"],
            "",
            &[Model, Optimizer],
        );
        check(&["params_ema.conv.weight"], "params_ema.", &[Model]);
        check(
            &["state.0.exp_avg", "state.0.step"],
            "",
            &[Optimizer, Optimizer],
        );
    }

    #[test]
    fn averages_inside_of_the_model() {
        check(
            &[
                "state_dict.model.out.weight",
                "state_dict.model_ema.modeloutweight",
                "state_dict.model_ema.decay",
            ],
            "state_dict.",
            &[Model, Average, Average],
        );
        check(
            &["student.fc.weight", "teacher.fc.weight"],
            "student.",
            &[Model, Average],
        );
    }

    #[test]
    fn dictionaries_are_no_modules() {
        let names = ["model.fc.weight", "criterion.fc.weight", "epoch"];
        for (known, prefix) in [
            (&["model"][..], "model."),
            (&["model", "criterion"], "model."),
            (&["criterion"], "criterion."),
            (&["other"], ""),
            (&[], ""),
        ] {
            let known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
            let container = Container::with_dictionaries(&names, &known);
            assert_eq!(container.prefix(), prefix, "{known:?}");
        }
    }

    #[test]
    fn what_models_call_their_modules() {
        for names in [
            &["model.layers.0.weight", "lm_head.weight"][..],
            &["model.layers.0.weight"],
            &["model.fc.weight", "ema.decay"],
            &["net.0.weight", "net.1.weight"],
            &["optimizer.weight", "state.weight"],
            &["scheduler.weight", "fc.weight"],
            &["weight"],
            &[],
        ] {
            let container = Container::of(names);
            assert!(container.is_bare(), "{names:?}: {container:?}");
        }
        // A flat state dictionary with moments beside it keeps its names.
        check(
            &["model.layers.0.weight", "lm_head.weight", "optim.exp_avg.x"],
            "",
            &[Model, Model, Optimizer],
        );
    }
}
