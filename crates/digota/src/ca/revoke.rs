//! `digota ca revoke`: takes a client or a certificate out of the file that the server reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::folder::Folder;
use super::kept::{self, Kept};
use super::writing::Draft;
use crate::config::{ClientEntry, Cut, Loaded, Origin, Problems, Sources, without};
use crate::tls::{Fingerprint, Serial};

/// `digota ca revoke`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Revoke {
    /// A client's name, for all of its certificates; or the serial number or SHA-256 of one certificate
    who: String,
    /// The folder of the CA: the files of what is revoked are moved to DIR/revoked
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Revoke {
    /// Rewrites the settings file and says what was done. `today` is for the comment that is left in the file.
    pub(super) fn run(self, sources: &Sources, today: &str) -> anyhow::Result<String> {
        let kept = self.dir.as_deref().map_or(Ok(Vec::new()), kept::all)?;
        let (loaded, problems) = sources.clone().inspect();
        let found = Listed::find(&self.who, &loaded.settings.clients, &kept);
        if let Ok(listed) = &found {
            listed.refuse_environment(&loaded)?;
        }
        let path = sources.path().context("there is no settings file")?;
        let path = fs::canonicalize(path).with_context(|| {
            format!("cannot read {}: name the server's with --config FILE", path.display())
        })?;
        let listed = found.with_context(|| format!("{} is left as it is", path.display()))?;
        self.rewrite(&path, sources, &listed, &problems, today)?;
        let mut said = listed.taken_out_of(&path);
        if let Some(dir) = &self.dir {
            for moved in Folder::new(dir).retire(kept.iter().filter(|kept| listed.holds(kept)))? {
                said.push_str(&format!("moved {moved}\n"));
            }
        }
        said.push_str("a server that reads this file refuses what was taken out within 10 seconds\n");
        if !problems.0.is_empty() {
            said.push_str(&format!("unless this keeps it from reading: {problems}\n"));
        }
        Ok(said)
    }

    /// Puts a file without what is listed in the place of the settings file, if a server can use it as well as the old one.
    fn rewrite(
        &self,
        path: &Path,
        sources: &Sources,
        listed: &Listed<'_>,
        known: &Problems,
        today: &str,
    ) -> anyhow::Result<()> {
        let (who, shown) = (&self.who, path.display());
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let note = format!("{} was revoked on {today}.", who.escape_debug());
        let edited = without(&text, &listed.cuts(), &note)
            .with_context(|| format!("take {who} out of {shown} by hand"))?;
        let draft = Draft::rewrite(path, edited.as_bytes())?;
        let (after, problems) = sources.clone().with_file(draft.path().to_owned()).inspect();
        ensure!(
            !listed.is_left_in(&after.settings.clients),
            "{who} would still be listed: {shown} is left as it is"
        );
        let known: BTreeSet<&str> = known.0.iter().map(|problem| problem.key.as_str()).collect();
        if let Some(new) = problems.0.iter().find(|problem| !known.contains(problem.key.as_str())) {
            bail!("without {who} the settings could not be used, so {shown} is left as it is: {new}");
        }
        let now = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        ensure!(now == text, "{shown} was changed by somebody else meanwhile: try again");
        draft.put()
    }
}

/// What is to be taken out of a whitelist.
struct Listed<'a> {
    clients: &'a [ClientEntry],
    /// By the place of the client, its certificates.
    hits: BTreeMap<usize, Vec<Hit<'a>>>,
}

