//! Which scope every rpc asks for. An rpc that is not here can't be called; a test holds this list against the descriptors.

use digota_core::access::Scope;

/// Every rpc served, with its scope.
pub const SCOPES: &[(&str, Scope)] = &[
    ("/productpb.ProductService/New", Scope::Write),
    ("/productpb.ProductService/Get", Scope::Read),
    ("/productpb.ProductService/Update", Scope::Write),
    ("/productpb.ProductService/List", Scope::Read),
    ("/productpb.ProductService/Delete", Scope::Write),
    ("/skupb.SkuService/New", Scope::Write),
    ("/skupb.SkuService/Get", Scope::Read),
    ("/skupb.SkuService/Update", Scope::Write),
    ("/skupb.SkuService/Delete", Scope::Write),
    ("/skupb.SkuService/List", Scope::Read),
    ("/skupb.SkuService/AdjustInventory", Scope::Write),
    ("/orderpb.OrderService/New", Scope::Write),
    ("/orderpb.OrderService/Get", Scope::Read),
    ("/orderpb.OrderService/Pay", Scope::Write),
    ("/orderpb.OrderService/Return", Scope::Write),
    ("/orderpb.OrderService/List", Scope::Read),
    ("/orderpb.OrderService/Fulfill", Scope::Write),
    ("/orderpb.OrderService/Cancel", Scope::Write),
    ("/paymentpb.PaymentService/NewCharge", Scope::Write),
    ("/paymentpb.PaymentService/RefundCharge", Scope::Write),
    ("/paymentpb.PaymentService/Get", Scope::Read),
    ("/paymentpb.PaymentService/List", Scope::Read),
    ("/paymentpb.PaymentService/Charge", Scope::Write),
    ("/paymentpb.PaymentService/Refund", Scope::Write),
    ("/paymentpb.PaymentService/Capture", Scope::Write),
    ("/paymentpb.PaymentService/Void", Scope::Write),
    ("/eventpb.EventService/Watch", Scope::Read),
    ("/grpc.health.v1.Health/Check", Scope::Public),
    ("/grpc.health.v1.Health/List", Scope::Public),
    ("/grpc.health.v1.Health/Watch", Scope::Public),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Scope::Public),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Scope::Public),
];

/// An rpc that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rpc {
    /// Its path: `/orderpb.OrderService/Pay`.
    pub path: &'static str,
    /// What a caller needs.
    pub scope: Scope,
}

impl Rpc {
    /// The rpc with this path.
    pub fn find(path: &str) -> Option<Rpc> {
        SCOPES.iter().find(|(known, _)| *known == path).map(|&(path, scope)| Rpc { path, scope })
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
        assert_eq!(seen, SCOPES.iter().filter(|(path, _)| !path.starts_with("/grpc.")).count());
    }
}
