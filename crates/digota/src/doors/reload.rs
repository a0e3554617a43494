//! Follows the files behind the door while the server runs: what changes there holds without a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use super::entrance::Entrance;
use super::files::Look;
use super::telling;
use crate::config::{ClientEntry, Settings, Sources};
use crate::tls::Credentials;

/// Looks at the files every `tls.reload_ms` and on SIGHUP, until `stop`. Without an entrance it only says that there is nothing
/// to reload.
pub(crate) async fn follow(
    entrance: Option<Entrance>,
    settings: Settings,
    sources: Sources,
    mut hangups: Signal,
    stop: CancellationToken,
) {
    let mut reload = entrance.map(|entrance| Reload::new(entrance, settings, sources));
    loop {
        let pause = reload.as_ref().map_or(Duration::MAX, Reload::pause);
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = hangups.recv() => true,
            () = tokio::time::sleep(pause) => false,
        };
        let Some(mut at_work) = reload.take() else {
            tracing::info!("serving without TLS: there is nothing to reload");
            continue;
        };
        let round = tokio::task::spawn_blocking(move || {
            at_work.round(asked);
            at_work
        });
        match round.await {
            Ok(done) => reload = Some(done),
            Err(error) => return tracing::error!(%error, "nothing is reloaded any more: restart the server"),
        }
    }
}

/// What is read, and can be wrong, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Settings,
    Certificates,
    Whitelist,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Settings => "settings",
            Part::Certificates => "certificates",
            Part::Whitelist => "whitelist",
        }
    }
}

/// What was made of the files so far.
struct Reload {
    entrance: Entrance,
    sources: Sources,
    /// What the server started with.
    first: Settings,
    /// The last settings that could be read.
    settings: Settings,
    /// The whitelist in force.
    clients: Vec<ClientEntry>,
    seen: Look,
    problems: BTreeMap<Part, String>,
    reminder: telling::Reminder,
}

impl Reload {
    fn new(entrance: Entrance, settings: Settings, sources: Sources) -> Reload {
        Reload {
            // Nothing has been seen yet: what changed while the server was starting is found in the first round.
            seen: Look::default(),
            first: settings.clone(),
            clients: settings.clients.clone(),
            problems: BTreeMap::new(),
            reminder: telling::Reminder::default(),
            entrance,
            sources,
            settings,
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.settings.tls.reload_ms)
    }

    /// Looks once and replaces what changed. If a person asked, everything counts as changed.
    fn round(&mut self, asked: bool) {
        let look = Look::settled(&self.sources, &self.settings, &self.seen);
        let settings_changed = asked || look.settings != self.seen.settings;
        let files_changed = asked || look.tls != self.seen.tls;
        self.seen = look;
        let tls = self.settings.tls.clone();
        let read = self.read_settings(settings_changed);
        let others_named = self.settings.tls != tls;
        if others_named {
            self.seen.tls = Look::at(&self.sources, &self.settings).tls;
        }
        // Credentials that waited for a whitelist that fits them are tried with the next one.
        let waiting = read && self.problems.contains_key(&Part::Whitelist);
        let credentials = self.read_certificates(files_changed || others_named || waiting);
        if read || credentials.is_some() {
            self.renew(credentials);
        }
        if asked {
            let problems = self.problems.len();
            tracing::info!(problems, "certificates and whitelist were read again, as asked");
        }
        self.reminder.remind(&self.entrance.standing(), Timestamp::now());
    }

    /// Reads the settings if they changed or could not be read last time; whether there are some to use.
    fn read_settings(&mut self, changed: bool) -> bool {
        if !changed && !self.problems.contains_key(&Part::Settings) {
            return false;
        }
        match self.sources.clone().load() {
            Ok(loaded) => {
                self.resolve(Part::Settings);
                telling::restart(&self.first, &self.settings, &loaded.settings);
                self.settings = loaded.settings;
                true
            }
            Err(problems) => {
                let all: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
                self.refuse(Part::Settings, changed, all.join("; "));
                false
            }
        }
    }

    /// Reads the certificates if they changed. If they could not be used last time too: their day may have come.
    fn read_certificates(&mut self, changed: bool) -> Option<Credentials> {
        if !changed && !self.problems.contains_key(&Part::Certificates) {
            return None;
        }
        match Credentials::load(&self.settings.tls_files()?, self.settings.tls.min_version) {
            Ok(credentials) => {
                self.resolve(Part::Certificates);
                Some(credentials)
            }
            Err(error) => {
                self.refuse(Part::Certificates, changed, format!("{:#}", anyhow::Error::from(error)));
                None
            }
        }
    }

    fn renew(&mut self, credentials: Option<Credentials>) {
        let before = self.entrance.credentials().load_full();
        let outcome = self.entrance.renew(credentials, &self.settings.clients);
        telling::certificates(&before, &self.entrance.credentials().load());
        match outcome {
            Ok(()) => {
                self.resolve(Part::Whitelist);
                telling::clients(&self.clients, &self.settings.clients);
                self.clients.clone_from(&self.settings.clients);
            }
            Err(error) => {
                let file =
                    self.sources.path().map_or_else(String::new, |path| format!("{}: ", path.display()));
                self.refuse(Part::Whitelist, true, format!("{file}{error:#}"));
            }
        }
    }

    /// Says what is wrong, once per change: whoever does not mend it knows.
    fn refuse(&mut self, part: Part, changed: bool, reason: String) {
        if changed || self.problems.get(&part) != Some(&reason) {
            tracing::warn!(
                part = part.name(),
                reason,
                "a change cannot be used; what was in force stays in force"
            );
            self.entrance.note(|standing| standing.refused += 1);
        }
        self.problems.insert(part, reason);
        self.note_problems();
    }

    fn resolve(&mut self, part: Part) {
        if self.problems.remove(&part).is_some() {
            tracing::info!(part = part.name(), "can be used again");
            self.note_problems();
        }
    }

    fn note_problems(&self) {
        self.entrance.note(|standing| standing.problems = self.problems.values().cloned().collect());
    }
}
