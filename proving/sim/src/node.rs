//! A digota process: the shop, its edge behind the gate, its janitor.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use digota_core::access::{Principal, Scope};
use digota_core::port::Clock;
use digota_core::shop::{Policy, Shop};
use digota_grpc::gate::{Doors, Gate, GateLayer, Stranger};
use digota_grpc::{Crowd, Edge, Limits, Services};
use futures_util::FutureExt;
use http::Extensions;
use tokio_util::task::TaskTracker;

use crate::outside::{Line, NodeClock};
use crate::stage::Stage;
use crate::world::ProcessId;

/// Everything that a node serves, without a socket.
pub type Service = Gate<Services>;

/// A node that lives, or lived.
pub struct Node {
    /// Its process.
    pub process: ProcessId,
    /// What it serves.
    pub service: Service,
}

/// After how many of the janitor's rounds old keys and operation ids are dropped.
const PURGE_EVERY: u32 = 40;

impl Node {
    /// Starts a node in this place.
    pub fn start(stage: &Arc<Stage>, place: usize) -> Node {
        let process = stage.world.start();
        stage.world.count("starts");
        let line = Line::new(stage, place, process);
        let shop = Arc::new(Shop::new(line.ports(), Policy::default()));
        let doors: Arc<dyn Doors> = Arc::new(Open);
        let edge = Edge { shop: Arc::clone(&shop), doors: Arc::clone(&doors), tasks: TaskTracker::new() };
        let limits = Limits::default();
        let services = digota_grpc::shop_services(edge, &limits);
        let crowd = Crowd::new(limits, Arc::clone(shop.clock()));
        let connection = Arc::new(digota_grpc::Line::new(crowd.anybodys_share()));
        let service = GateLayer::new(doors, crowd).layer(services, connection);
        stage.world.spawn(process, look_after(shop, line));
        Node { process, service }
    }
}

/// The janitor's day, as a server spends it.
async fn look_after(shop: Arc<Shop>, line: Line) {
    let stage = Arc::clone(&line.stage);
    let day = async {
        let clock = NodeClock(line);
        let _ = shop.adopt_orphans().await;
        for round in 1u32.. {
            clock.sleep(Duration::from_millis(stage.setup.janitor_ms)).await;
            if let Ok(round) = shop.janitor_round().await
                && round.looked > 0
            {
                stage
                    .world
                    .note(format_args!("a janitor looked at {}, settled {}", round.looked, round.settled));
            }
            if round.is_multiple_of(PURGE_EVERY) {
                let _ = shop.purge().await;
            }
        }
    };
    if AssertUnwindSafe(day).catch_unwind().await.is_err() {
        stage.alarm("a janitor panicked".to_owned());
    }
}

/// Who calls, by what the call says itself: nobody lies here.
#[derive(Clone)]
pub struct Caller(pub String);

struct Open;

impl Doors for Open {
    fn admit(&self, connection: &Extensions) -> Result<Arc<Principal>, Stranger> {
        let nobody = || Stranger::Unlisted("nobody".to_owned());
        let caller = connection.get::<Caller>().ok_or_else(nobody)?;
        Ok(Arc::new(Principal { name: caller.0.clone(), scopes: vec![Scope::Wildcard] }))
    }
}
