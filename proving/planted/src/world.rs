//! A shop on fakes: a store in memory whose commits can fail, a gateway with a script and a record of its own, several nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use digota_core::currency::Currency;
use digota_core::id::{ProductId, SkuId};
use digota_core::money::Money;
use digota_core::payment::Provider;
use digota_core::port::gateway::Capabilities;
use digota_core::port::{Clock, Gateway, Lock, Store};
use digota_core::product::ProductDetails;
use digota_core::shop::{Policy, Ports, Shop, Terms};
use digota_core::sku::SkuDetails;
use digota_core::testing::clock::{CountingIds, ManualClock};
use digota_core::testing::gateway::ScriptedGateway;
use digota_core::testing::lock::AlwaysYes;
use digota_core::testing::store::{Fault, Flaky, MemoryStore};
use digota_core::time::Timestamp;
use digota_oracle::books::Event;
use digota_oracle::history::{History, Sku};
use digota_oracle::{Evidence, Violation, When, judge, memory};

use crate::bugs::Bug;
use crate::node::{Node, Reach, Switch, Wire};

/// What a piece costs.
pub const PRICE: i64 = 1000;

/// How many commits come before anybody buys.
pub const COMMITS_BEFORE: u64 = 2;

/// How often the janitor may look before what is open is given up as in limbo.
const ROUNDS: usize = 40;

/// What a world is made of; what is not said is plain.
#[derive(Clone)]
pub struct Plan {
    /// The mistake that every node has.
    pub bug: Option<Bug>,
    /// How many pieces there are at first.
    pub stock: i64,
    /// Commits that fail, counted from the first of the world.
    pub faults: Vec<(u64, Fault)>,
    /// What the gateway can do.
    pub capabilities: Option<fn(Capabilities) -> Capabilities>,
    /// How long clients wait for an answer.
    pub patience: Duration,
}

impl Default for Plan {
    fn default() -> Plan {
        let patience = Duration::from_secs(30);
        Plan { bug: None, stock: 0, faults: Vec::new(), capabilities: None, patience }
    }
}

/// The shop with everything around it: one SKU of one product.
pub struct World {
    /// The time.
    pub clock: Arc<ManualClock>,
    /// The gateway.
    pub gateway: Arc<ScriptedGateway>,
    /// The store, as it fails.
    pub flaky: Arc<Flaky<MemoryStore>>,
    /// What is sold.
    pub sku: SkuId,
    history: Mutex<History>,
    events: Mutex<Vec<Event>>,
    nodes: Mutex<u16>,
    lock: Arc<dyn Lock>,
    bug: Option<Bug>,
    patience: Duration,
}

impl World {
    /// Opens it.
    pub async fn of(plan: Plan) -> World {
        let clock = Arc::new(ManualClock::flowing(Timestamp::from_seconds(1_800_000_000)));
        let mut gateway = ScriptedGateway::new(clock.clone());
        if let Some(change) = plan.capabilities {
            let capabilities = change(gateway.capabilities());
            gateway = gateway.with(capabilities);
        }
        let mut world = World {
            gateway: Arc::new(gateway),
            flaky: Arc::new(Flaky::new(MemoryStore::new(), plan.faults)),
            sku: SkuId(uuid::Uuid::nil()),
            history: Mutex::default(),
            events: Mutex::default(),
            nodes: Mutex::new(0),
            lock: Arc::new(AlwaysYes::default()),
            bug: plan.bug,
            patience: plan.patience,
            clock,
        };
        let shop = world.node().shop;
        let details = ProductDetails { name: "Tea".into(), active: true, ..ProductDetails::default() };
        let product = shop.new_product(details, &world.terms()).await.unwrap().id;
        world.sku = shop.new_sku(sku(product), plan.stock, &world.terms()).await.unwrap().sku.id;
        let (id, initial, adjustments) = (world.sku.0, Some(plan.stock), Vec::new());
        world.history().skus.push(Sku { id, initial, price: PRICE, adjustments });
        assert_eq!(world.flaky.commits(), commits_before(plan.bug), "the world is made");
        world
    }

