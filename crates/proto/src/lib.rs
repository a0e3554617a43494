//! The wire: messages, servers and clients generated from `protos/`, and the descriptors behind reflection.
//!
//! The rpc `New` is called `create` in Rust; its path on the wire stays `/orderpb.OrderService/New`.

mod secret;

/// Every proto file with its imports and comments, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// One module per proto package, as prost and tonic generate it.
macro_rules! packages {
    ($($(#[$doc:meta])* $package:ident)*) => {$(
        $(#[$doc])*
        #[allow(missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
        pub mod $package {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($package), ".rs"));
        }
    )*};
}

packages! {
    /// What a shop sells.
    productpb
    /// What can be bought: prices and stock.
    skupb
    /// Purchases.
    orderpb
    /// Charges, refunds, cards, currencies.
    paymentpb
    /// The stream of committed changes.
    eventpb
    /// What an operator asks of a running node.
    adminpb
}
