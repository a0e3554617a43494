//! Requests, as clients generated from the protos send them.

use std::time::Duration;

use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::paymentpb::charge::Status;
use digota_proto::paymentpb::payment_service_client::PaymentServiceClient;
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::{orderpb, paymentpb, productpb, skupb};
use tonic::Request;

use crate::node::{Caller, Service};

/// A request.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is named after its rpc")]
pub enum Ask {
    NewProduct(productpb::NewRequest),
    NewSku(skupb::NewRequest),
    Adjust(skupb::AdjustInventoryRequest),
    NewOrder(orderpb::NewRequest),
    Order(orderpb::GetRequest),
    Orders(orderpb::ListRequest),
    Pay(orderpb::PayRequest),
    Return(orderpb::ReturnRequest),
    Cancel(orderpb::CancelRequest),
    Fulfill(orderpb::FulfillRequest),
    Charge(paymentpb::ChargeRequest),
    GetCharge(paymentpb::GetRequest),
    Charges(paymentpb::ListRequest),
    Refund(paymentpb::RefundRequest),
    Capture(paymentpb::CaptureRequest),
    Void(paymentpb::VoidRequest),
    Sku(skupb::GetRequest),
}

/// What comes back.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each is named after its message")]
pub enum Told {
    Product(Box<productpb::Product>),
    Sku(Box<skupb::Sku>),
    Order(Box<orderpb::Order>),
    Orders(Vec<orderpb::Order>),
    Charge(Box<paymentpb::Charge>),
    Charges(Vec<paymentpb::Charge>),
}

impl Told {
    /// Whether it tells what has happened for good, and not that something is under way.
    pub fn is_final(&self) -> bool {
        match self {
            Told::Order(order) => order.pending_charge.is_none(),
            Told::Charge(charge) => !matches!(charge.status(), Status::Pending | Status::RequiresAction),
            _ => true,
        }
    }
}

/// What goes with a request.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Who asks.
    pub caller: String,
    /// The idempotency key, if there is one.
    pub key: Option<String>,
    /// How long an answer is waited for.
    pub deadline: Duration,
}

impl Ask {
    /// The rpc's path.
    pub fn method(&self) -> &'static str {
        match self {
            Ask::NewProduct(_) => "/productpb.ProductService/New",
            Ask::NewSku(_) => "/skupb.SkuService/New",
            Ask::Adjust(_) => "/skupb.SkuService/AdjustInventory",
            Ask::Sku(_) => "/skupb.SkuService/Get",
            Ask::NewOrder(_) => "/orderpb.OrderService/New",
            Ask::Order(_) => "/orderpb.OrderService/Get",
            Ask::Orders(_) => "/orderpb.OrderService/List",
            Ask::Pay(_) => "/orderpb.OrderService/Pay",
            Ask::Return(_) => "/orderpb.OrderService/Return",
            Ask::Cancel(_) => "/orderpb.OrderService/Cancel",
            Ask::Fulfill(_) => "/orderpb.OrderService/Fulfill",
            Ask::Charge(_) => "/paymentpb.PaymentService/NewCharge",
            Ask::GetCharge(_) => "/paymentpb.PaymentService/Get",
            Ask::Charges(_) => "/paymentpb.PaymentService/List",
            Ask::Refund(_) => "/paymentpb.PaymentService/RefundCharge",
            Ask::Capture(_) => "/paymentpb.PaymentService/Capture",
            Ask::Void(_) => "/paymentpb.PaymentService/Void",
        }
    }

    /// Has a node answer, in its own process.
    pub async fn serve(self, service: Service, terms: Terms) -> Result<Told, tonic::Status> {
        macro_rules! call {
            ($client:ident.$method:ident($message:expr)) => {
                $client::new(service).$method(request($message, &terms)?).await?.into_inner()
            };
        }
        Ok(match self {
            Ask::NewProduct(m) => Told::Product(Box::new(call!(ProductServiceClient.create(m)))),
            Ask::NewSku(m) => Told::Sku(Box::new(call!(SkuServiceClient.create(m)))),
            Ask::Adjust(m) => Told::Sku(Box::new(call!(SkuServiceClient.adjust_inventory(m)))),
            Ask::Sku(m) => Told::Sku(Box::new(call!(SkuServiceClient.get(m)))),
            Ask::NewOrder(m) => Told::Order(Box::new(call!(OrderServiceClient.create(m)))),
            Ask::Order(m) => Told::Order(Box::new(call!(OrderServiceClient.get(m)))),
            Ask::Orders(m) => Told::Orders(call!(OrderServiceClient.list(m)).orders),
            Ask::Pay(m) => Told::Order(Box::new(call!(OrderServiceClient.pay(m)))),
            Ask::Return(m) => Told::Order(Box::new(call!(OrderServiceClient.r#return(m)))),
            Ask::Cancel(m) => Told::Order(Box::new(call!(OrderServiceClient.cancel(m)))),
            Ask::Fulfill(m) => Told::Order(Box::new(call!(OrderServiceClient.fulfill(m)))),
            Ask::Charge(m) => Told::Charge(Box::new(call!(PaymentServiceClient.new_charge(m)))),
            Ask::GetCharge(m) => Told::Charge(Box::new(call!(PaymentServiceClient.get(m)))),
            Ask::Charges(m) => Told::Charges(call!(PaymentServiceClient.list(m)).charges),
            Ask::Refund(m) => Told::Charge(Box::new(call!(PaymentServiceClient.refund_charge(m)))),
            Ask::Capture(m) => Told::Charge(Box::new(call!(PaymentServiceClient.capture(m)))),
            Ask::Void(m) => Told::Charge(Box::new(call!(PaymentServiceClient.void(m)))),
        })
    }
}

fn request<T>(message: T, terms: &Terms) -> Result<Request<T>, tonic::Status> {
    let mut request = Request::new(message);
    if let Some(key) = &terms.key {
        let key = key.parse().map_err(|_| tonic::Status::invalid_argument("the key fits in no header"))?;
        request.metadata_mut().insert("idempotency-key", key);
    }
    request.set_timeout(terms.deadline);
    request.extensions_mut().insert(Caller(terms.caller.clone()));
    Ok(request)
}
