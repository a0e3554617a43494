//! The oracle names every planted bug, and blames no shop that is right.
#![allow(clippy::unwrap_used, reason = "a test stops where it stands")]
#![allow(clippy::print_stdout, reason = "it says what was caught by which rule")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use digota_oracle::Rule;
use digota_planted::{Bug, Workload};
use libtest_mimic::{Arguments, Failed, Trial};

/// Which rules named a bug in which workload.
type Caught = BTreeMap<Bug, BTreeMap<Workload, BTreeSet<Rule>>>;

/// The rule that a bug is about, and the workload that brings it out: there it must be named, whatever else is.
const EXPECTED: [(Bug, Workload, &str); 10] = [
    (Bug::VersionCheckSkipped, Workload::LateCommit, "B2"),
    (Bug::ReleasedTwice, Workload::DeclineBesideAnother, "A3"),
    (Bug::UndoForgotten, Workload::DeclineBesideAnother, "C2"),
    (Bug::UnknownTreatedAsFailed, Workload::LostAnswer, "B7"),
    (Bug::RetriedWithNewKey, Workload::LostAnswer, "B1"),
    (Bug::ReadThenWriteStock, Workload::LastPiece, "A3"),
    (Bug::AttemptAfterCall, Workload::DeathAtTheGateway, "B2"),
    (Bug::EventOutsideCommit, Workload::DeathAtACommit, "E1"),
    (Bug::RefundNotReserved, Workload::TwoRefunds, "B9"),
    (Bug::LeaseIgnored, Workload::StoppedProcess, "B2"),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let caught = Arc::new(Mutex::new(Caught::new()));
    let mut trials: Vec<Trial> = Workload::ALL.into_iter().map(right).collect();
    trials.extend(EXPECTED.into_iter().map(|expected| planted(expected, caught.clone())));
    let asked = arguments.filter.is_none() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if asked {
        print(&caught.lock().unwrap());
    }
    conclusion.exit_code()
}

/// A shop that is right comes through.
fn right(workload: Workload) -> Trial {
    Trial::test(format!("a right shop comes through: {}", workload.name()), move || {
        match play(workload, None).as_slice() {
            [] => Ok(()),
            found => Err(Failed::from(format!("{found:#?}"))),
        }
    })
}

/// A shop with a mistake is named in its workload; the others are gone through as well, for the table.
fn planted((bug, meant, rule): (Bug, Workload, &'static str), caught: Arc<Mutex<Caught>>) -> Trial {
    Trial::test(format!("{} is named", bug.name()), move || {
        let mut named: BTreeMap<Workload, BTreeSet<Rule>> = BTreeMap::new();
        for workload in Workload::ALL {
            let rules: BTreeSet<Rule> =
                play(workload, Some(bug)).into_iter().map(|found| found.rule).collect();
            named.insert(workload, rules);
        }
        let in_its_own = &named[&meant];
        let is_named = in_its_own.iter().any(|other| other.id == rule);
        let text = format!("{rule} in {}, named were {in_its_own:?}", meant.name());
        caught.lock().unwrap().insert(bug, named);
        if is_named { Ok(()) } else { Err(Failed::from(text)) }
    })
}

fn play(workload: Workload, bug: Option<Bug>) -> Vec<digota_oracle::Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(workload.run(bug))
}

fn print(caught: &Caught) {
    let named = caught.values().filter(|named| named.values().any(|rules| !rules.is_empty())).count();
    for (bug, named) in caught {
        println!("{}", bug.name());
        for (workload, rules) in named.iter().filter(|(_, rules)| !rules.is_empty()) {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            println!("    {:<24} {}", workload.name(), rules.join(", "));
        }
    }
    println!("planted bugs: {named} of {} caught", Bug::ALL.len());
}
