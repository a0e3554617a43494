//! The whitelist: whether its entries match certificates, and whether a certificate comes in.

use std::path::{Path, PathBuf};

use super::finding::{Check, Fix, quoted};
use super::known::{self, Certificate};
use super::patient::Patient;
use crate::config::{ClientEntry, Origin};
use crate::tls::{Files, Issuer, Leaf, Whitelist, judge_client};

const NAME: &str = "clients";

pub(super) fn check(patient: &Patient) -> Check {
    if patient.settings().insecure {
        return Check::skipped(NAME, "insecure = true: nobody knows who calls");
    }
    let Some(files) = patient.settings().tls_files() else {
        return Check::skipped(NAME, "tls.cacrt is not set");
    };
    if !patient.loaded.is_sound("clients") {
        return Check::skipped(NAME, "the whitelist cannot be read");
    }
    let authorities = known::read_all(&files.cacrt);
    let Some(first) = authorities.first() else {
        return Check::skipped(NAME, "tls.cacrt cannot be read");
    };
    let door = Door { patient, files: &files, own: &first.subject, authorities: &authorities };
    let mut check = Check::new(NAME);
    door.look_at_list(&mut check);
    let judged: Vec<String> =
        patient.clients.iter().filter_map(|file| door.look_at_client(file, &mut check)).collect();
    let compared = door.look_at_entries(&mut check);
    check.seen = [vec![compared], judged].concat().join("; ");
    check
}

/// What makes an entry of the whitelist usable, as far as that can be known.
pub(super) fn reset(patient: &Patient, path: &str) -> Vec<Fix> {
    let mut parts = path.split('.').skip(1);
    let index = parts.next().and_then(|index| index.parse::<usize>().ok());
    let Some((index, client)) = index.and_then(|index| Some((index, patient.settings().clients.get(index)?)))
    else {
        return vec![];
    };
    let folder = patient.settings().tls.cacrt.as_ref().and_then(|cacrt| cacrt.parent()).map(Path::to_owned);
    match parts.next() {
        None | Some("serials") => {
            match folder.as_deref().and_then(|folder| serial_of(folder, &client.name)) {
                Some(serial) => vec![patient.set(&format!("clients.{index}.serials"), vec![serial])],
                None => issue(folder.as_deref(), client).into_iter().collect(),
            }
        }
        Some("scopes") => vec![patient.set(&format!("clients.{index}.scopes"), vec!["READ"])],
        _ => vec![],
    }
}

/// The serial of the certificate that `digota ca` made for a client of this name.
fn serial_of(folder: &Path, name: &str) -> Option<String> {
    let leaf = known::read(&folder.join(format!("{name}.crt")))?.leaf?;
    Some(leaf.serial.openssl())
}

/// The command that makes a certificate for a client, where its CA is kept in this folder.
fn issue(folder: Option<&Path>, client: &ClientEntry) -> Option<Fix> {
    let folder = folder.filter(|folder| folder.join("ca.key").exists())?;
    let scopes: Vec<String> =
        client.scopes.iter().map(|scope| format!(" --scope {}", scope.name())).collect();
    let command = format!("digota ca issue {} --dir {}{}", client.name, quoted(folder), scopes.concat());
    (!client.name.is_empty()).then_some(Fix::Run(command))
}

/// The door as its files and the whitelist make it.
struct Door<'a> {
    patient: &'a Patient,
    files: &'a Files,
    /// The name of the CA that entries mean which name none.
    own: &'a Issuer,
    authorities: &'a [Certificate],
}

