//! What must exist before a flow can run: SKUs to read and to order, orders to pay. None of it is timed.

use std::future::Future;

use anyhow::{Context, Result};
use bytes::Bytes;
use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::paymentpb::Currency;
use digota_proto::productpb;
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::skupb::inventory::Type;
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::skupb::{self, Inventory};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use prost::Message;
use tonic::transport::Channel;

use crate::flow::{self, Flow, Messages, Reuse};

/// How many SKUs a flow spreads over.
const SKUS: usize = 1000;
/// More than any run sells.
const QUANTITY: i64 = 1_000_000_000;
/// What one SKU costs, in cents: an amount that means nothing special to the sandbox.
const PRICE: u64 = 1300;
/// Calls that prepare at once.
const AT_ONCE: usize = 128;

/// Makes what the flow needs on the server and returns the messages that it will send.
pub(crate) async fn prepare(flow: Flow, channels: &[Channel], orders_count: usize) -> Result<Messages> {
    let messages = match flow {
        Flow::Bare => return Ok(Messages::new(vec![], Reuse::Again)),
        Flow::SkuGet => skus(channels, SKUS).await?.iter().map(|id| flow::sku_get(id)).collect(),
        Flow::OrderNew => {
            let order = |id: &String| Bytes::from(flow::order(id).encode_to_vec());
            skus(channels, SKUS).await?.iter().map(order).collect()
        }
        Flow::OrderPay => payments(channels, SKUS, orders_count).await?,
        Flow::OrderPayHot => payments(channels, 1, orders_count).await?,
    };
    let once = matches!(flow, Flow::OrderPay | Flow::OrderPayHot);
    Ok(Messages::new(messages, if once { Reuse::Once } else { Reuse::Again }))
}

/// Creates orders over so many SKUs; returns the messages that pay them.
async fn payments(channels: &[Channel], skus_count: usize, orders_count: usize) -> Result<Vec<Bytes>> {
    let skus = &skus(channels, skus_count).await?;
    let create = async |index: usize| {
        let mut orders = OrderServiceClient::new(channels[index % channels.len()].clone());
        let order = orders.create(flow::order(&skus[index % skus.len()])).await.context("an order")?;
        Ok(flow::order_pay(&order.into_inner().id))
    };
    many(orders_count, create).await
}

/// Creates a product with so many SKUs; returns their ids.
async fn skus(channels: &[Channel], count: usize) -> Result<Vec<String>> {
    let mut products = ProductServiceClient::new(channels[0].clone());
    let product =
        productpb::NewRequest { name: "A load".to_owned(), active: true, ..productpb::NewRequest::default() };
    let product = &products.create(product).await.context("a product")?.into_inner().id;
    let create = async |index: usize| {
        let mut skus = SkuServiceClient::new(channels[index % channels.len()].clone());
        Ok(skus.create(sku(product, index)).await.context("a SKU")?.into_inner().id)
    };
    many(count, create).await
}

fn sku(product: &str, index: usize) -> skupb::NewRequest {
    skupb::NewRequest {
        name: format!("Load {index}"),
        currency: Currency::Usd.into(),
        active: true,
        price: PRICE,
        parent: product.to_owned(),
        image: "https://example.com/load.png".to_owned(),
        inventory: Some(Inventory {
            quantity: QUANTITY,
            r#type: Type::Finite.into(),
            ..Inventory::default()
        }),
        ..skupb::NewRequest::default()
    }
}

/// Makes many things, some at a time.
async fn many<T, F: Future<Output = Result<T>>>(count: usize, make: impl Fn(usize) -> F) -> Result<Vec<T>> {
    stream::iter(0..count).map(make).buffer_unordered(AT_ONCE).try_collect().await
}
