//! `eventpb.EventService`: committed changes, from a position on.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use digota_core::Error;
use digota_core::error::Result;
use digota_core::event::Event as Happened;
use digota_core::text::Violations;
use digota_proto::eventpb::event_service_server::EventService;
use digota_proto::eventpb::{Event, WatchRequest};
use futures_util::stream::{self, Stream};
use tonic::{Request, Response, Status};

use crate::{Edge, status};

/// How long to wait before looking for new events again.
const POLL: Duration = Duration::from_millis(100);

/// How many events are read at once.
const BATCH: u32 = 256;

pub(crate) struct Events(pub(crate) Arc<Edge>);

#[tonic::async_trait]
impl EventService for Events {
    type WatchStream = Pin<Box<dyn Stream<Item = std::result::Result<Event, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> std::result::Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        let after = self.start(&request).await.map_err(status::of)?;
        let follower = Follower {
            edge: Arc::clone(&self.0),
            after,
            types: request.types,
            ready: Vec::new().into_iter(),
        };
        Ok(Response::new(Box::pin(stream::try_unfold(follower, Follower::next))))
    }
}

impl Events {
    async fn start(&self, request: &WatchRequest) -> Result<u64> {
        let mut all = Violations::new();
        all.check(request.after >= 0, "after", "must be 0 (from the beginning) or a position");
        all.check(request.types.len() <= 50, "types", "has more than 50 entries");
        all.check(!request.only_new || request.after == 0, "only_new", "goes without after");
        all.end()?;
        if request.only_new {
            return self.0.shop.last_event().await;
        }
        let after = u64::try_from(request.after)
            .map_err(|_| Error::internal("a position out of range passed its check"))?;
        self.0.shop.check_position(after).await?;
        Ok(after)
    }
}

/// Follows the events for one caller.
struct Follower {
    edge: Arc<Edge>,
    after: u64,
    types: Vec<String>,
    ready: std::vec::IntoIter<(u64, Happened)>,
}

impl Follower {
    async fn next(mut self) -> std::result::Result<Option<(Event, Follower)>, Status> {
        loop {
            while let Some((position, event)) = self.ready.next() {
                self.after = position;
                if self.types.is_empty() || self.types.contains(&event.name) {
                    return Ok(Some((to_proto(position, event), self)));
                }
            }
            let more = self.edge.shop.store().events(self.after, BATCH).await.map_err(Error::from);
            self.ready = more.map_err(status::of)?.into_iter();
            if self.ready.len() == 0 {
                self.edge.shop.clock().sleep(POLL).await;
            }
        }
    }
}

fn to_proto(position: u64, event: Happened) -> Event {
    Event {
        position: i64::try_from(position).unwrap_or(i64::MAX),
        id: event.id.to_string(),
        r#type: event.name,
        object_kind: event.kind.name().to_owned(),
        object_id: event.object.to_string(),
        object_version: i64::try_from(event.version).unwrap_or(i64::MAX),
        created: event.at.0,
        body: event.body,
    }
}
