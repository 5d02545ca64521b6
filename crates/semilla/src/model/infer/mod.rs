//! Roles, layouts and places read off the names that frameworks give their tensors.

mod index;
mod layouts;
mod neighbours;
mod residual;
mod roles;
mod steps;
