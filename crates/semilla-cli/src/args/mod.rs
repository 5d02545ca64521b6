//! The command line.

pub(crate) mod check;
pub(crate) mod cli;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod formats;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod lab;
pub(crate) mod lint;
pub(crate) mod lora;
pub(crate) mod model;
pub(crate) mod networks;
pub(crate) mod plan;
pub(crate) mod recipes;
pub(crate) mod recommend;
pub(crate) mod training;
pub(crate) mod transfer;
pub(crate) mod trial;
