//! Which scope every rpc asks for. An rpc that is not here can't be called; a test holds this list against the descriptors.

use digota_core::access::{Principal, Scope};

/// What a call keeps busy while it lasts: what bounds how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The processor and the storage, for a moment.
    Short,
    /// The same, for longer: a page of many records.
    Page,
    /// Nothing of ours but memory: it waits for a payment gateway. The shop bounds these.
    Gateway,
    /// Little: it goes on until the caller ends it. There are bounds of its own for these.
    Stream,
    /// The same, and the caller goes on speaking too.
    Dialogue,
}

/// Whatever a client was given, it may ask whether the server is well.
const LISTED: &[Scope] = &[Scope::Public];
/// Looks at the shop.
const READ: &[Scope] = &[Scope::Read];
/// Changes the shop.
const WRITE: &[Scope] = &[Scope::Write];
/// Helps whoever has business with the shop, to read or to write.
const EITHER: &[Scope] = &[Scope::Read, Scope::Write];

/// Looks after the server.
const OWNER: &[Scope] = &[Scope::Wildcard];

/// Every rpc served, with the scopes of which it needs one, and its work.
pub const RPCS: &[(&str, &[Scope], Work)] = &[
    ("/productpb.ProductService/New", WRITE, Work::Short),
    ("/productpb.ProductService/Get", READ, Work::Short),
    ("/productpb.ProductService/Update", WRITE, Work::Short),
    ("/productpb.ProductService/List", READ, Work::Page),
    ("/productpb.ProductService/Delete", WRITE, Work::Short),
    ("/skupb.SkuService/New", WRITE, Work::Short),
    ("/skupb.SkuService/Get", READ, Work::Short),
    ("/skupb.SkuService/Update", WRITE, Work::Short),
    ("/skupb.SkuService/Delete", WRITE, Work::Short),
    ("/skupb.SkuService/List", READ, Work::Page),
    ("/skupb.SkuService/AdjustInventory", WRITE, Work::Short),
    ("/orderpb.OrderService/New", WRITE, Work::Short),
    ("/orderpb.OrderService/Get", READ, Work::Short),
    ("/orderpb.OrderService/Pay", WRITE, Work::Gateway),
    ("/orderpb.OrderService/Return", WRITE, Work::Gateway),
    ("/orderpb.OrderService/List", READ, Work::Page),
    ("/orderpb.OrderService/Fulfill", WRITE, Work::Short),
    ("/orderpb.OrderService/Cancel", WRITE, Work::Short),
    ("/paymentpb.PaymentService/NewCharge", WRITE, Work::Gateway),
    ("/paymentpb.PaymentService/RefundCharge", WRITE, Work::Gateway),
    ("/paymentpb.PaymentService/Get", READ, Work::Short),
    ("/paymentpb.PaymentService/List", READ, Work::Page),
    ("/paymentpb.PaymentService/Charge", WRITE, Work::Gateway),
    ("/paymentpb.PaymentService/Refund", WRITE, Work::Gateway),
    ("/paymentpb.PaymentService/Capture", WRITE, Work::Gateway),
    ("/paymentpb.PaymentService/Void", WRITE, Work::Gateway),
    ("/eventpb.EventService/Watch", READ, Work::Stream),
    ("/adminpb.AdminService/ListPayments", OWNER, Work::Short),
    ("/adminpb.AdminService/GetPayment", OWNER, Work::Short),
    ("/adminpb.AdminService/Settle", OWNER, Work::Gateway),
    ("/adminpb.AdminService/Stats", OWNER, Work::Short),
    ("/adminpb.AdminService/Backup", OWNER, Work::Stream),
    ("/grpc.health.v1.Health/Check", LISTED, Work::Stream),
    ("/grpc.health.v1.Health/List", LISTED, Work::Stream),
    ("/grpc.health.v1.Health/Watch", LISTED, Work::Stream),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EITHER, Work::Dialogue),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", EITHER, Work::Dialogue),
];

/// The services of these rpcs, each once: `orderpb.OrderService`.
pub fn services() -> Vec<&'static str> {
    let mut names: Vec<&str> = RPCS.iter().filter_map(|(path, ..)| path.split('/').nth(1)).collect();
    names.dedup();
    names
}

/// An rpc that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rpc {
    /// Its path: `/orderpb.OrderService/Pay`.
    pub path: &'static str,
    /// What a caller needs one of.
    pub scopes: &'static [Scope],
    /// What it keeps busy.
    pub work: Work,
}

impl Rpc {
    /// The rpc with this path.
    pub fn find(path: &str) -> Option<Rpc> {
        let row = RPCS.iter().find(|(known, ..)| *known == path);
        row.map(|&(path, scopes, work)| Rpc { path, scopes, work })
    }

    /// Whether it only looks.
    pub fn reads(&self) -> bool {
        self.scopes == READ
    }

    /// Whether this caller may call it.
    pub fn is_open_to(&self, caller: &Principal) -> bool {
        self.scopes.iter().any(|scope| caller.may(*scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn every_rpc_has_a_scope() {
        let set = prost_types::FileDescriptorSet::decode(digota_proto::DESCRIPTOR_SET).expect("descriptors");
        let mut seen = 0;
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let rpc = Rpc::find(&path).unwrap_or_else(|| panic!("{path} has no scope"));
                    let reads = ["Get", "List", "Watch"].contains(&method.name());
                    let expected = match file.package() {
                        "adminpb" => OWNER,
                        _ if reads => READ,
                        _ => WRITE,
                    };
                    assert_eq!(rpc.scopes, expected, "{path}");
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, RPCS.iter().filter(|(path, ..)| !path.starts_with("/grpc.")).count());
    }

    #[test]
    fn a_guest_may_ask_for_health_and_reflection_is_for_everybody_else() {
        let holds = |scope| Principal { name: "it".into(), scopes: vec![scope] };
        for (path, ..) in RPCS {
            let rpc = Rpc::find(path).expect("an rpc");
            assert_eq!(rpc.is_open_to(&holds(Scope::Public)), path.starts_with("/grpc.health."), "{path}");
            assert!(rpc.is_open_to(&holds(Scope::Wildcard)), "{path}");
            if path.starts_with("/grpc.reflection.") {
                assert!(
                    rpc.is_open_to(&holds(Scope::Read)) && rpc.is_open_to(&holds(Scope::Write)),
                    "{path}"
                );
            }
        }
    }
}
