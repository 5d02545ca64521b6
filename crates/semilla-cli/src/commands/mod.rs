//! The commands: arguments, operation, show.

pub(crate) mod check;
mod check_page;
pub(crate) mod checked;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod expected;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod lab;
pub(crate) mod lint;
pub(crate) mod lora;
pub(crate) mod mup;
pub(crate) mod network;
pub(crate) mod networks;
pub(crate) mod opened;
pub(crate) mod plan;
pub(crate) mod planned;
pub(crate) mod recipes;
pub(crate) mod recommend;
pub(crate) mod recorded;
pub(crate) mod seeds;
pub(crate) mod target;
pub(crate) mod tensor;
pub(crate) mod threads;
pub(crate) mod trial;
