//! The files behind the door, looked at for changes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::{Settings, Sources};
use crate::tls::Fingerprint;

/// How long files have to stay the same before they are read: whoever replaces two of them is given the time.
const SETTLE: Duration = Duration::from_millis(100);

/// How often a look is repeated for them; what goes on changing is read as it is, and again in the next round.
const LOOKS_MAX: u32 = 10;

/// What the files hold at one moment, as digests; `None` for a file that can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The settings file.
    pub(super) settings: Option<Fingerprint>,
    /// The key, the certificate and the CA.
    pub(super) tls: Vec<Option<Fingerprint>>,
}

impl Look {
    /// Looks at the settings file and at the files that `settings` name. Times and sizes may stay the same when a file
    /// changes, so the files are read.
    pub(super) fn at(sources: &Sources, settings: &Settings) -> Look {
        let tls = settings.tls_files().map(|files| [files.key, files.crt, files.cacrt]);
        Look {
            settings: sources.path().and_then(digest),
            tls: tls.iter().flatten().map(|path| digest(path)).collect(),
        }
    }

    /// Looks until nothing has changed for a moment, and no longer than a few.
    pub(super) fn settled(sources: &Sources, settings: &Settings, seen: &Look) -> Look {
        let mut before = seen.clone();
        for _ in 0..LOOKS_MAX {
            let now = Look::at(sources, settings);
            if now == before {
                break;
            }
            before = now;
            std::thread::sleep(SETTLE);
        }
        before
    }
}

fn digest(path: &Path) -> Option<Fingerprint> {
    let bytes = Zeroizing::new(fs::read(path).ok()?);
    Some(Fingerprint::of(&bytes))
}
