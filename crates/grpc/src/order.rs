//! `orderpb.OrderService`.

use std::sync::Arc;

use digota_core::Error;
use digota_core::id::OrderId;
use digota_core::shop::{Paid, Terms};
use digota_proto::orderpb::order_service_server::OrderService;
use digota_proto::orderpb::{
    CancelRequest, FulfillRequest, GetRequest, ListRequest, NewRequest, Order, OrderList, PayRequest,
    ReturnRequest,
};
use tonic::{Request, Response, Status};

use crate::terms::reply;
use crate::{Edge, from_proto, to_proto};

pub(crate) struct Orders(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl OrderService for Orders {
    async fn create(&self, request: Request<NewRequest>) -> Result<Response<Order>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let draft = from_proto::new_order(request.into_inner())?;
            Ok(to_proto::order(self.0.shop.new_order(draft, &terms).await?, None))
        })
        .await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        reply(async {
            let id = OrderId(from_proto::required_id("id", &request.get_ref().id)?);
            let (order, pending) = self.0.shop.order(id).await?;
            Ok(to_proto::order(order, pending))
        })
        .await
    }

    async fn pay(&self, request: Request<PayRequest>) -> Result<Response<Order>, Status> {
        reply(async {
            let allow_pending = request.get_ref().allow_pending;
            let terms = Terms { allow_pending, ..self.0.terms(&request)? };
            let pay = from_proto::pay(request.into_inner())?;
            let id = pay.order;
            let run = self.0.detached(terms, |shop, terms| async move { shop.pay(pay, &terms).await });
            self.settled(id, allow_pending, run.await).await
        })
        .await
    }

    async fn r#return(&self, request: Request<ReturnRequest>) -> Result<Response<Order>, Status> {
        reply(async {
            let allow_pending = request.get_ref().allow_pending;
            let terms = Terms { allow_pending, ..self.0.terms(&request)? };
            let back = from_proto::return_order(request.into_inner())?;
            let id = back.order;
            let run =
                self.0.detached(terms, |shop, terms| async move { shop.return_order(back, &terms).await });
            self.settled(id, allow_pending, run.await).await
        })
        .await
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<OrderList>, Status> {
        reply(async {
            let page = from_proto::orders(request.into_inner())?;
            Ok(to_proto::orders(self.0.shop.orders(&page).await?).await)
        })
        .await
    }

    async fn fulfill(&self, request: Request<FulfillRequest>) -> Result<Response<Order>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let (id, expected_version) = from_proto::fulfill(request.get_ref())?;
            let FulfillRequest { carrier, tracking_number, .. } = request.get_ref();
            let shop = &self.0.shop;
            let order = shop.fulfill_order(id, carrier, tracking_number, expected_version, &terms).await?;
            Ok(to_proto::order(order, None))
        })
        .await
    }

    async fn cancel(&self, request: Request<CancelRequest>) -> Result<Response<Order>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let (id, expected_version) = from_proto::cancel(request.get_ref())?;
            let shop = &self.0.shop;
            let order = shop.cancel_order(id, &request.get_ref().reason, expected_version, &terms).await?;
            Ok(to_proto::order(order, None))
        })
        .await
    }
}

impl Orders {
    /// The reply to a request that moves money. A caller who allows a pending charge gets the order with it, where others are
    /// told that there is no answer yet.
    async fn settled(
        &self,
        id: OrderId,
        allow_pending: bool,
        result: digota_core::Result<Paid>,
    ) -> digota_core::Result<Order> {
        match result {
            Err(Error::Pending { charge: Some(charge) }) if allow_pending => {
                let (order, _) = self.0.shop.order(id).await?;
                Ok(to_proto::order(order, Some(self.0.shop.charge(charge).await?)))
            }
            result => result.map(|paid| to_proto::order(paid.order, paid.pending)),
        }
    }
}
