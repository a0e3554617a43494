//! Who follows the events through gRPC: keeps a log of its own, and goes on where it was, at the next node when one is gone.

use std::time::Duration;

use anyhow::{Context, Result};
use digota_oracle::books::Event;
use digota_proto::eventpb::event_service_client::EventServiceClient;
use digota_proto::eventpb::{self, WatchRequest};
use tokio::sync::watch;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::nodes::Known;

/// The pause before a stream that broke is asked for again.
const PAUSE: Duration = Duration::from_millis(20);

/// Follows through whatever node is up.
pub(crate) struct Follower {
    nodes: Known,
    /// The position at which it is done.
    until: watch::Receiver<Option<i64>>,
    followed: Followed,
    last: i64,
}

/// What was received, and over how many streams.
#[derive(Default)]
pub(crate) struct Followed {
    pub(crate) events: Vec<Event>,
    pub(crate) streams: usize,
}

impl Follower {
    /// Follows until the event at the position that will be told.
    pub(crate) fn new(nodes: Known, until: watch::Receiver<Option<i64>>) -> Follower {
        Follower { nodes, until, followed: Followed::default(), last: 0 }
    }

    pub(crate) async fn work(mut self) -> Result<Followed> {
        for turn in 0.. {
            if self.is_done() {
                break;
            }
            let (index, node) = {
                let nodes = self.nodes.borrow_and_update();
                let index = turn % nodes.len();
                (index, nodes[index].clone())
            };
            let mut nodes = self.nodes.clone();
            tokio::select! {
                broken = self.stream(node.channels[0].clone()) => broken?,
                // The old process is gone, whether or not its connection knows.
                Ok(_) = nodes.wait_for(|nodes| nodes[index].life != node.life) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(self.followed)
    }

    /// Receives until the stream breaks or everything has come.
    async fn stream(&mut self, channel: Channel) -> Result<()> {
        // Who follows may die before the last event is handled: then it comes once more.
        let after = if self.followed.streams % 2 == 1 { (self.last - 1).max(0) } else { self.last };
        let request = WatchRequest { after, ..WatchRequest::default() };
        let Ok(stream) = EventServiceClient::new(channel).watch(request).await else { return Ok(()) };
        let mut stream = stream.into_inner();
        self.followed.streams += 1;
        let mut until = self.until.clone();
        while !self.is_done() {
            tokio::select! {
                event = stream.message() => match event {
                    Ok(Some(event)) => self.receive(read(event)?),
                    Ok(None) | Err(_) => return Ok(()),
                },
                told = until.changed() => told.context("nobody says when to stop")?,
            }
        }
        Ok(())
    }

    fn receive(&mut self, event: Event) {
        self.last = self.last.max(event.position);
        self.followed.events.push(event);
    }

    fn is_done(&self) -> bool {
        self.until.borrow().is_some_and(|until| self.last >= until)
    }
}

fn read(event: eventpb::Event) -> Result<Event> {
    Ok(Event {
        position: event.position,
        id: Uuid::try_parse(&event.id).with_context(|| format!("an event without an id: {event:?}"))?,
        object: Uuid::try_parse(&event.object_id)
            .with_context(|| format!("an event of nothing: {event:?}"))?,
        name: event.r#type,
        kind: event.object_kind,
        version: event.object_version,
        at: event.created,
        body: event.body,
    })
}
