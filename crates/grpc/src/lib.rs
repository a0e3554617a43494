//! The edge: turns requests into calls of the shop and what comes back into replies.
//!
//! A handler converts, calls, converts back. Who may call is decided before it by [`gate`], which also turns panics into an
//! answer and logs one line per call. `wire` stands between them: it holds requests against gRPC's rules and the clock, and
//! against `limits`, with what `crowd` and `line` know of clients and connections. [`status`] is the only place that picks a
//! status code.

pub mod access;
pub mod admin;
pub mod calls;
mod crowd;
mod event;
mod from_proto;
pub mod gate;
mod limits;
mod line;
mod order;
mod payment;
mod product;
mod rates;
mod services;
mod sku;
pub mod status;
pub mod terms;
mod throttle;
mod to_proto;
mod visit;
mod wire;

use std::sync::Arc;

use digota_core::shop::Shop;
use digota_proto::DESCRIPTOR_SET;
use digota_proto::adminpb::admin_service_server::AdminServiceServer;
use digota_proto::eventpb::event_service_server::EventServiceServer;
use digota_proto::orderpb::order_service_server::OrderServiceServer;
use digota_proto::paymentpb::payment_service_server::PaymentServiceServer;
use digota_proto::productpb::product_service_server::ProductServiceServer;
use digota_proto::skupb::sku_service_server::SkuServiceServer;
use tokio_util::task::TaskTracker;

pub use crowd::{Connected, Crowd, Share};
pub use limits::{Limits, Rates};
pub use line::Line;
pub use services::Services;
pub use throttle::Throttle;
pub use wire::Reply;

/// The largest reply that is sent, in bytes.
pub const REPLY_MAX: usize = 16 * 1024 * 1024;

/// What every handler works with.
#[derive(Clone)]
pub struct Edge {
    /// The shop.
    pub shop: Arc<Shop>,
    /// Who may enter.
    pub doors: Arc<dyn gate::Doors>,
    /// Requests that move money, running on their own: they end even if nobody waits. Drained at shutdown.
    pub tasks: TaskTracker,
}

/// Every service, administration and reflection, behind the gate's back: a [`gate::GateLayer`] goes in front.
///
/// # Errors
/// Where the descriptors built into the binary can't be read: a broken build.
pub fn all_services(
    edge: Edge,
    node: Arc<dyn admin::Node>,
    limits: &Limits,
) -> Result<Services, tonic_reflection::server::Error> {
    // Names what is served here, and of reflection itself the version that answers.
    let reflection = |version: &str| {
        let services = access::services().into_iter();
        let named = services.filter(|name| !name.starts_with("grpc.reflection.") || name.contains(version));
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        named.fold(builder, |builder, name| builder.with_service_name(name))
    };
    let admin = AdminServiceServer::new(admin::Admin::new(Arc::new(edge.clone()), node))
        .max_decoding_message_size(limits.request_bytes_max)
        .max_encoding_message_size(REPLY_MAX);
    let shop = shop_services(edge, limits).with(admin);
    Ok(shop.with(reflection(".v1.").build_v1()?).with(reflection(".v1alpha.").build_v1alpha()?))
}

/// The shop's own services, behind the gate's back.
pub fn shop_services(edge: Edge, limits: &Limits) -> Services {
    let edge = Arc::new(edge);
    macro_rules! service {
        ($server:ident, $handler:path) => {
            $server::new($handler(Arc::clone(&edge)))
                .max_decoding_message_size(limits.request_bytes_max)
                .max_encoding_message_size(REPLY_MAX)
        };
    }
    Services::default()
        .with(service!(ProductServiceServer, product::Products))
        .with(service!(SkuServiceServer, sku::Skus))
        .with(service!(OrderServiceServer, order::Orders))
        .with(service!(PaymentServiceServer, payment::Payments))
        .with(service!(EventServiceServer, event::Events))
}
