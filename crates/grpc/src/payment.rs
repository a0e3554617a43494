//! `paymentpb.PaymentService`.

use std::sync::Arc;

use digota_core::Error;
use digota_core::id::ChargeId;
use digota_core::payment;
use digota_core::shop::Terms;
use digota_proto::paymentpb::payment_service_server::PaymentService;
use digota_proto::paymentpb::{
    CaptureRequest, Charge, ChargeList, ChargeRequest, GetRequest, ListRequest, RefundRequest, VoidRequest,
};
use tonic::{Request, Response, Status};

use crate::terms::reply;
use crate::{Edge, from_proto, to_proto};

pub(crate) struct Payments(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl PaymentService for Payments {
    async fn new_charge(&self, request: Request<ChargeRequest>) -> Result<Response<Charge>, Status> {
        reply(async {
            let allow_pending = request.get_ref().allow_pending;
            let terms = Terms { allow_pending, ..self.0.terms(&request)? };
            let new = from_proto::new_charge(request.into_inner())?;
            let run = self.0.detached(terms, |shop, terms| async move { shop.new_charge(new, &terms).await });
            self.settled(allow_pending, run.await).await
        })
        .await
    }

    /// The manual's name for NewCharge.
    async fn charge(&self, request: Request<ChargeRequest>) -> Result<Response<Charge>, Status> {
        self.new_charge(request).await
    }

    async fn refund_charge(&self, request: Request<RefundRequest>) -> Result<Response<Charge>, Status> {
        reply(async {
            let allow_pending = request.get_ref().allow_pending;
            let terms = Terms { allow_pending, ..self.0.terms(&request)? };
            let refund = from_proto::refund(request.get_ref())?;
            let run =
                self.0.detached(terms, |shop, terms| async move { shop.refund_charge(refund, &terms).await });
            self.settled(allow_pending, run.await).await
        })
        .await
    }

    /// The manual's name for RefundCharge.
    async fn refund(&self, request: Request<RefundRequest>) -> Result<Response<Charge>, Status> {
        self.refund_charge(request).await
    }

    async fn capture(&self, request: Request<CaptureRequest>) -> Result<Response<Charge>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let (id, amount, version) = from_proto::capture(request.get_ref())?;
            let run = self.0.detached(terms, move |shop, terms| async move {
                shop.capture_charge(id, amount, version, &terms).await
            });
            self.settled(false, run.await).await
        })
        .await
    }

    async fn void(&self, request: Request<VoidRequest>) -> Result<Response<Charge>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let (id, version) = from_proto::void(request.get_ref())?;
            let run = self.0.detached(terms, move |shop, terms| async move {
                shop.void_charge(id, version, &terms).await
            });
            self.settled(false, run.await).await
        })
        .await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Charge>, Status> {
        reply(async {
            let id = ChargeId(from_proto::required_id("id", &request.get_ref().id)?);
            Ok(to_proto::charge(self.0.shop.charge(id).await?))
        })
        .await
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ChargeList>, Status> {
        reply(async {
            let page = from_proto::charges(request.into_inner())?;
            Ok(to_proto::charges(self.0.shop.charges(&page).await?).await)
        })
        .await
    }
}

impl Payments {
    /// The reply to a request that moves money. A caller who allows a pending charge gets it, where others are told that there
    /// is no answer yet.
    async fn settled(
        &self,
        allow_pending: bool,
        result: digota_core::Result<payment::Charge>,
    ) -> digota_core::Result<Charge> {
        match result {
            Err(Error::Pending { charge: Some(charge) }) if allow_pending => {
                Ok(to_proto::charge(self.0.shop.charge(charge).await?))
            }
            result => result.map(to_proto::charge),
        }
    }
}
