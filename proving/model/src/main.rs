//! `digota-model`: explores the states of four shops, and says what was seen.
#![expect(clippy::print_stdout, reason = "a command line tool talks to a person")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use digota_model::tables::{Moves, legal};
use digota_model::{Explored, Machine, Sort};

/// Explores every state that an order and its payments can get into within so many steps.
#[derive(Parser)]
struct Cli {
    /// How many steps a way to a state may have
    #[arg(long, default_value_t = 4)]
    steps: usize,
    /// How many threads explore at once
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print one line of JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// An order, in a gateway that can do everything.
const ORDER: Sort = Sort { holds: false, cannot_cancel: false, two_step: false, bug: None };
/// A charge that is held, in the same.
const HELD: Sort = Sort { holds: true, ..ORDER };

const SHOPS: [(&str, Sort); 6] = [
    ("an order", ORDER),
    ("an order, by look-up only", Sort { cannot_cancel: true, ..ORDER }),
    ("an order, in two steps", Sort { two_step: true, ..ORDER }),
    ("a held charge", HELD),
    ("a held charge, by look-up only", Sort { cannot_cancel: true, ..HELD }),
    ("a held charge, in two steps", Sort { two_step: true, ..HELD }),
];

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut all = Explored::default();
    for (name, sort) in SHOPS {
        let started = Instant::now();
        let explored = Machine::new(sort).explore(cli.steps, cli.threads);
        let Explored { states, steps, depth, .. } = explored;
        if !cli.json {
            let seconds = started.elapsed().as_secs();
            println!("{name:<32} {states:>7} states {steps:>8} tries, {depth} steps away, {seconds} s");
        }
        all.add(explored);
    }
    let (legal, seen) = (legal(), all.moves.clone());
    let unseen: Moves = legal.difference(&seen).cloned().collect();
    let illegal: Moves = seen.difference(&legal).cloned().collect();
    all.wrong.extend(illegal.iter().map(|(of, from, to)| format!("illegal: {of} from {from} to {to}")));
    report(&cli, &all, legal.len() - unseen.len(), &unseen);
    if all.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(cli: &Cli, all: &Explored, seen: usize, unseen: &Moves) {
    let Explored { states, steps, depth, wrong, .. } = all;
    let legal = seen + unseen.len();
    if cli.json {
        let line = serde_json::json!({
            "states": states, "tries": steps, "steps": depth, "moves_seen": seen, "moves_legal": legal,
            "violations": wrong.len(),
        });
        println!("{line}");
    } else {
        for (of, from, to) in unseen {
            println!("not seen: {of} from {from} to {to}");
        }
        println!("{states} states, {steps} tries; {seen} of {legal} legal moves seen; {} wrong", wrong.len());
    }
    for wrong in wrong {
        eprintln!("WRONG  {wrong}");
    }
}
