//! What a folder's certificates are: the table of `digota ca list`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;

use crate::tls::Serial;

/// One certificate of the table.
struct Row {
    name: String,
    kind: &'static str,
    serial: String,
    not_after: String,
}

/// The table of every `.crt` file in `folder`, ordered by file name, one line each and a heading.
pub(super) fn table(folder: &Path, now: Timestamp) -> anyhow::Result<String> {
    let mut cells = vec![["NAME", "KIND", "SERIAL", "NOT AFTER", "FILE"].map(str::to_owned)];
    for path in certificates(folder)? {
        let row = read(&path, now).unwrap_or_else(|| Row {
            name: "-".to_owned(),
            kind: "not a certificate",
            serial: "-".to_owned(),
            not_after: "-".to_owned(),
        });
        cells.push([row.name, row.kind.to_owned(), row.serial, row.not_after, path.display().to_string()]);
    }
    Ok(align(&cells))
}

fn certificates(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("crt")) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path, now: Timestamp) -> Option<Row> {
    let der = CertificateDer::from_pem_slice(&fs::read(path).ok()?).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Some(Row {
        name: name.unwrap_or("-").escape_debug().to_string(),
        kind: kind(&certificate),
        serial: Serial::from_der(certificate.raw_serial()).map_or("-".to_owned(), |serial| serial.openssl()),
        not_after: end(certificate.validity().not_after.timestamp(), now)?,
    })
}

fn kind(certificate: &X509Certificate<'_>) -> &'static str {
    if certificate.is_ca() {
        return "CA";
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if usage.value.client_auth => "client",
        Ok(Some(usage)) if usage.value.server_auth => "server",
        _ => "other",
    }
}

/// The last day, and how far away it is.
fn end(not_after: i64, now: Timestamp) -> Option<String> {
    let date = Timestamp::from_second(not_after).ok()?.strftime("%Y-%m-%d").to_string();
    let left = not_after - now.as_second();
    Some(match left {
        ..0 => format!("{date} (expired)"),
        _ => format!("{date} ({} days left)", left / 86_400),
    })
}

fn align(cells: &[[String; 5]]) -> String {
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