    /// Another process over the same store and gateway.
    pub fn node(&self) -> Node {
        let number = {
            let mut nodes = self.nodes.lock().unwrap();
            *nodes += 1;
            *nodes
        };
        let switch = Arc::new(Switch::new());
        let store: Arc<dyn Store> = Arc::new(Reach { inner: self.flaky.clone(), switch: switch.clone() });
        let wire: Arc<dyn Gateway> = Arc::new(Wire { inner: self.gateway.clone(), switch: switch.clone() });
        let clock: Arc<dyn Clock> = self.clock.clone();
        let ports = Ports {
            store,
            lock: self.lock.clone(),
            gateways: BTreeMap::from([(Provider::Sandbox, wire)]),
            clock,
            ids: Arc::new(CountingIds::new(number)),
        };
        let ports = match self.bug {
            Some(bug) => bug.built_into(ports),
            None => ports,
        };
        Node { shop: Shop::new(ports, Policy::default()), switch }
    }

    /// What the clients noted so far.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    /// As long as clients wait, no key.
    pub fn terms(&self) -> Terms {
        Terms::until(self.clock.now().after(self.patience))
    }

    /// The process died: the store is there again, and a new process takes over what the old one left.
    pub async fn restart(&self) -> Node {
        self.flaky.revive();
        let node = self.node();
        // What can't be looked at now comes up again by its schedule.
        let _ = node.shop.adopt_orphans().await;
        self.follow().await;
        node
    }

    /// Has who follows the events receive what is new.
    pub async fn follow(&self) {
        let after = self.events.lock().unwrap().last().map_or(0, |event| event.position.cast_unsigned());
        let new = self.flaky.inner().events(after, u32::MAX).await.unwrap();
        self.events
            .lock()
            .unwrap()
            .extend(new.iter().map(|(position, event)| memory::event(*position, event)));
    }

    /// Has the janitor of a node work until nothing is open, or it has become clear that something will stay so.
    pub async fn rest(&self, node: &Node) {
        for _ in 0..ROUNDS {
            self.flaky.revive();
            let open = self.flaky.inner().due(Timestamp(i64::MAX), u32::MAX).await.unwrap();
            let due = open.iter().filter_map(|record| match record.keys {
                digota_core::port::store::Keys::Attempt { due, .. } => due,
                _ => None,
            });
            let Some(first) = due.min() else { break };
            self.clock.set(self.clock.now().max(first));
            let _ = node.shop.janitor_round().await;
        }
        self.follow().await;
    }

    /// Everything that is known of what happened.
    pub async fn evidence(&self) -> Evidence {
        self.follow().await;
        let store = self.flaky.inner();
        let books = memory::books(store, store).await.unwrap();
        let (history, events) = (self.history().clone(), self.events.lock().unwrap().clone());
        Evidence { history, journal: memory::journal(&self.gateway), books, events }
    }

    /// Lets everything come to rest on a node, and judges it.
    pub async fn verdict(&self, node: &Node) -> Vec<Violation> {
        self.rest(node).await;
        judge(&self.evidence().await, When::AtRest)
    }
}

/// Whoever tells of a change in a commit of its own needs twice as many.
fn commits_before(bug: Option<Bug>) -> u64 {
    if bug == Some(Bug::EventOutsideCommit) { 2 * COMMITS_BEFORE } else { COMMITS_BEFORE }
}

/// So many cents.
pub fn usd(amount: i64) -> Money {
    Money { amount, currency: Currency::from_code("USD").unwrap() }
}

fn sku(parent: ProductId) -> SkuDetails {
    SkuDetails {
        name: "Green tea".into(),
        price: PRICE,
        currency: usd(0).currency,
        active: true,
        parent,
        metadata: BTreeMap::new(),
        attributes: BTreeMap::new(),
        image: String::new(),
        package: None,
        finite: true,
    }
}
