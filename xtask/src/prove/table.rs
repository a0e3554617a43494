//! What came of it, as a table for people.

use std::fmt::Write;

use super::parts::Part;
use super::results::{Results, Run};

/// A table of a run beside all runs.
pub(super) fn of(run: Option<&Run>, all: &Results) -> String {
    let mut text = String::new();
    let title = run.map_or_else(String::new, Run::title);
    let runs = format!("all {} runs", all.len());
    let _ = writeln!(text, "{:<34} {:>20} {:>20}", "", "this run", runs);
    for name in Part::ALL {
        let (mine, sum) = (run.and_then(|run| run.part(name)), all.sum(name));
        rows(&mut text, name, mine, sum.as_ref());
    }
    if !title.is_empty() {
        let _ = writeln!(text, "this run: {title}");
    }
    text
}

fn rows(text: &mut String, name: &str, mine: Option<&Part>, sum: Option<&Part>) {
    if mine.is_none() && sum.is_none() {
        let _ = writeln!(text, "{name:<34} {:>20} {:>20}", "never run", "never run");
        return;
    }
    let _ = writeln!(text, "{name}");
    let row = |text: &mut String, what: &str, figure: &dyn Fn(&Part) -> Option<u64>| {
        let show =
            |part: Option<&Part>| part.and_then(figure).map_or_else(|| "-".to_owned(), |n| n.to_string());
        if mine.and_then(figure).or(sum.and_then(figure)).is_some() {
            let _ = writeln!(text, "  {what:<32} {:>20} {:>20}", show(mine), show(sum));
        }
    };
    row(text, "seeds", &|part| part.seeds.as_ref().map(|seeds| seeds.end - seeds.start));
    row(text, "schedules", &|part| (part.schedules > 0).then_some(part.schedules));
    let kinds = [mine, sum].into_iter().flatten().flat_map(|part| part.counts.keys());
    let mut kinds: Vec<&String> = kinds.collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        row(text, kind, &|part| part.counts.get(kind).copied());
    }
    row(text, "violations", &|part| Some(part.violations));
    if let Some(failure) = mine.and_then(|part| part.failure.as_ref()) {
        let _ = writeln!(text, "  FAILED: {failure}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_run_is_said() {
        let text = of(None, &Results::default());
        assert_eq!(text.matches("never run").count(), 2 * Part::ALL.len(), "{text}");
    }
}
