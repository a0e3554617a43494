//! A digota of its own for every test, with clients, a sandbox, and words for what is asked and expected.

mod client;
mod nouns;
mod pki;
mod process;
pub(crate) mod raw;
mod refusal;
mod sandbox;
mod server;

pub(crate) use client::Client;
pub(crate) use nouns::{by_token, card, finite, keyed, line, payment, sku_line, with_deadline};
pub(crate) use pki::Pki;
pub(crate) use process::{PATIENCE, Process, digota, run};
pub(crate) use refusal::{assert_invalid, assert_refused, fact, violations};
pub(crate) use sandbox::{Entry, Sandbox, moved};
pub(crate) use server::{Gateway, Server, Setup, eventually};
