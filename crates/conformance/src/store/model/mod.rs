//! Any sequence of calls, answered by a store as by a model of it: a few maps, read and written in the plainest way there is.
//!
//! [`command`]: what may be asked, in general. [`resolve`]: what that means where these records are there. [`state`]: the model,
//! which says what may be refused and what happens. [`play`]: both are asked, and must say the same.

mod command;
mod play;
mod resolve;
mod state;

use std::cell::RefCell;
use std::fmt::{Display, Formatter};
use std::str::FromStr;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use super::Bed;

/// The seed, so that everybody plays the same; `PROPTEST_RNG_SEED` plays another.
const SEED: u64 = 18;

/// How many sequences are played; `PROPTEST_CASES` plays more.
const CASES: u32 = 40;

/// Where it takes long to begin one, one of so many is played.
const COSTLY: u32 = 8;

/// How long a sequence is.
const LENGTH: std::ops::Range<usize> = 20..100;

/// What was compared.
#[derive(Debug, Default)]
pub struct Compared {
    seed: u64,
    sequences: u64,
    calls: u64,
}

impl Display for Compared {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sequences, {} calls, seed {}", self.sequences, self.calls, self.seed)
    }
}

/// Plays sequences on fresh beds.
///
/// # Errors
/// The shortest sequence found that a store answers in another way than the model.
pub fn check(bed: &impl Fn() -> Bed) -> Result<Compared, String> {
    let seed = from_environment("PROPTEST_RNG_SEED").unwrap_or(SEED);
    let cases = from_environment("PROPTEST_CASES").unwrap_or(CASES);
    let config = Config {
        cases: if bed().costly { cases.div_ceil(COSTLY) } else { cases },
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let mut runner = TestRunner::new(config);
    let compared = RefCell::new(Compared { seed, ..Compared::default() });
    let played = runner.run(&vec(command::command(), LENGTH), |commands| {
        let mut compared = compared.borrow_mut();
        compared.sequences += 1;
        compared.calls += commands.len() as u64;
        runtime.block_on(play::play(&bed(), &commands)).map_err(TestCaseError::fail)
    });
    played.map_err(|error| format!("seed {seed}: {error}"))?;
    Ok(compared.into_inner())
}

fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use digota_core::port::store::Refusal;
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;

    use super::command::{self, Command};
    use super::resolve::Maker;
    use super::state::Model;

    fn kind(refusal: &Refusal) -> &'static str {
        match refusal {
            Refusal::Exists { .. } => "exists",
            Refusal::Missing { .. } => "missing",
            Refusal::Stale { .. } => "stale",
            Refusal::OutOfStock(_) => "out of stock",
            Refusal::MovedAlready { .. } => "moved already",
            Refusal::Children { .. } => "children",
            Refusal::AttemptOpen { .. } => "attempt open",
            Refusal::KeyTaken => "key taken",
            Refusal::OperationUsed => "operation used",
        }
    }

    #[test]
    fn about_half_of_all_batches_are_refused_for_any_reason_there_is() {
        let (mut runner, mut committed) = (TestRunner::deterministic(), 0);
        let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
        for _ in 0..40 {
            let (mut model, mut maker) = (Model::default(), Maker::default());
            for _ in 0..60 {
                let command = command::command().new_tree(&mut runner).expect("there are commands").current();
                let Command::Commit { writes, operation } = command else { continue };
                let batch = maker.batch(&model, &writes, operation);
                match model.refusals(&batch).as_slice() {
                    [] => {
                        model.apply(&batch);
                        committed += 1;
                    }
                    [only] => *refused.entry(kind(only)).or_default() += 1,
                    _ => {}
                }
            }
        }
        let all: usize = refused.values().sum();
        assert!((all / 2..all * 3).contains(&committed), "{committed} committed, refused {refused:?}");
        assert_eq!(refused.len(), 9, "{refused:?}");
    }
}
