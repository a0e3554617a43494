//! What a folder's certificates are: the table of `digota ca list`.

use std::path::Path;

use jiff::Timestamp;

use super::kept::{self, Certificate, Kept, Kind};
use crate::config::ClientEntry;

const HEADING: [&str; 6] = ["NAME", "KIND", "SERIAL", "NOT AFTER", "STATE", "FILE"];

/// The table of every `.crt` file in `folder`, ordered by file name, revoked ones last, one line each and a heading.
///
/// `clients` is the whitelist, where one is known.
pub(super) fn table(
    folder: &Path,
    clients: Option<&[ClientEntry]>,
    now: Timestamp,
) -> anyhow::Result<String> {
    let mut cells = vec![HEADING.map(str::to_owned)];
    cells.extend(kept::all(folder)?.iter().map(|kept| row(kept, clients, now)));
    Ok(align(&cells))
}

fn row(kept: &Kept, clients: Option<&[ClientEntry]>, now: Timestamp) -> [String; 6] {
    let file = kept.path.display().to_string();
    let Some(certificate) = &kept.certificate else {
        return ["-", "not a certificate", "-", "-", "-", &file].map(str::to_owned);
    };
    let kind = match certificate.kind {
        Kind::Authority => "CA",
        Kind::Client => "client",
        Kind::Server => "server",
        Kind::Other => "other",
    };
    let serial = certificate.serial.as_ref().map_or("-".to_owned(), |serial| serial.openssl());
    let state = state(certificate, kept.revoked, clients, now);
    [certificate.name.clone(), kind.to_owned(), serial, end(certificate.not_after, now), state, file]
}

fn state(
    certificate: &Certificate,
    revoked: bool,
    clients: Option<&[ClientEntry]>,
    now: Timestamp,
) -> String {
    let listed = clients.and_then(|clients| certificate.listed_as(clients));
    match (revoked, listed) {
        (true, Some(name)) => format!("revoked, BUT LISTED as {name}"),
        (true, None) => "revoked".to_owned(),
        _ if certificate.not_after < now.as_second() => "expired".to_owned(),
        (_, Some(name)) => format!("listed as {name}"),
        (_, None) if clients.is_some() && certificate.kind == Kind::Client => "not listed".to_owned(),
        _ => "valid".to_owned(),
    }
}

/// The last day, and how far away it is.
fn end(not_after: i64, now: Timestamp) -> String {
    let date = Timestamp::from_second(not_after).unwrap_or(Timestamp::MAX).strftime("%Y-%m-%d");
    match not_after - now.as_second() {
        ..0 => format!("{date} (expired)"),
        left => format!("{date} ({} days left)", left / 86_400),
    }
}

fn align(cells: &[[String; 6]]) -> String {
    let mut text = String::new();
    for row in cells {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
