//! `skupb.SkuService`.

use std::sync::Arc;

use digota_core::id::SkuId;
use digota_proto::skupb::sku_service_server::SkuService;
use digota_proto::skupb::{
    AdjustInventoryRequest, DeleteRequest, Empty, GetRequest, ListRequest, NewRequest, Sku, SkuList,
    UpdateRequest,
};
use tonic::{Request, Response, Status};

use crate::terms::reply;
use crate::{Edge, from_proto, to_proto};

pub(crate) struct Skus(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl SkuService for Skus {
    async fn create(&self, request: Request<NewRequest>) -> Result<Response<Sku>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let (details, quantity) = from_proto::new_sku(request.into_inner())?;
            Ok(to_proto::sku(self.0.shop.new_sku(details, quantity, &terms).await?))
        })
        .await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Sku>, Status> {
        reply(async {
            let id = SkuId(from_proto::required_id("id", &request.get_ref().id)?);
            Ok(to_proto::sku(self.0.shop.sku(id).await?))
        })
        .await
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<Sku>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let update = from_proto::update_sku(request.into_inner())?;
            let shop = &self.0.shop;
            let sku = shop.update_sku(update.id, update.change, update.expected_version, &terms).await?;
            Ok(to_proto::sku(sku))
        })
        .await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<Empty>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let id = SkuId(from_proto::required_id("id", &request.get_ref().id)?);
            self.0.shop.delete_sku(id, &terms).await?;
            Ok(Empty {})
        })
        .await
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<SkuList>, Status> {
        reply(async {
            let page = from_proto::skus(request.into_inner())?;
            Ok(to_proto::skus(self.0.shop.skus(&page).await?).await)
        })
        .await
    }

    async fn adjust_inventory(
        &self,
        request: Request<AdjustInventoryRequest>,
    ) -> Result<Response<Sku>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let by = from_proto::adjust_inventory(request.into_inner())?;
            let shop = &self.0.shop;
            let sku = shop.adjust_inventory(by.id, by.delta, &by.reason, by.expected_version, &terms).await?;
            Ok(to_proto::sku(sku))
        })
        .await
    }
}
