//! The initializers of adapters, and their names in peft.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::did_you_mean;

/// How the factors A and B of an adapter are initialized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraInit {
    /// A is uniform on ±1/√in and B zero, so B A = 0 (peft's `True`; the code of Hu et al. 2021,
    /// whose paper says Gaussian).
    #[default]
    #[serde(rename = "true", alias = "zero_b")]
    ZeroB,
    /// A is normal with standard deviation 1/r and B zero, so B A = 0.
    Gaussian,
    /// A = Qₒᵀ G / 10 and B = Hᵀ Qₑ / 10, with Qₒ and Qₑ the odd and even rows of one random
    /// orthogonal `[r, r]` matrix and G, H normal. Neither is zero, but B A = 0 to rounding, since
    /// Qₑ Qₒᵀ = 0. The rank must be even.
    Orthogonal,
    /// A = √S Vᵀ and B = U √S, from the r largest singular triplets of W / s = U S Vᵀ (PiSSA: Meng,
    /// Wang & Zhang 2024, section 3). The residual W - s B A has spectral norm sᵣ₊₁ (Eckart & Young
    /// 1936), and AAᵀ = BᵀB = S.
    Pissa,
    /// B and A are the first r columns of Q and rows of R in W = Q R (OLoRA: Büyükakyüz 2024,
    /// section 3), so BᵀB = 1; the residual is W - s B A. As in peft, R is not divided by s: the
    /// residual's first r columns are 1 - s times those of W.
    Olora,
    /// B holds the left singular vectors of the r smallest of the min(out, in) singular values and
    /// A is zero, so BᵀB = 1 and B A = 0 (MiCA, arXiv:2604.01694). Only A is trained; B stays
    /// frozen.
    Mica,
}

impl LoraInit {
    /// Every initializer, in the order of their declaration.
    pub const ALL: [LoraInit; 6] = [
        LoraInit::ZeroB,
        LoraInit::Gaussian,
        LoraInit::Orthogonal,
        LoraInit::Pissa,
        LoraInit::Olora,
        LoraInit::Mica,
    ];

    /// Its name in peft's `init_lora_weights`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroB => "true",
            Self::Gaussian => "gaussian",
            Self::Orthogonal => "orthogonal",
            Self::Pissa => "pissa",
            Self::Olora => "olora",
            Self::Mica => "mica",
        }
    }

    /// Whether B A is not zero, so that the residual W - s B A must replace the weight.
    pub const fn has_residual(self) -> bool {
        matches!(self, Self::Pissa | Self::Olora)
    }
}

impl fmt::Display for LoraInit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of no adapter initializer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown adapter initializer {name:?}; choose true (or zero_b), gaussian, orthogonal, \
     pissa, olora or mica{suggestion}"
)]
pub struct UnknownLoraInit {
    name: String,
    suggestion: String,
}

impl FromStr for LoraInit {
    type Err = UnknownLoraInit;

    fn from_str(text: &str) -> Result<Self, UnknownLoraInit> {
        let name = text.to_ascii_lowercase();
        if name == "zero_b" {
            return Ok(Self::ZeroB);
        }
        let known = Self::ALL.into_iter().find(|init| init.name() == name);
        known.ok_or_else(|| UnknownLoraInit {
            name: text.to_owned(),
            suggestion: did_you_mean(text, Self::ALL.iter().map(|init| init.name())),
        })
    }
}
