//! Who may call what: a principal's scopes against an rpc's scope. Deny by default.

use serde::{Deserialize, Serialize};

/// What a client was given in the whitelist, and what an rpc asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Scope {
    /// Nothing but health.
    Public,
    /// Get, List and Watch.
    Read,
    /// Every rpc that changes something, and no reads.
    Write,
    /// Everything, administration included.
    Wildcard,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 4] = [Scope::Public, Scope::Read, Scope::Write, Scope::Wildcard];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Public => "PUBLIC",
            Scope::Read => "READ",
            Scope::Write => "WRITE",
            Scope::Wildcard => "WILDCARD",
        }
    }

    /// The scope by its name in the configuration, any case.
    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name().eq_ignore_ascii_case(name))
    }

    /// Whether a client holding this scope may call an rpc that asks for `wanted`.
    pub fn allows(self, wanted: Scope) -> bool {
        self == Scope::Wildcard || wanted == Scope::Public || self == wanted
    }
}

/// A caller that is known: an entry of the whitelist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The entry's name: the caller's identity in logs and in the scope of idempotency keys.
    pub name: String,
    /// What it may do; empty means nothing at all.
    pub scopes: Vec<Scope>,
}

impl Principal {
    /// Whether this caller may call an rpc that asks for `wanted`.
    pub fn may(&self, wanted: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.allows(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_does_not_read_and_read_does_not_write() {
        let one = |scope| Principal { name: "shop".into(), scopes: vec![scope] };
        assert!(one(Scope::Read).may(Scope::Read) && !one(Scope::Read).may(Scope::Write));
        assert!(one(Scope::Write).may(Scope::Write) && !one(Scope::Write).may(Scope::Read));
        assert!(!one(Scope::Write).may(Scope::Wildcard) && !one(Scope::Read).may(Scope::Wildcard));
        for wanted in [Scope::Public, Scope::Read, Scope::Write, Scope::Wildcard] {
            assert!(one(Scope::Wildcard).may(wanted));
            assert_eq!(one(Scope::Public).may(wanted), wanted == Scope::Public);
            assert!(!Principal { name: "nobody".into(), scopes: vec![] }.may(wanted));
        }
    }
}
