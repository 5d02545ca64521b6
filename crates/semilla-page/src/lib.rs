//! Reports as pages: one HTML file each, from which no request leaves.
//!
//! [`check::page`] shows what `semilla check` found, [`compare::page`] what came of a comparison; in
//! [`lab`] learners train networks and watch. A page holds its own style and a few kilobytes
//! of plain script; a policy in its head forbids all else. It speaks English and Spanish, is light
//! or dark, fits a phone, and prints. The same values give the same bytes.
//!
//! Every text of a model, such as the name of a tensor, is escaped where it is written.

pub mod charts;
pub mod check;
pub mod compare;
pub mod lab;
mod network;
pub mod shell;
mod signs;
pub mod text;
