//! What every adapter must do, written once: one case per MUST on a port, run on every adapter.
//!
//! An adapter's crate has a test without a harness of its own that calls [`run`] with the [`trials`] of its adapters, each
//! case on a fresh test bed. Their names read `store::sqlite::a_batch_is_all_or_nothing`. A case is worth something only if
//! it fails against an adapter that breaks its promise: `tests/broken_*` keep such adapters.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

pub use libtest_mimic::Trial;

pub mod gateway;
pub mod lock;
pub mod store;

/// One promise of a port, and how to see that a test bed `B` keeps it. Panics where it does not.
pub struct Case<B> {
    /// The promise's name, as on the port.
    pub name: &'static str,
    /// Sees to it.
    pub run: fn(B) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// Lists the cases of a port: `cases!(Bed; first_case, second_case)`, each an `async fn(Bed)`.
#[macro_export]
macro_rules! cases {
    ($bed:ty; $($name:ident),+ $(,)?) => {
        /// Every case of the port.
        pub const CASES: &[$crate::Case<$bed>] =
            &[$($crate::Case { name: stringify!($name), run: |bed| Box::pin($name(bed)) }),+];
    };
}

/// One trial per case, named `<prefix>::<case>`; `bed` makes a fresh test bed for each.
pub fn trials<B: 'static>(
    prefix: &str,
    cases: &'static [Case<B>],
    bed: impl Fn() -> B + Clone + Send + 'static,
) -> Vec<Trial> {
    let trial = |case: &'static Case<B>| {
        let bed = bed.clone();
        Trial::test(format!("{prefix}::{}", case.name), move || {
            attempt(case, &bed).map_err(libtest_mimic::Failed::from)
        })
    };
    cases.iter().map(trial).collect()
}

/// Trials that need something that this machine lacks: listed as ignored, with the reason. On a machine that judges for
/// everybody (`CI=true`) they run, and so fail.
pub fn without(trials: Vec<Trial>, missing: Option<String>) -> Vec<Trial> {
    let judges = std::env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty());
    match missing.filter(|_| !judges) {
        Some(reason) => {
            let mark = |trial: Trial| trial.with_kind(reason.clone()).with_ignored_flag(true);
            trials.into_iter().map(mark).collect()
        }
        None => trials,
    }
}

/// Runs trials as the command line asks and ends the process with the result.
pub fn run(trials: Vec<Trial>) -> ! {
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials).exit()
}

/// The names of the cases that fail on this bed: for adapters that are broken on purpose.
pub fn failing<B: 'static>(cases: &'static [Case<B>], bed: impl Fn() -> B) -> Vec<&'static str> {
    cases.iter().filter(|case| attempt(case, &bed).is_err()).map(|case| case.name).collect()
}

fn attempt<B>(case: &Case<B>, bed: &impl Fn() -> B) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let run = || {
        runtime.block_on(async {
            let limit = std::time::Duration::from_secs(120);
            tokio::time::timeout(limit, (case.run)(bed()))
                .await
                .map_err(|_| "hung for two minutes".to_owned())
        })
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
    })
}
