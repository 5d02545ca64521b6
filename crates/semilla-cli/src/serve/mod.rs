//! A server for one page on this machine: loopback only, a thread per connection, `GET` only, and
//! nothing for the pages of others.

mod events;
mod guard;
mod request;
mod response;
mod server;

pub(crate) use events::Events;
pub(crate) use request::Request;
pub(crate) use response::Response;
pub(crate) use server::{ServeError, Server};