/// A certificate of a client, by its place in the list that names it.
enum Hit<'a> {
    Serial(usize, &'a Serial),
    Fingerprint(usize, &'a Fingerprint),
}

impl<'a> Listed<'a> {
    /// The certificates that `who` means: a client's name, a certificate's file in the folder of the CA, a SHA-256 or a serial.
    fn find(who: &str, clients: &'a [ClientEntry], kept: &[Kept]) -> anyhow::Result<Self> {
        let certificates = || kept.iter().filter_map(|kept| Some((kept, kept.certificate.as_ref()?)));
        let serial = who.parse::<Serial>().ok();
        let of_number = certificates().filter(|(_, it)| it.serial.is_some() && it.serial == serial);
        let of_number: Vec<&Fingerprint> = of_number.map(|(_, it)| &it.fingerprint).collect();
        if let Some(at) = clients.iter().position(|client| client.name == who) {
            let all = Self::of(clients, |index, _| index == at, |index, _| index == at);
            let is_number = |other: usize, listed: &Serial| other != at && Some(listed) == serial.as_ref();
            ensure!(
                Self::of(clients, is_number, |_, _| false).hits.is_empty(),
                "{who} is the name of a client and the serial of another's certificate: write 0x{who} for the serial"
            );
            return Ok(all);
        }
        let of_file = certificates().find(|(kept, _)| kept.path.file_stem().is_some_and(|stem| stem == who));
        let fingerprint = who.parse::<Fingerprint>().ok();
        let found = match (of_file, fingerprint) {
            (Some((_, file)), _) => Self::of(
                clients,
                |_, listed| Some(listed) == file.serial.as_ref(),
                |_, listed| *listed == file.fingerprint,
            ),
            (None, Some(fingerprint)) => Self::of(clients, |_, _| false, |_, listed| *listed == fingerprint),
            (None, None) => Self::of(
                clients,
                |_, listed| Some(listed) == serial.as_ref(),
                |_, listed| of_number.contains(&listed),
            ),
        };
        ensure!(
            !found.hits.is_empty(),
            "it lists no client and no certificate {who}. Is it the file that the server reads? What a server has from its \
             environment is taken out there"
        );
        let by_serial = |hits: &Vec<Hit<'_>>| hits.iter().any(|hit| matches!(hit, Hit::Serial(..)));
        let holders: Vec<&str> = found
            .hits
            .iter()
            .filter(|(_, hits)| by_serial(hits))
            .map(|(at, _)| clients[*at].name.as_str())
            .collect();
        ensure!(
            holders.len() < 2,
            "certificates of several CAs have the serial {who}: revoke one of {} by its name",
            holders.join(", ")
        );
        Ok(found)
    }

    fn of(
        clients: &'a [ClientEntry],
        serial: impl Fn(usize, &Serial) -> bool,
        fingerprint: impl Fn(usize, &Fingerprint) -> bool,
    ) -> Self {
        let mut hits: BTreeMap<usize, Vec<Hit<'a>>> = BTreeMap::new();
        for (index, client) in clients.iter().enumerate() {
            let serials = client.serials.iter().enumerate().filter(|(_, it)| serial(index, it));
            let fingerprints =
                client.fingerprints.iter().enumerate().filter(|(_, it)| fingerprint(index, it));
            let found: Vec<Hit<'a>> = serials
                .map(|(at, serial)| Hit::Serial(at, serial))
                .chain(fingerprints.map(|(at, fingerprint)| Hit::Fingerprint(at, fingerprint)))
                .collect();
            if !found.is_empty() {
                hits.insert(index, found);
            }
        }
        Self { clients, hits }
    }

    /// Only what stands in the file can be taken out of it.
    fn refuse_environment(&self, loaded: &Loaded) -> anyhow::Result<()> {
        for &index in self.hits.keys() {
            let name = &self.clients[index].name;
            match loaded.origin_of_client(index) {
                Origin::File(..) => {}
                Origin::Environment(variable) => bail!(
                    "{name} is listed by the environment ({variable} and its neighbours), which only whoever starts the \
                     server can change: take the variables out there and restart it"
                ),
                origin => bail!("{name} is listed by {origin} and not by a file"),
            }
        }
        Ok(())
    }

    /// How many certificates a client keeps.
    fn left(&self, index: usize) -> usize {
        let client = &self.clients[index];
        (client.serials.len() + client.fingerprints.len()) - self.hits[&index].len()
    }

    fn cuts(&self) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for (&index, hits) in &self.hits {
            match self.left(index) {
                0 => cuts.push(Cut::Client(index)),
                _ => cuts.extend(hits.iter().map(|hit| match hit {
                    Hit::Serial(at, _) => Cut::Certificate(index, "serials", *at),
                    Hit::Fingerprint(at, _) => Cut::Certificate(index, "fingerprints", *at),
                })),
            }
        }
        cuts
    }

    /// Whether some of it is in this whitelist.
    fn is_left_in(&self, after: &[ClientEntry]) -> bool {
        let all =
            self.hits.iter().flat_map(|(index, hits)| hits.iter().map(|hit| (&self.clients[*index], hit)));
        all.into_iter().any(|(client, hit)| {
            after.iter().any(|other| match hit {
                Hit::Serial(_, serial) => other.issuer == client.issuer && other.serials.contains(serial),
                Hit::Fingerprint(_, fingerprint) => other.fingerprints.contains(fingerprint),
            })
        })
    }

    /// Whether a file of the CA's folder holds some of it.
    fn holds(&self, kept: &Kept) -> bool {
        let Some(certificate) = kept.certificate.as_ref().filter(|_| !kept.revoked) else { return false };
        self.hits.values().flatten().any(|hit| match hit {
            Hit::Serial(_, serial) => certificate.serial.as_ref() == Some(serial),
            Hit::Fingerprint(_, fingerprint) => certificate.fingerprint == **fingerprint,
        })
    }

    fn taken_out_of(&self, path: &Path) -> String {
        let mut said = String::new();
        for (&index, hits) in &self.hits {
            let name = self.clients[index].name.escape_debug();
            let certificates: Vec<String> = hits
                .iter()
                .map(|hit| match hit {
                    Hit::Serial(_, serial) => format!("serial {}", serial.openssl()),
                    Hit::Fingerprint(_, fingerprint) => format!("SHA-256 {fingerprint}"),
                })
                .collect();
            let certificates = certificates.join(", ");
            said.push_str(&match self.left(index) {
                0 => format!("took {name} out of {}: {certificates}\n", path.display()),
                left => format!(
                    "took a certificate of {name} out of {}: {certificates}; {left} left\n",
                    path.display()
                ),
            });
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const FILE: &str = r#"insecure = true # not really
# The web shop
[[clients]]
name = "shop"
serials = ["0A:BC", "dec:7"]
scopes = ["READ"]

# Another CA's
[[clients]]
name = "partner"
issuer = "CN=other"
serials = ["abc"]
fingerprints = ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
scopes = ["READ"]
"#;

    struct Place {
        folder: TempDir,
        variables: Vec<(String, String)>,
    }

    impl Place {
        fn with(text: &str) -> Self {
            let folder = TempDir::new().unwrap();
            fs::write(folder.path().join("digota.toml"), text).unwrap();
            Self { folder, variables: vec![] }
        }

        fn text(&self) -> String {
            fs::read_to_string(self.folder.path().join("digota.toml")).unwrap()
        }

        fn revoke(&self, who: &str) -> Result<String, String> {
            let path = self.folder.path().join("digota.toml");
            let sources = Sources::of(Some(path), self.variables.clone());
            let revoke = Revoke { who: who.to_owned(), dir: None };
            revoke.run(&sources, "2026-01-02").map_err(|error| format!("{error:#}"))
        }

        /// Asserts that it is refused for this reason, and that nothing has changed.
        fn refuses(&self, who: &str, reason: &str) {
            let before = self.text();
            let error = self.revoke(who).unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert_eq!(self.text(), before);
            assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1, "something is left beside");
        }
    }

    #[test]
    fn a_client_is_taken_out_by_its_name() {
        let place = Place::with(FILE);
        let said = place.revoke("shop").unwrap();
        assert!(said.contains("took shop out of") && said.contains("serial 0ABC, serial 07"), "{said}");
        let expected = FILE.replace(
            "[[clients]]\nname = \"shop\"\nserials = [\"0A:BC\", \"dec:7\"]\nscopes = [\"READ\"]\n",
            "# shop was revoked on 2026-01-02.\n",
        );
        assert_eq!(place.text(), expected);
    }

    #[test]
    fn a_certificate_is_taken_out_by_its_serial_in_any_spelling() {
        for spelling in ["7", "dec:7", "00:07", "0x7"] {
            let place = Place::with(FILE);
            let said = place.revoke(spelling).unwrap();
            assert!(said.contains("took a certificate of shop") && said.contains("1 left"), "{said}");
            assert_eq!(place.text(), FILE.replace("[\"0A:BC\", \"dec:7\"]", "[\"0A:BC\"]"));
        }
    }

    #[test]
    fn a_certificate_is_taken_out_by_its_fingerprint() {
        let place = Place::with(FILE);
        let fingerprint = Fingerprint::of(b"abc").to_string();
        place.revoke(&fingerprint).unwrap();
        assert_eq!(place.text(), FILE.replace(&format!("\"{fingerprint}\""), ""));
    }

    #[test]
    fn a_serial_that_two_cas_gave_is_not_guessed() {
        Place::with(FILE).refuses("abc", "revoke one of shop, partner by its name");
    }

    #[test]
    fn a_name_that_is_another_s_serial_is_not_guessed() {
        let text = format!("{FILE}[[clients]]\nname = \"7\"\nserials = [\"8\"]\nscopes = [\"READ\"]\n");
        let place = Place::with(&text);
        place.refuses("7", "write 0x7 for the serial");
        place.revoke("0x7").unwrap();
        place.revoke("7").unwrap();
        assert!(!place.text().contains("dec:7") && !place.text().contains("\"8\""));
    }

    #[test]
    fn who_is_not_listed_can_not_be_revoked() {
        Place::with(FILE).refuses("nobody", "lists no client and no certificate nobody");
    }

    #[test]
    fn what_the_environment_lists_is_taken_out_there() {
        let variable = |name: &str, text: &str| (format!("DIGOTA_CLIENTS_2_{name}"), text.to_owned());
        let variables =
            vec![variable("NAME", "ops"), variable("SERIALS", "9"), variable("SCOPES", "WILDCARD")];
        let place = Place { variables, ..Place::with(FILE) };
        place.refuses("ops", "listed by the environment (DIGOTA_CLIENTS_2_NAME");
        place.refuses("9", "listed by the environment");
        // The list would have a gap, and the server would go on with the old one.
        place.refuses("shop", "left as it is");
    }

    #[test]
    fn without_a_file_it_says_how_to_name_one() {
        let variable = |name: &str, text: &str| (format!("DIGOTA_CLIENTS_0_{name}"), text.to_owned());
        let variables = vec![variable("NAME", "ops"), variable("SERIALS", "9"), variable("SCOPES", "READ")];
        let sources = Sources::of(Some("/nowhere/digota.toml".into()), variables);
        let revoke = |who: &str| {
            let error = Revoke { who: who.into(), dir: None }.run(&sources, "").unwrap_err();
            format!("{error:#}")
        };
        assert!(revoke("shop").contains("--config FILE"), "{}", revoke("shop"));
        assert!(revoke("ops").contains("listed by the environment"), "{}", revoke("ops"));
    }
}
