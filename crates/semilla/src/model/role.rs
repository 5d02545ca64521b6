//! Roles: what a tensor does in its network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;

/// Declares the roles, each with its name in text.
macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident $name:tt,)*) => {
        /// The job of a tensor in its network. Recipes decide by it.
        ///
        /// Its text form, in recipes and plans, is the name in snake case: `attention_out`.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[non_exhaustive]
        pub enum Role {
            $($(#[$doc])* #[serde(rename = $name)] $role,)*
        }

        impl Role {
            /// Every role, in the order of their declaration.
            pub const ALL: [Role; [$($name),*].len()] = [$(Role::$role),*];

            /// The name in text.
            pub const fn name(self) -> &'static str {
                match self { $(Role::$role => $name,)* }
            }
        }
    };
}

roles! {
    /// A linear layer's weight of no more particular role.
    Linear "linear",
    /// A convolution's weight.
    Conv "conv",
    /// A transposed convolution's weight.
    ConvTranspose "conv_transpose",
    /// The convolution or linear map that turns patches into tokens.
    PatchEmbedding "patch_embedding",
    /// A table looked up by token (or token type).
    Embedding "embedding",
    /// A learned table of absolute positions.
    PositionEmbedding "position_embedding",
    /// A fixed table of sines, then cosines, by position.
    Sinusoids "sinusoids",
    /// A learned token or other free parameter (class token, mask token, layer scale excluded).
    Token "token",
    /// Attention's query projection.
    Query "query",
    /// Attention's key projection.
    Key "key",
    /// Attention's value projection.
    Value "value",
    /// Query, key and value in one weight.
    Qkv "qkv",
    /// Key and value in one weight.
    Kv "kv",
    /// Attention's output projection: the end of a residual branch.
    AttentionOut "attention_out",
    /// A feed-forward block's first projection (`up`, `fc1`, `intermediate`).
    MlpIn "mlp_in",
    /// A gated feed-forward block's gate projection, or gate and up in one weight.
    MlpGate "mlp_gate",
    /// A feed-forward block's last projection: the end of a residual branch.
    MlpOut "mlp_out",
    /// The last convolution of a residual branch.
    ResidualOut "residual_out",
    /// A mixture of experts' router.
    Router "router",
    /// The output layer: a classifier or a language model's head.
    Head "head",
    /// The layer that makes scales, shifts and gates of an adaptive normalization (DiT's adaLN).
    Modulation "modulation",
    /// A layer that steers others and starts as its bias alone: a deformable attention's offsets and
    /// weights, an exponential gate (xLSTM).
    Steering "steering",
    /// The output layer of a diffusion model behind an adaptive normalization.
    DiffusionOut "diffusion_out",
    /// The first factor of a low-rank adapter (LoRA's A).
    AdapterIn "adapter_in",
    /// The second factor of a low-rank adapter (LoRA's B).
    AdapterOut "adapter_out",
    /// A recurrent layer's input-to-hidden weight, gates stacked.
    RecurrentInput "recurrent_input",
    /// A recurrent layer's hidden-to-hidden weight, gates stacked.
    RecurrentHidden "recurrent_hidden",
    /// A recurrent layer's bias, gates stacked.
    RecurrentBias "recurrent_bias",
    /// A bias.
    Bias "bias",
    /// The bias of a detector's class scores, by which objects are rare at the start.
    PriorBias "prior_bias",
    /// A normalization layer's scale.
    NormWeight "norm_weight",
    /// A normalization layer's shift.
    NormBias "norm_bias",
    /// The scale of a residual branch's last normalization.
    LastNormWeight "last_norm_weight",
    /// A normalization's scale stored as its difference from 1: the layer multiplies by 1 + w.
    OffsetNormWeight "offset_norm_weight",
    /// A rectifier's learned slopes (PReLU).
    Slope "slope",
    /// A learned multiplier of a residual branch (ReZero, SkipInit, LayerScale).
    BranchScale "branch_scale",
    /// A learned multiplier of anything else, which starts as no change.
    Multiplier "multiplier",
    /// The logarithm of the factor on logits (CLIP) or on a cosine attention's scores (Swin V2).
    LogitScale "logit_scale",
    /// An attention head's sink: a score that stands for no token.
    Sink "sink",
    /// The norms of a weight-normalized layer's directions (`weight_g`, `original0`).
    WeightGain "weight_gain",
    /// A running mean of batch normalization.
    RunningMean "running_mean",
    /// A running variance of batch normalization.
    RunningVar "running_var",
    /// A counter, such as `num_batches_tracked`.
    Counter "counter",
    /// Values that the model's own code computes and stores: indexes, masks, coordinates, what
    /// quantizers count.
    Computed "computed",
    /// A constant of an exported graph, under no name of the model's: numbers of a formula, sizes,
    /// initial states, what the exporter computed from parameters.
    Constant "constant",
    /// Positions 0, 1, 2... stored as a buffer.
    PositionIds "position_ids",
    /// The rotary embedding's inverse frequencies, stored as a buffer.
    RotaryFrequencies "rotary_frequencies",
    /// A state-space model's `A_log`.
    StateMatrix "state_matrix",
    /// A state-space model's time-step bias.
    TimeStepBias "time_step_bias",
    /// A state-space model's skip connection `D`.
    StateSkip "state_skip",
    /// None of the others could be read off its name, shape and place.
    Unknown "unknown",
}

impl Role {
    /// Whether this is a weight that multiplies activations: Xavier, He and orthogonal are for
    /// these.
    pub const fn is_matrix(self) -> bool {
        matches!(
            self,
            Role::Linear
                | Role::Conv
                | Role::ConvTranspose
                | Role::PatchEmbedding
                | Role::Query
                | Role::Key
                | Role::Value
                | Role::Qkv
                | Role::Kv
                | Role::AttentionOut
                | Role::MlpIn
                | Role::MlpGate
                | Role::MlpOut
                | Role::ResidualOut
                | Role::Router
                | Role::Head
                | Role::Modulation
                | Role::Steering
                | Role::DiffusionOut
                | Role::RecurrentInput
                | Role::RecurrentHidden
        )
    }
}

/// No role has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {name:?}{}", hint(.name))]
pub struct UnknownRole {
    /// The name asked for, at most 80 characters of it.
    pub name: String,
}

fn hint(name: &str) -> String {
    let names = || Role::ALL.into_iter().map(Role::name);
    let all: Vec<&str> = names().collect();
    format!(
        "{}; the roles are {}",
        did_you_mean(name, names()),
        all.join(", ")
    )
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = Role::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| UnknownRole {
            name: text.chars().take(80).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_those_of_json() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
            let json = format!("{:?}", role.name());
            assert_eq!(serde_json::to_string(&role).unwrap(), json);
            assert_eq!(serde_json::from_str::<Role>(&json).unwrap(), role);
            let words = role
                .name()
                .split('_')
                .map(|word| word[..1].to_uppercase() + &word[1..]);
            assert_eq!(words.collect::<String>(), format!("{role:?}"));
        }
        let error = "attention_ouput".parse::<Role>().unwrap_err().to_string();
        assert!(error.contains("did you mean"), "{error}");
    }
}
