//! Log lines on stderr: text for people, JSON for machines.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;

use digota_grpc::Throttle;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::cli::EVERYWHERE;
use crate::config::{Calls, Format, Level, Log};
use crate::monitor::tally;

/// `--debug` and `--info`, which win over `log.level`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Verbosity {
    /// Write debug lines and everything more severe
    #[arg(long, global = true, conflicts_with = "info", help_heading = EVERYWHERE)]
    pub(crate) debug: bool,
    /// Write info lines and everything more severe
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) info: bool,
}

impl Verbosity {
    /// The level that holds: a flag's, else the configured one.
    pub(crate) fn level(self, log: &Log) -> Level {
        match self {
            Self { debug: true, .. } => Level::Debug,
            Self { info: true, .. } => Level::Info,
            _ => log.level,
        }
    }

    /// Which calls get a line: all, if somebody asks for lines.
    pub(crate) fn calls(self, log: &Log) -> Calls {
        if self.debug || self.info { Calls::All } else { log.calls }
    }
}

/// Lines about connections that are not wanted. Whoever causes one can cause many: a few a second are written, with how many
/// more there were.
#[derive(Debug, Default)]
pub(crate) struct Unwanted(Throttle);

impl Unwanted {
    /// A connection that came to nothing.
    pub(crate) fn refused(&self, peer: SocketAddr, reason: &str) {
        tally::refused(reason);
        if let Some(more) = self.0.admit() {
            tracing::warn!(%peer, reason, more, "connection refused");
        }
    }

    /// A connection that was ended.
    pub(crate) fn closed(&self, peer: SocketAddr, reason: &str) {
        tally::closed(reason);
        if let Some(more) = self.0.admit() {
            tracing::warn!(%peer, reason, more, "connection closed");
        }
    }
}

/// Starts logging for the whole process; later calls do nothing.
pub(crate) fn init(verbosity: Verbosity, log: &Log) {
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match as_json(log.format, io::stderr().is_terminal()) {
        true => lines.json().flatten_event(true).with_span_list(false).boxed(),
        false => lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
    };
    // An error means that a test or an embedding program logs already.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter(verbosity.level(log), verbosity.calls(log))))
        .try_init();
}

fn as_json(format: Format, on_terminal: bool) -> bool {
    match format {
        Format::Auto => !on_terminal,
        Format::Text => false,
        Format::Json => true,
    }
}

/// Our own lines from `level` on; other libraries' only when something is wrong, unless tracing.
fn filter(level: Level, calls: Calls) -> Targets {
    let ours = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let others = if level == Level::Trace { LevelFilter::DEBUG } else { ours.min(LevelFilter::WARN) };
    let done = if calls == Calls::All { ours } else { LevelFilter::OFF };
    Targets::new().with_default(others).with_target("digota", ours).with_target(digota_grpc::gate::DONE, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_configured_level() {
        let log = Log { level: Level::Warn, ..Log::default() };
        assert_eq!(Verbosity::default().level(&log), Level::Warn);
        assert_eq!(Verbosity { info: true, debug: false }.level(&log), Level::Info);
        assert_eq!(Verbosity { info: false, debug: true }.level(&log), Level::Debug);
    }

    #[test]
    fn auto_is_text_on_a_terminal_and_json_elsewhere() {
        assert!(!as_json(Format::Auto, true));
        assert!(as_json(Format::Auto, false));
        assert!(as_json(Format::Json, true));
        assert!(!as_json(Format::Text, false));
    }

    #[test]
    fn calls_that_end_well_get_a_line_where_all_calls_do() {
        let done =
            |calls| filter(Level::Info, calls).would_enable(digota_grpc::gate::DONE, &tracing::Level::INFO);
        assert!(done(Calls::All) && !done(Calls::Refused));
        assert_eq!(Verbosity { info: true, debug: false }.calls(&Log::default()), Calls::All);
        assert_eq!(Verbosity::default().calls(&Log::default()), Calls::Refused);
    }

    #[test]
    fn debug_lines_are_ours_alone() {
        let filter = filter(Level::Debug, Calls::All);
        assert!(filter.would_enable("digota::tls::listener", &tracing::Level::DEBUG));
        assert!(filter.would_enable("digota_core::shop", &tracing::Level::DEBUG));
        assert!(!filter.would_enable("h2::codec", &tracing::Level::DEBUG));
        assert!(filter.would_enable("h2::codec", &tracing::Level::WARN));
    }
}
