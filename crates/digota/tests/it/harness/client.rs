//! A client: every service over one connection, and what tests ask for most.

use digota_proto::adminpb::admin_service_client::AdminServiceClient;
use digota_proto::eventpb::event_service_client::EventServiceClient;
use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::orderpb::{self, Order, OrderItem, PayRequest, ReturnRequest};
use digota_proto::paymentpb::payment_service_client::PaymentServiceClient;
use digota_proto::paymentpb::{self, Charge, ChargeRequest, Currency, PaymentProviderId};
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::productpb::{self, Product};
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::skupb::{self, Sku};
use tonic::Status;
use tonic::transport::Channel;

use super::nouns::{card, finite, payment, sku_line};

/// What a SKU costs if a test does not care.
pub(crate) const PRICE: u64 = 4726;

/// A connected client. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Client {
    /// The connection.
    pub(crate) channel: Channel,
}

impl Client {
    /// Over this connection.
    pub(crate) fn new(channel: Channel) -> Client {
        Client { channel }
    }

    pub(crate) fn products(&self) -> ProductServiceClient<Channel> {
        ProductServiceClient::new(self.channel.clone())
    }

    pub(crate) fn skus(&self) -> SkuServiceClient<Channel> {
        SkuServiceClient::new(self.channel.clone())
    }

    pub(crate) fn orders(&self) -> OrderServiceClient<Channel> {
        OrderServiceClient::new(self.channel.clone())
    }

    pub(crate) fn payments(&self) -> PaymentServiceClient<Channel> {
        PaymentServiceClient::new(self.channel.clone())
    }

    pub(crate) fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone())
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    /// What a product is made of if a test does not care.
    pub(crate) fn some_product() -> productpb::NewRequest {
        productpb::NewRequest {
            name: "Football ticket".into(),
            active: true,
            attributes: vec!["stand".into()],
            ..productpb::NewRequest::default()
        }
    }

    /// What a SKU of a product is made of if a test does not care.
    pub(crate) fn some_sku(product: &Product, quantity: i64) -> skupb::NewRequest {
        skupb::NewRequest {
            name: "North stand".into(),
            currency: Currency::Usd.into(),
            active: true,
            price: PRICE,
            parent: product.id.clone(),
            inventory: finite(quantity),
            ..skupb::NewRequest::default()
        }
    }

    /// What an order of these lines is made of if a test does not care.
    pub(crate) fn some_order(items: Vec<OrderItem>) -> orderpb::NewRequest {
        orderpb::NewRequest { currency: Currency::Usd.into(), items, ..orderpb::NewRequest::default() }
    }

    /// A new active product.
    pub(crate) async fn product(&self) -> Product {
        self.products().create(Client::some_product()).await.unwrap().into_inner()
    }

    /// A new SKU of a product of its own, with so many in stock.
    pub(crate) async fn sku(&self, quantity: i64) -> Sku {
        let product = self.product().await;
        self.skus().create(Client::some_sku(&product, quantity)).await.unwrap().into_inner()
    }

    /// A new SKU with an endless stock, at this price.
    pub(crate) async fn sku_at(&self, price: u64) -> Sku {
        let product = self.product().await;
        let new = skupb::NewRequest {
            price,
            inventory: Some(skupb::Inventory::default()),
            ..Client::some_sku(&product, 0)
        };
        self.skus().create(new).await.unwrap().into_inner()
    }

    /// A new order of so many pieces.
    pub(crate) async fn order(&self, sku: &Sku, quantity: i64) -> Order {
        self.order_of(vec![sku_line(sku, quantity)]).await.unwrap()
    }

    /// A new order of these lines.
    pub(crate) async fn order_of(&self, items: Vec<OrderItem>) -> Result<Order, Status> {
        Ok(self.orders().create(Client::some_order(items)).await?.into_inner())
    }

    /// Pays with a card that works.
    pub(crate) async fn pay(&self, order: &Order) -> Result<Order, Status> {
        self.pay_by(payment(order)).await
    }

    /// Pays as the request says.
    pub(crate) async fn pay_by(&self, request: PayRequest) -> Result<Order, Status> {
        Ok(self.orders().pay(request).await?.into_inner())
    }

    /// A new order of so many pieces, paid.
    pub(crate) async fn paid(&self, sku: &Sku, quantity: i64) -> Order {
        let order = self.order(sku, quantity).await;
        self.pay(&order).await.unwrap()
    }

    /// Returns what is left of an order.
    pub(crate) async fn give_back(&self, order: &Order) -> Result<Order, Status> {
        self.return_by(ReturnRequest { id: order.id.clone(), ..ReturnRequest::default() }).await
    }

    /// Returns as the request says.
    pub(crate) async fn return_by(&self, request: ReturnRequest) -> Result<Order, Status> {
        Ok(self.orders().r#return(request).await?.into_inner())
    }

    /// An order as it is now.
    pub(crate) async fn read_order(&self, id: &str) -> Order {
        self.orders().get(orderpb::GetRequest { id: id.to_owned() }).await.unwrap().into_inner()
    }

    /// A SKU as it is now.
    pub(crate) async fn read_sku(&self, id: &str) -> Sku {
        self.skus().get(skupb::GetRequest { id: id.to_owned() }).await.unwrap().into_inner()
    }

    /// A product as it is now.
    pub(crate) async fn read_product(&self, id: &str) -> Product {
        self.products().get(productpb::GetRequest { id: id.to_owned() }).await.unwrap().into_inner()
    }

    /// A charge as it is now.
    pub(crate) async fn read_charge(&self, id: &str) -> Charge {
        self.payments().get(paymentpb::GetRequest { id: id.to_owned() }).await.unwrap().into_inner()
    }

    /// How many pieces can be sold now.
    pub(crate) async fn stock(&self, sku: &Sku) -> i64 {
        self.read_sku(&sku.id).await.inventory.unwrap().quantity
    }

    /// A charge of its own to make, with a card that works.
    pub(crate) fn some_charge(total: u64) -> ChargeRequest {
        ChargeRequest {
            currency: Currency::Usd.into(),
            total,
            card: Some(card("4242424242424242")),
            email: "ada@example.com".into(),
            statement: "Tickets".into(),
            payment_provider_id: PaymentProviderId::Sandbox.into(),
            ..ChargeRequest::default()
        }
    }

    /// A charge of its own, made.
    pub(crate) async fn charge(&self, request: ChargeRequest) -> Result<Charge, Status> {
        Ok(self.payments().new_charge(request).await?.into_inner())
    }

    /// Gives back so much of a charge; 0 for what is left.
    pub(crate) async fn refund(&self, id: &str, amount: u64) -> Result<Charge, Status> {
        let request = paymentpb::RefundRequest { id: id.to_owned(), amount, ..Default::default() };
        Ok(self.payments().refund_charge(request).await?.into_inner())
    }

    /// Every charge there is.
    pub(crate) async fn all_charges(&self) -> Vec<Charge> {
        self.payments().list(paymentpb::ListRequest::default()).await.unwrap().into_inner().charges
    }
}
