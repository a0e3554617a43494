//! What the log tells of changes at the door.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::entrance::Standing;
use crate::config::{ClientEntry, Settings};
use crate::tls::Credentials;

/// How long before their end certificates are spoken of.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How often they are spoken of then.
const REMIND: SignedDuration = SignedDuration::from_hours(24);

/// Tells which certificates were replaced.
pub(super) fn certificates(before: &Credentials, now: &Credentials) {
    if before.fingerprint != now.fingerprint {
        tracing::info!(sha256 = %now.fingerprint, not_after = %now.not_after, "server certificate renewed");
    }
    if before.authorities != now.authorities {
        let (first, count) = (&now.authority, now.authorities.len());
        tracing::info!(%first, count, "trusted CAs renewed");
    }
}

/// Tells which clients came, went, or were changed.
pub(super) fn clients(before: &[ClientEntry], now: &[ClientEntry]) {
    if before == now {
        return;
    }
    let names = |clients: &[ClientEntry], wanted: &dyn Fn(&ClientEntry) -> bool| {
        let names: Vec<&str> = clients.iter().filter(|it| wanted(it)).map(|it| it.name.as_str()).collect();
        names.join(", ")
    };
    let same_name =
        |list: &[ClientEntry], client: &ClientEntry| list.iter().any(|other| other.name == client.name);
    tracing::info!(
        added = names(now, &|client| !same_name(before, client)),
        removed = names(before, &|client| !same_name(now, client)),
        changed = names(now, &|client| same_name(before, client) && !before.contains(client)),
        "whitelist renewed"
    );
}

/// Tells which sections of the settings were changed that are read at the start alone.
pub(super) fn restart(first: &Settings, before: &Settings, now: &Settings) {
    let (first, before, now) = (rest(first), rest(before), rest(now));
    if now == before || now == first {
        return;
    }
    let sections = |settings: &Settings| match serde_json::to_value(settings) {
        Ok(Value::Object(sections)) => sections,
        _ => Map::new(),
    };
    let (first, now) = (sections(&first), sections(&now));
    let changed: Vec<&str> = now
        .iter()
        .filter(|(name, value)| first.get(*name) != Some(value))
        .map(|(name, _)| name.as_str())
        .collect();
    // Secrets look alike when they are written down.
    let changed = if changed.is_empty() { "a secret".to_owned() } else { changed.join(", ") };
    tracing::warn!(changed, "these settings hold after a restart only");
}

/// The settings that a running server does not take up.
fn rest(settings: &Settings) -> Settings {
    let (tls, clients) = Default::default();
    Settings { tls, clients, ..settings.clone() }
}

/// Speaks of certificates that end soon, once a day.
#[derive(Debug, Default)]
pub(super) struct Reminder(Option<Timestamp>);

impl Reminder {
    /// Says what ends soon, unless that was said today.
    pub(super) fn remind(&mut self, standing: &Standing, now: Timestamp) {
        if self.0.is_some_and(|last| now.duration_since(last) < REMIND) {
            return;
        }
        let ends = [
            ("the server's certificate", standing.certificate_ends),
            ("a CA in tls.cacrt", standing.authority_ends),
        ];
        for (what, not_after) in ends.into_iter().filter(|(_, end)| end.duration_since(now) < NOTICE) {
            self.0 = Some(now);
            tracing::warn!(what, %not_after, "ends soon: make a new one and put it in its place");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_spoken_of_from_two_weeks_before_and_once_a_day() {
        let now = Timestamp::now();
        let hours = SignedDuration::from_hours;
        let ending_in = |left: SignedDuration| Standing {
            problems: vec![],
            renewed: 0,
            refused: 0,
            certificate_ends: now + left,
            authority_ends: now + hours(1000),
        };
        let mut reminder = Reminder::default();
        reminder.remind(&ending_in(hours(15 * 24)), now);
        assert_eq!(reminder.0, None);
        reminder.remind(&ending_in(hours(13 * 24)), now);
        assert_eq!(reminder.0, Some(now));
        reminder.remind(&ending_in(hours(13 * 24)), now + hours(23));
        assert_eq!(reminder.0, Some(now), "it was said today");
        reminder.remind(&ending_in(hours(13 * 24)), now + hours(24));
        assert_eq!(reminder.0, Some(now + hours(24)));
    }
}
