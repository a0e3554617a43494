//! The whitelist: which client a certificate belongs to.

use std::collections::BTreeMap;
use std::sync::Arc;

use digota_core::access::Principal;

use super::fingerprint::Fingerprint;
use super::issuer::Issuer;
use super::leaf::Leaf;
use super::serial::Serial;
use crate::config::ClientEntry;

/// The clients by certificate, for one lookup per call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whitelist {
    by_serial: BTreeMap<Issuer, BTreeMap<Serial, Arc<Principal>>>,
    by_fingerprint: BTreeMap<Fingerprint, Arc<Principal>>,
}

/// A certificate that two entries claim, or one entry twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{certificate} is listed twice, for {first} and for {second}: keep one")]
pub(crate) struct Duplicate {
    /// The certificate as the entry names it.
    pub(crate) certificate: String,
    /// The client that had it first.
    pub(crate) first: String,
    /// The client that claims it too.
    pub(crate) second: String,
}

impl Whitelist {
    /// Indexes the entries; `authority` is the issuer of entries that name none.
    ///
    /// Returns every certificate that is listed twice.
    pub(crate) fn new(clients: &[ClientEntry], authority: &Issuer) -> Result<Self, Vec<Duplicate>> {
        let mut whitelist = Self::default();
        let mut duplicates = Vec::new();
        for client in clients {
            let principal = Arc::new(Principal { name: client.name.clone(), scopes: client.scopes.clone() });
            let issuer = client.issuer.as_ref().unwrap_or(authority).clone();
            let by_serial = whitelist.by_serial.entry(issuer).or_default();
            for serial in &client.serials {
                let earlier = by_serial.insert(serial.clone(), principal.clone());
                duplicates.extend(duplicate(earlier, || format!("serial {serial}"), client));
            }
            for fingerprint in &client.fingerprints {
                let earlier = whitelist.by_fingerprint.insert(fingerprint.clone(), principal.clone());
                duplicates.extend(duplicate(earlier, || format!("fingerprint {fingerprint}"), client));
            }
        }
        if duplicates.is_empty() { Ok(whitelist) } else { Err(duplicates) }
    }

    /// The client that holds this certificate: by fingerprint first, else by issuer and serial.
    pub(crate) fn find(&self, leaf: &Leaf) -> Option<&Arc<Principal>> {
        self.by_fingerprint
            .get(&leaf.fingerprint)
            .or_else(|| self.by_serial.get(&leaf.issuer)?.get(&leaf.serial))
    }
}

fn duplicate(
    earlier: Option<Arc<Principal>>,
    certificate: impl FnOnce() -> String,
    client: &ClientEntry,
) -> Option<Duplicate> {
    let first = earlier?.name.clone();
    Some(Duplicate { certificate: certificate(), first, second: client.name.clone() })
}

#[cfg(test)]
mod tests {
    use digota_core::access::Scope;

    use super::*;

    fn issuer(name: &str) -> Issuer {
        format!("CN={name}").parse().unwrap()
    }

    fn leaf(authority: &str, serial: &str) -> Leaf {
        let fingerprint = Fingerprint::of(format!("{authority} {serial}").as_bytes());
        Leaf { issuer: issuer(authority), serial: serial.parse().unwrap(), fingerprint, not_after: 0 }
    }

    fn client(name: &str, serials: &[&str]) -> ClientEntry {
        ClientEntry {
            name: name.to_owned(),
            issuer: None,
            serials: serials.iter().map(|serial| serial.parse().unwrap()).collect(),
            fingerprints: vec![],
            scopes: vec![Scope::Read],
        }
    }

    fn found<'a>(whitelist: &'a Whitelist, leaf: &Leaf) -> Option<&'a str> {
        whitelist.find(leaf).map(|principal| principal.name.as_str())
    }

    #[test]
    fn a_client_is_found_by_any_spelling_of_its_serial() {
        for spelling in ["abc", "0ABC", "0a:bc", "0x0abc", "dec:2748"] {
            let whitelist = Whitelist::new(&[client("shop", &[spelling])], &issuer("ca")).unwrap();
            assert_eq!(found(&whitelist, &leaf("ca", "abc")), Some("shop"), "{spelling}");
        }
    }

    #[test]
    fn a_client_has_the_scopes_of_its_entry_and_as_many_certificates_as_it_lists() {
        let whitelist = Whitelist::new(&[client("shop", &["1", "2"])], &issuer("ca")).unwrap();
        assert_eq!(found(&whitelist, &leaf("ca", "1")), Some("shop"));
        assert_eq!(whitelist.find(&leaf("ca", "2")).unwrap().scopes, [Scope::Read]);
    }

    #[test]
    fn the_same_serial_of_another_ca_is_nobody() {
        let whitelist = Whitelist::new(&[client("shop", &["abc"])], &issuer("ca")).unwrap();
        assert_eq!(found(&whitelist, &leaf("other", "abc")), None);
    }

    #[test]
    fn an_entry_may_name_another_ca() {
        let other = ClientEntry { issuer: Some(issuer("other")), ..client("partner", &["abc"]) };
        let whitelist = Whitelist::new(&[client("shop", &["abc"]), other], &issuer("ca")).unwrap();
        assert_eq!(found(&whitelist, &leaf("ca", "abc")), Some("shop"));
        assert_eq!(found(&whitelist, &leaf("other", "abc")), Some("partner"));
    }

    #[test]
    fn an_unlisted_certificate_is_nobody() {
        let whitelist = Whitelist::new(&[client("shop", &["abc"])], &issuer("ca")).unwrap();
        assert_eq!(found(&whitelist, &leaf("ca", "abd")), None);
        assert_eq!(found(&Whitelist::default(), &leaf("ca", "abc")), None);
    }

    #[test]
    fn a_fingerprint_names_one_certificate_whoever_signed_it() {
        let certificate = leaf("other", "abc");
        let entry =
            ClientEntry { fingerprints: vec![certificate.fingerprint.clone()], ..client("shop", &[]) };
        let whitelist = Whitelist::new(&[entry], &issuer("ca")).unwrap();
        assert_eq!(found(&whitelist, &certificate), Some("shop"));
        assert_eq!(found(&whitelist, &leaf("ca", "abc")), None);
    }

    #[test]
    fn a_certificate_listed_twice_is_refused_by_name() {
        let again = ClientEntry { issuer: Some(issuer("ca")), ..client("thief", &["0:0A:BC"]) };
        let duplicates = Whitelist::new(&[client("shop", &["abc"]), again], &issuer("ca")).unwrap_err();
        let expected = Duplicate {
            certificate: "serial abc".to_owned(),
            first: "shop".to_owned(),
            second: "thief".to_owned(),
        };
        assert_eq!(duplicates, [expected]);
    }

    #[test]
    fn a_fingerprint_listed_twice_is_refused() {
        let fingerprints = vec![Fingerprint::of(b"x"), Fingerprint::of(b"x")];
        let entry = ClientEntry { fingerprints, ..client("shop", &[]) };
        assert_eq!(Whitelist::new(&[entry], &issuer("ca")).unwrap_err().len(), 1);
    }
}
