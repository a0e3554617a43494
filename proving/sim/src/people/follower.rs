//! Somebody who follows the events: through whichever node serves, from the last position that was received.

use std::sync::Arc;

use digota_oracle::books::Event;
use digota_proto::eventpb::event_service_client::EventServiceClient;
use digota_proto::eventpb::{self, WatchRequest};
use tonic::{Request, Streaming};

use super::{People, id};
use crate::node::{Caller, Service};
use crate::plan::Peer;
use crate::stage::{Connection, Stage};
use crate::world::{MS, Micros, World};

/// How long an event is on its way.
const SPAN: (Micros, Micros) = (200, 20 * MS);

/// How long a follower waits before it turns to another node.
const PAUSE: Micros = 300 * MS;

impl People {
    /// Follows the events for ever.
    pub(super) async fn follow(self: Arc<Self>) {
        let stage = &self.stage;
        for turn in 0.. {
            let place = turn % stage.setup.nodes;
            if let Some(node) = stage.node(place).filter(|_| !stage.is_cut(place, Peer::Clients)) {
                let (over, ended) = stage.world.mail(stage.clients);
                let after = self.known().followed.last().map_or(0, |event| event.position);
                let connection = stage.connections().open(node.process, over);
                let watch = Watch { people: Arc::clone(&self), place, connection };
                stage.world.spawn(node.process, watch.serve(node.service.clone(), after));
                // However it ends: somebody else will tell the rest.
                let _ = ended.or_lost().await;
                stage.world.count("followers sent away");
            }
            stage.world.letter(stage.clients, PAUSE, ()).await;
        }
    }

    /// An event arrives, if it is the next one on this connection.
    fn receive(&self, event: eventpb::Event) {
        let event = Event {
            position: event.position,
            id: id(&event.id).unwrap_or_default(),
            name: event.r#type,
            kind: event.object_kind,
            object: id(&event.object_id).unwrap_or_default(),
            version: event.object_version,
            at: event.created,
            body: event.body,
        };
        self.known().followed.push(event);
    }

    /// Whether whoever follows has everything that there is.
    pub fn has_followed(&self, last: i64) -> bool {
        !self.stage.setup.follower || self.known().followed.iter().any(|event| event.position >= last)
    }
}

/// A stream of events, at the node's end.
struct Watch {
    people: Arc<People>,
    place: usize,
    connection: Connection<()>,
}

impl Watch {
    async fn serve(self, service: Service, after: i64) {
        let mut request = Request::new(WatchRequest { after, ..WatchRequest::default() });
        request.extensions_mut().insert(Caller("follower".to_owned()));
        if let Ok(stream) = EventServiceClient::new(service).watch(request).await {
            self.pass_on(stream.into_inner()).await;
        }
        // By being dropped it tells the follower that the stream is over.
        let over = self.people.stage.connections().close(&self.connection);
        drop(over);
    }

    async fn pass_on(&self, mut stream: Streaming<eventpb::Event>) {
        let stage: &Stage = &self.people.stage;
        let world: &World = &stage.world;
        // What is sent on one connection arrives in order.
        let mut arrives = world.now();
        while let Ok(Some(event)) = stream.message().await {
            if stage.is_cut(self.place, Peer::Clients) {
                return;
            }
            arrives = arrives.max(world.now() + world.span(SPAN.0, SPAN.1));
            let people = Arc::clone(&self.people);
            world.after(arrives - world.now(), move |_| people.receive(event));
        }
    }
}
