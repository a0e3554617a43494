//! `adminpb.AdminService`: what an operator asks of a running node.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use digota_core::access::Principal;
use digota_core::error::{Error, Result};
use digota_core::id::AttemptId;
use digota_core::time::Timestamp;
use digota_proto::adminpb::admin_service_server::AdminService;
use digota_proto::adminpb::{
    BackupChunk, BackupRequest, GetPaymentRequest, ListPaymentsRequest, Payment, PaymentList, SettleRequest,
    StatsReply, StatsRequest,
};
use futures_util::stream::{self, Stream};
use http::Extensions;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tonic::{Request, Response, Status};

use crate::terms::reply;
use crate::{Edge, from_proto, status, to_proto};

/// What the operator asks of the process, not of the shop.
#[async_trait]
pub trait Node: Send + Sync {
    /// What this node is.
    fn about(&self) -> About;

    /// A copy of the store as of now.
    ///
    /// # Errors
    /// Where the store is none that can be copied here, or the copy can't be made.
    async fn copy(&self) -> Result<Copy>;
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its version, as `digota --version` prints it.
    pub version: String,
    /// When it was started.
    pub started: Timestamp,
    /// The storage handler.
    pub storage: String,
}

/// A copy of the store.
pub struct Copy {
    /// How long it is, in bytes.
    pub size: u64,
    /// Its bytes. It goes when they are dropped.
    pub bytes: Pin<Box<dyn AsyncRead + Send>>,
}

/// How much of a copy is sent at a time, in bytes.
const CHUNK: usize = 256 * 1024;

pub(crate) struct Admin {
    edge: Arc<Edge>,
    node: Arc<dyn Node>,
    /// Held while a copy is made and sent: each takes as much room on the disk as the store.
    copying: Arc<Mutex<()>>,
}

impl Admin {
    pub(crate) fn new(edge: Arc<Edge>, node: Arc<dyn Node>) -> Admin {
        Admin { edge, node, copying: Arc::default() }
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    type BackupStream = Pin<Box<dyn Stream<Item = std::result::Result<BackupChunk, Status>> + Send>>;

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> std::result::Result<Response<PaymentList>, Status> {
        reply(async {
            let (view, limit, cursor) = from_proto::payments(request.into_inner())?;
            let (attempts, next_cursor) = self.edge.shop.payments(view, limit, &cursor).await?;
            Ok(PaymentList { payments: attempts.into_iter().map(to_proto::payment).collect(), next_cursor })
        })
        .await
    }

    async fn get_payment(
        &self,
        request: Request<GetPaymentRequest>,
    ) -> std::result::Result<Response<Payment>, Status> {
        reply(async {
            let id = AttemptId(from_proto::required_id("id", &request.get_ref().id)?);
            Ok(to_proto::payment(self.edge.shop.payment(id).await?))
        })
        .await
    }

    async fn settle(
        &self,
        request: Request<SettleRequest>,
    ) -> std::result::Result<Response<Payment>, Status> {
        reply(async {
            let terms = self.edge.deadline(request.metadata())?;
            let by = caller(request.extensions())?.name.clone();
            let settle = from_proto::settle(request.into_inner(), by)?;
            let run = self.edge.detached(terms, |shop, _| async move { shop.settle_payment(&settle).await });
            Ok(to_proto::payment(run.await?))
        })
        .await
    }

    async fn stats(&self, _: Request<StatsRequest>) -> std::result::Result<Response<StatsReply>, Status> {
        reply(async { Ok(to_proto::stats(self.edge.shop.stats().await?, self.node.about())) }).await
    }

    async fn backup(
        &self,
        _: Request<BackupRequest>,
    ) -> std::result::Result<Response<Self::BackupStream>, Status> {
        let turn = Arc::clone(&self.copying).try_lock_owned().map_err(|_| status::of(busy()))?;
        let copy = self.node.copy().await.map_err(status::of)?;
        tracing::info!(bytes = copy.size, "a backup is being sent");
        let sending = Sending { copy, sent: 0, _turn: turn };
        Ok(Response::new(Box::pin(stream::try_unfold(sending, Sending::next))))
    }
}

/// A copy on its way to the operator.
struct Sending {
    copy: Copy,
    sent: u64,
    _turn: OwnedMutexGuard<()>,
}

impl Sending {
    async fn next(mut self) -> std::result::Result<Option<(BackupChunk, Sending)>, Status> {
        let mut data = Vec::with_capacity(CHUNK);
        let read = (&mut self.copy.bytes).take(CHUNK as u64).read_to_end(&mut data).await;
        read.map_err(|error| status::bug(&format!("a backup can't be read: {error}")))?;
        self.sent += data.len() as u64;
        if data.is_empty() && self.sent == self.copy.size {
            return Ok(None);
        }
        if data.is_empty() {
            return Err(status::bug("a backup ended before its end"));
        }
        let size = i64::try_from(self.copy.size).unwrap_or(i64::MAX);
        Ok(Some((BackupChunk { data, size }, self)))
    }
}

fn busy() -> Error {
    Error::Busy { what: "the backup".into(), retry_after: std::time::Duration::from_secs(10) }
}

fn caller(extensions: &Extensions) -> Result<&Arc<Principal>> {
    extensions.get::<Arc<Principal>>().ok_or_else(|| Error::internal("a request passed no gate"))
}