impl Door<'_> {
    fn clients(&self) -> &[ClientEntry] {
        &self.patient.settings().clients
    }

    fn folder(&self) -> &Path {
        self.files.cacrt.parent().unwrap_or(Path::new(""))
    }

    fn look_at_list(&self, check: &mut Check) {
        if self.clients().is_empty() {
            let finding = check.warn("clients", "the whitelist is empty");
            finding.why("a server that lists nobody lets nobody in");
            let shop = ClientEntry { name: "shop".to_owned(), ..ClientEntry::default() };
            finding.fix = issue(Some(self.folder()), &shop).into_iter().collect();
            finding.fix(Fix::Do("write the lines that `digota ca issue` prints".to_owned()));
        }
    }

    /// Looks for the certificates of each entry where `digota ca` keeps those that it made.
    fn look_at_entries(&self, check: &mut Check) -> String {
        let made = known::in_folder(self.folder());
        let is_kept = self.folder().join("ca.key").exists();
        for (index, client) in self.clients().iter().enumerate() {
            let issuer = client.issuer.as_ref().unwrap_or(self.own);
            if !self.authorities.iter().any(|authority| authority.subject == *issuer) {
                self.unknown_issuer(index, issuer, &made, check);
                continue;
            }
            let matching: Vec<_> = made.iter().filter(|(_, made)| is_listed(client, issuer, made)).collect();
            if matching.is_empty() && is_kept && issuer == self.own && client.fingerprints.is_empty() {
                self.unmatched(index, client, check);
            }
            if let [(file, last)] = matching.as_slice()
                && last.ends_within(self.patient.now, 14)
            {
                let finding = check.warn(
                    format!("clients.{index}"),
                    format!("{} ends on {}", file.display(), last.last_day()),
                );
                finding.why(format!("from then on {} is not let in", client.name));
                finding.fix(Fix::Do(format!(
                    "make another one with `digota ca issue {}-2 --dir {}`, and add its serial to clients.{index}.serials",
                    client.name, quoted(self.folder())
                )));
            }
        }
        let number = self.clients().len();
        match is_kept {
            true => format!(
                "{number} in the whitelist, compared with the certificates in {}",
                self.folder().display()
            ),
            false => format!("{number} in the whitelist; their certificates are kept elsewhere"),
        }
    }

    fn unknown_issuer(
        &self,
        index: usize,
        issuer: &Issuer,
        made: &[(PathBuf, Certificate)],
        check: &mut Check,
    ) {
        let finding = check
            .warn(format!("clients.{index}.issuer"), format!("{issuer} is none of the CAs in tls.cacrt"));
        finding.why("whoever holds a certificate of that CA is turned away before the whitelist is read");
        let path = format!("clients.{index}.issuer");
        let client = &self.clients()[index];
        let other = made.iter().find(|(_, made)| is_listed(client, &made.issuer, made));
        finding.fix(match other {
            Some((_, made)) => self.patient.set(&path, made.issuer.to_string()),
            None => Fix::Do(format!("append the certificate of that CA to {}", self.files.cacrt.display())),
        });
    }

    fn unmatched(&self, index: usize, client: &ClientEntry, check: &mut Check) {
        let serials: Vec<String> = client.serials.iter().map(|serial| serial.openssl()).collect();
        let what =
            format!("no certificate in {} has the serial {}", self.folder().display(), serials.join(" or "));
        let finding = check.warn(format!("clients.{index}"), what);
        finding.why(format!("the entry lets nobody in, and {} is turned away", client.name));
        finding.fix = match serial_of(self.folder(), &client.name) {
            Some(serial) => vec![self.patient.set(&format!("clients.{index}.serials"), vec![serial])],
            // Then its serial can be told.
            None => issue(Some(self.folder()), client).into_iter().collect(),
        };
    }

    /// Judges a certificate as the server would; says as whom it comes in.
    fn look_at_client(&self, file: &Path, check: &mut Check) -> Option<String> {
        let about = file.display().to_string();
        let Some(client) = known::read(file) else {
            let finding = check.error(about, "holds no certificate that can be read");
            finding.fix(Fix::Do(
                "name the client's certificate, a file that begins with -----BEGIN CERTIFICATE-----"
                    .to_owned(),
            ));
            return None;
        };
        if let Err(reason) = self.judge(&client) {
            self.refused(file, &client, reason, check);
            return None;
        }
        let leaf = client.leaf?;
        let whitelist = Whitelist::new(self.clients(), self.own).ok()?;
        match whitelist.find(&leaf) {
            Some(principal) => {
                let scopes: Vec<&str> = principal.scopes.iter().map(|scope| scope.name()).collect();
                Some(format!("{about} comes in as {}, for {}", principal.name, scopes.join(", ")))
            }
            None => {
                self.unlisted(file, &leaf, check);
                None
            }
        }
    }

    fn judge(&self, client: &Certificate) -> Result<(), String> {
        let authorities: Vec<_> = self.authorities.iter().map(|authority| authority.der.clone()).collect();
        let chain = [vec![client.der.clone()], client.rest.clone()].concat();
        judge_client(&authorities, &chain)
    }

    fn refused(&self, file: &Path, client: &Certificate, reason: String, check: &mut Check) {
        let about = file.display().to_string();
        if self.authorities.iter().any(|authority| authority.subject == client.issuer) {
            let finding = check.error(about, reason);
            finding.why("the server hangs up on it");
            finding.fix(Fix::Do("make the client another certificate with `digota ca issue`".to_owned()));
            return;
        }
        let finding = check
            .error(about, format!("is signed by {}, which is none of the CAs in tls.cacrt", client.issuer));
        finding.why("the server cannot tell it from a certificate that somebody made up, and hangs up");
        let server = known::read(&self.files.crt);
        finding.fix(match known::authority_of(file) {
            // The server's own certificate is of that CA too: tls.cacrt is the slip.
            Some(ca) if server.is_some_and(|server| server.issuer == client.issuer) => {
                self.patient.set("tls.cacrt", ca.display().to_string())
            }
            Some(ca) => Fix::Run(format!("cat {} >> {}", quoted(&ca), quoted(&self.files.cacrt))),
            None => Fix::Do(format!(
                "append the certificate of {} to {}",
                client.issuer,
                self.files.cacrt.display()
            )),
        });
    }

    fn unlisted(&self, file: &Path, leaf: &Leaf, check: &mut Check) {
        let serial = leaf.serial.openssl();
        let what = format!("its serial {serial}, signed by {}, is not in the whitelist", leaf.issuer);
        let finding = check.error(file.display().to_string(), what);
        finding.why("a client that is not listed is let in nowhere");
        let namesake = self.clients().iter().position(|client| client.serials.contains(&leaf.serial));
        if let Some(index) = namesake {
            // Listed, as of another CA.
            finding.fix(self.patient.set(&format!("clients.{index}.issuer"), leaf.issuer.to_string()));
            return;
        }
        finding.fix = self.enlist(file, leaf);
    }

    /// What adds an entry for this certificate, by its fingerprint, which needs no issuer.
    fn enlist(&self, file: &Path, leaf: &Leaf) -> Vec<Fix> {
        let name = file.file_stem().map(|stem| stem.display().to_string()).unwrap_or_default();
        let taken = self.clients().iter().any(|client| client.name == name);
        let (name, next) = (if taken { format!("{name}-2") } else { name }, self.clients().len());
        let is_from_environment =
            next > 0 && matches!(self.patient.loaded.origin("clients.0.name"), Origin::Environment(_));
        match &self.patient.file {
            Some(settings) if !is_from_environment => {
                let entry = format!(
                    "\\n[[clients]]\\nname = \"{name}\"\\nfingerprints = [\"{}\"]\\nscopes = [\"READ\"]\\n",
                    leaf.fingerprint
                );
                vec![Fix::Run(format!("printf '{entry}' >> {}", quoted(settings)))]
            }
            _ => [
                ("NAME", name),
                ("FINGERPRINTS", leaf.fingerprint.to_string()),
                ("SCOPES", "READ".to_owned()),
            ]
            .into_iter()
            .map(|(field, value)| Fix::Variable { name: format!("DIGOTA_CLIENTS_{next}_{field}"), value })
            .collect(),
        }
    }
}

/// Whether an entry, which means certificates of this issuer, names this one.
fn is_listed(client: &ClientEntry, issuer: &Issuer, certificate: &Certificate) -> bool {
    certificate.leaf.as_ref().is_some_and(|leaf| {
        client.fingerprints.contains(&leaf.fingerprint)
            || leaf.issuer == *issuer && client.serials.contains(&leaf.serial)
    })
}
