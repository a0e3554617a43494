//! The digota server and its command line.
//!
//! - [`cli`]: what can be asked for. [`serve`], [`demo`], [`pretend`], [`ca`], [`config`] and [`doctor`] do it,
//!   and [`manual`] tells shells and readers of it.
//! - [`wiring`]: the only place where edge, shop and adapters meet. [`system`]: time and ids of the real world.
//! - [`doors`] and [`tls`]: who may enter. [`lines`]: the connections that they come over.
//! - [`operator`]: what is done beside serving, [`rest`] while there is nothing to serve. [`node`] is what a running node
//!   tells of itself, [`monitor`] what it tells machines that watch over it.

mod ca;
mod cli;
mod config;
mod demo;
mod dev;
mod doctor;
mod doors;
mod lines;
mod logging;
mod manual;
mod monitor;
mod node;
mod operator;
mod pretend;
mod rest;
mod serve;
mod system;
mod tls;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static HEAP: digota_heap::Heap = digota_heap::Heap;

fn main() -> ExitCode {
    tls::install_provider();
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("digota: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
