//! Which scope every rpc asks for. An rpc that is not here can't be called; a test holds this list against the descriptors.

use digota_core::access::Scope;

/// What a call keeps busy while it lasts: what bounds how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The processor and the storage, for a moment.
    Short,
    /// Nothing of ours but memory: it waits for a payment gateway. The shop bounds these.
    Gateway,
    /// Nothing: it goes on until the caller ends it. The connection bounds these.
    Stream,
}

/// Every rpc served, with its scope and its work.
pub const RPCS: &[(&str, Scope, Work)] = &[
    ("/productpb.ProductService/New", Scope::Write, Work::Short),
    ("/productpb.ProductService/Get", Scope::Read, Work::Short),
    ("/productpb.ProductService/Update", Scope::Write, Work::Short),
    ("/productpb.ProductService/List", Scope::Read, Work::Short),
    ("/productpb.ProductService/Delete", Scope::Write, Work::Short),
    ("/skupb.SkuService/New", Scope::Write, Work::Short),
    ("/skupb.SkuService/Get", Scope::Read, Work::Short),
    ("/skupb.SkuService/Update", Scope::Write, Work::Short),
    ("/skupb.SkuService/Delete", Scope::Write, Work::Short),
    ("/skupb.SkuService/List", Scope::Read, Work::Short),
    ("/skupb.SkuService/AdjustInventory", Scope::Write, Work::Short),
    ("/orderpb.OrderService/New", Scope::Write, Work::Short),
    ("/orderpb.OrderService/Get", Scope::Read, Work::Short),
    ("/orderpb.OrderService/Pay", Scope::Write, Work::Gateway),
    ("/orderpb.OrderService/Return", Scope::Write, Work::Gateway),
    ("/orderpb.OrderService/List", Scope::Read, Work::Short),
    ("/orderpb.OrderService/Fulfill", Scope::Write, Work::Short),
    ("/orderpb.OrderService/Cancel", Scope::Write, Work::Short),
    ("/paymentpb.PaymentService/NewCharge", Scope::Write, Work::Gateway),
    ("/paymentpb.PaymentService/RefundCharge", Scope::Write, Work::Gateway),
    ("/paymentpb.PaymentService/Get", Scope::Read, Work::Short),
    ("/paymentpb.PaymentService/List", Scope::Read, Work::Short),
    ("/paymentpb.PaymentService/Charge", Scope::Write, Work::Gateway),
    ("/paymentpb.PaymentService/Refund", Scope::Write, Work::Gateway),
    ("/paymentpb.PaymentService/Capture", Scope::Write, Work::Gateway),
    ("/paymentpb.PaymentService/Void", Scope::Write, Work::Gateway),
    ("/eventpb.EventService/Watch", Scope::Read, Work::Stream),
    ("/grpc.health.v1.Health/Check", Scope::Public, Work::Stream),
    ("/grpc.health.v1.Health/List", Scope::Public, Work::Stream),
    ("/grpc.health.v1.Health/Watch", Scope::Public, Work::Stream),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Scope::Public, Work::Stream),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Scope::Public, Work::Stream),
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
    /// What a caller needs.
    pub scope: Scope,
    /// What it keeps busy.
    pub work: Work,
}

impl Rpc {
    /// The rpc with this path.
    pub fn find(path: &str) -> Option<Rpc> {
        let row = RPCS.iter().find(|(known, ..)| *known == path);
        row.map(|&(path, scope, work)| Rpc { path, scope, work })
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
                // Administration has its own listener and is not served here.
                if file.package() == "adminpb" {
                    continue;
                }
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let rpc = Rpc::find(&path).unwrap_or_else(|| panic!("{path} has no scope"));
                    let reads = ["Get", "List", "Watch"].contains(&method.name());
                    assert_eq!(rpc.scope == Scope::Read, reads, "{path}");
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, RPCS.iter().filter(|(path, ..)| !path.starts_with("/grpc.")).count());
    }
}
