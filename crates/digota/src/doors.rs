//! Who may enter: the whitelist, looked up anew for every call.

use std::sync::Arc;

use arc_swap::ArcSwap;
use digota_core::access::{Principal, Scope};
use digota_grpc::gate::Doors;
use http::Extensions;

use crate::tls::{Peer, Whitelist};

/// Knows clients by their certificates.
pub(crate) struct Listed(pub(crate) ArcSwap<Whitelist>);

impl Doors for Listed {
    fn admit(&self, connection: &Extensions) -> Result<Arc<Principal>, String> {
        let leaf = connection.get::<Peer>().and_then(|peer| peer.leaf.as_ref());
        let leaf = leaf.ok_or_else(|| "no client certificate".to_owned())?;
        let found = self.0.load().find(leaf).cloned();
        found.ok_or_else(|| format!("the certificate with serial {} is not in the whitelist", leaf.serial))
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
    fn admit(&self, _: &Extensions) -> Result<Arc<Principal>, String> {
        Ok(Arc::clone(&self.0))
    }
}
