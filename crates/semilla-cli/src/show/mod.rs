//! Tables and sentences for people, JSON for machines.

pub(crate) mod check;
pub(crate) mod coordinates;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod figures;
pub(crate) mod findings;
pub(crate) mod first_step;
pub(crate) mod fitting;
pub(crate) mod fold;
pub(crate) mod inspect;
pub(crate) mod lint;
pub(crate) mod lora;
pub(crate) mod names;
pub(crate) mod networks;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod recipes;
pub(crate) mod recommend;
pub(crate) mod remarks;
pub(crate) mod remedy;
pub(crate) mod scheme;
pub(crate) mod span;
pub(crate) mod spectra;
pub(crate) mod table;
pub(crate) mod transfer;
