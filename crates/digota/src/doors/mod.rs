//! Who may enter: asked anew for every call, of what is in force at that moment.
//!
//! `entrance` keeps what is in force, `reload` replaces it when the `files` behind it change,
//! and `telling` is what the log says of that.

mod entrance;
mod files;
mod reload;
mod telling;

use std::sync::Arc;

use arc_swap::ArcSwap;
use digota_core::access::{Principal, Scope};
use digota_grpc::gate::{Doors, Stranger};
use http::Extensions;
use rustls_pki_types::UnixTime;

use crate::tls::{ClientVerifier, Peer, Proof, Whitelist};

pub(crate) use entrance::{Entrance, Standing};
pub(crate) use reload::follow;

/// Knows clients by their certificates.
pub(crate) struct Listed(ArcSwap<Admission>);

/// What a client has to satisfy.
struct Admission {
    /// Would its certificate still open a connection?
    clients: Arc<ClientVerifier>,
    /// Whose is it?
    whitelist: Whitelist,
}

impl Doors for Listed {
    fn admit(&self, connection: &Extensions) -> Result<Arc<Principal>, Stranger> {
        let nobody = || Stranger::Unlisted("no client certificate".to_owned());
        let peer = connection.get::<Peer>().ok_or_else(nobody)?;
        let admitted = self.0.load().admit(peer.proof.as_ref().ok_or_else(nobody)?);
        admitted.inspect_err(|why| tracing::debug!(peer = %peer.addr, ?why, "not admitted"))
    }
}

impl Admission {
    fn admit(&self, proof: &Proof) -> Result<Arc<Principal>, Stranger> {
        proof.check(&self.clients, UnixTime::now()).map_err(Stranger::Outdated)?;
        self.whitelist.find(&proof.leaf).cloned().ok_or_else(|| {
            let serial = &proof.leaf.serial;
            Stranger::Unlisted(format!("the certificate with serial {serial} is not in the whitelist"))
        })
    }
}

/// Lets everybody in, to do everything.
pub(crate) struct Open(Arc<Principal>);

impl Open {
    pub(crate) fn new() -> Open {
        Open(Arc::new(Principal { name: "anybody".into(), scopes: vec![Scope::Wildcard] }))
    }
}

impl Doors for Open {
    fn admit(&self, _: &Extensions) -> Result<Arc<Principal>, Stranger> {
        Ok(Arc::clone(&self.0))
    }
}
