//! Rust names against paths on the wire: `create` calls `/…/New`, on both sides.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::productpb::product_service_server::{ProductService, ProductServiceServer};
use digota_proto::productpb::{self, Product, ProductList};
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::{orderpb, skupb};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Code, Request, Response, Status};

/// A transport that notes the paths asked for and serves none.
#[derive(Clone, Default)]
struct Paths(Arc<Mutex<Vec<String>>>);

impl Service<http::Request<Body>> for Paths {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.0.lock().expect("nobody panics here").push(request.uri().path().to_string());
        ready(Ok(Status::unimplemented("").into_http()))
    }
}

/// A shop that can do nothing but create.
struct OnlyCreates;

#[tonic::async_trait]
impl ProductService for OnlyCreates {
    async fn create(&self, request: Request<productpb::NewRequest>) -> Result<Response<Product>, Status> {
        Ok(Response::new(Product { name: request.into_inner().name, ..Default::default() }))
    }

    async fn get(&self, _: Request<productpb::GetRequest>) -> Result<Response<Product>, Status> {
        Err(Status::unimplemented("get"))
    }

    async fn update(&self, _: Request<productpb::UpdateRequest>) -> Result<Response<Product>, Status> {
        Err(Status::unimplemented("update"))
    }

    async fn list(&self, _: Request<productpb::ListRequest>) -> Result<Response<ProductList>, Status> {
        Err(Status::unimplemented("list"))
    }

    async fn delete(
        &self,
        _: Request<productpb::DeleteRequest>,
    ) -> Result<Response<productpb::Empty>, Status> {
        Err(Status::unimplemented("delete"))
    }
}

#[test]
fn create_calls_the_path_new() {
    let paths = Paths::default();
    let (product, sku, order) =
        (productpb::NewRequest::default(), skupb::NewRequest::default(), orderpb::NewRequest::default());
    let answers = [
        at_once(ProductServiceClient::new(paths.clone()).create(product)).unwrap_err(),
        at_once(SkuServiceClient::new(paths.clone()).create(sku)).unwrap_err(),
        at_once(OrderServiceClient::new(paths.clone()).create(order)).unwrap_err(),
    ];
    assert!(answers.iter().all(|status| status.code() == Code::Unimplemented), "{answers:?}");
    let expected = ["/productpb.ProductService/New", "/skupb.SkuService/New", "/orderpb.OrderService/New"];
    assert_eq!(*paths.0.lock().unwrap(), expected);
}

#[test]
fn the_path_new_reaches_create() {
    let mut client = ProductServiceClient::new(ProductServiceServer::new(OnlyCreates));
    let request = productpb::NewRequest { name: "Ticket".into(), ..Default::default() };
    let product = at_once(client.create(request)).expect("created").into_inner();
    assert_eq!(product.name, "Ticket");
    let other = at_once(client.get(productpb::GetRequest::default())).unwrap_err();
    assert_eq!((other.code(), other.message()), (Code::Unimplemented, "get"));
}

/// The result of a future that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an in-process call does not wait"),
    }
}
