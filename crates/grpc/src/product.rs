//! `productpb.ProductService`.

use std::sync::Arc;

use digota_core::id::ProductId;
use digota_proto::productpb::product_service_server::ProductService;
use digota_proto::productpb::{
    DeleteRequest, Empty, GetRequest, ListRequest, NewRequest, Product, ProductList, UpdateRequest,
};
use tonic::{Request, Response, Status};

use crate::terms::reply;
use crate::{Edge, from_proto, to_proto};

pub(crate) struct Products(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl ProductService for Products {
    async fn create(&self, request: Request<NewRequest>) -> Result<Response<Product>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let details = from_proto::new_product(request.into_inner())?;
            let product = self.0.shop.new_product(details, &terms).await?;
            Ok(to_proto::product(product, Vec::new()))
        })
        .await
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Product>, Status> {
        reply(async {
            let id = ProductId(from_proto::required_id("id", &request.get_ref().id)?);
            let (product, skus) = self.0.shop.product(id).await?;
            Ok(to_proto::product(product, skus))
        })
        .await
    }

    async fn update(&self, request: Request<UpdateRequest>) -> Result<Response<Product>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let update = from_proto::update_product(request.into_inner())?;
            let shop = &self.0.shop;
            let product = shop
                .update_product(update.id, update.new, &update.fields, update.expected_version, &terms)
                .await?;
            Ok(to_proto::product(product, Vec::new()))
        })
        .await
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ProductList>, Status> {
        reply(async {
            let page = from_proto::products(request.into_inner())?;
            Ok(to_proto::products(self.0.shop.products(&page).await?).await)
        })
        .await
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<Empty>, Status> {
        reply(async {
            let terms = self.0.terms(&request)?;
            let (id, cascade) = from_proto::delete_product(request.get_ref())?;
            self.0.shop.delete_product(id, cascade, &terms).await?;
            Ok(Empty {})
        })
        .await
    }
}
