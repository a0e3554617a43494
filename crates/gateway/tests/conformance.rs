//! Every gateway keeps the promises of the port.

mod support;

use std::sync::Arc;
use std::time::Duration;

use digota_conformance::gateway::{Bed, Trigger, trials};
use digota_core::payment::card::Source;
use digota_core::payment::decline::DeclineCode;
use digota_core::port::Gateway;
use digota_gateway::Limits;
use digota_gateway::sandbox::{self, Sandbox};
use support::{euro, options, visa};

/// How long a client of a gateway that loses answers waits.
const LIMITS: Limits = Limits { total: Duration::from_secs(10), concurrent: None };

fn main() {
    let sandbox = Sandbox::open(options()).expect("a sandbox");
    let capabilities = sandbox.gateway(LIMITS).capabilities();
    let mut all = trials("gateway::sandbox", capabilities, over_http);
    all.extend(trials("gateway::sandbox_in_process", capabilities, in_process));
    digota_conformance::run(all);
}

fn over_http() -> Bed {
    let sandbox = Sandbox::open(options()).expect("a sandbox");
    let listener = listener();
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let served = sandbox.clone();
    tokio::spawn(async move { served.serve(listener, std::future::pending()).await });
    let nobody = listener_address_of_nobody();
    let remote = |url: &str| sandbox::remote(url, LIMITS).expect("an address");
    bed(&sandbox, remote(&url), remote(&nobody))
}

fn in_process() -> Bed {
    let sandbox = Sandbox::open(options()).expect("a sandbox");
    let stopped = Sandbox::open(options()).expect("a sandbox");
    let unreachable = stopped.gateway(LIMITS);
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(stopped.stop()));
    bed(&sandbox, sandbox.gateway(LIMITS), unreachable)
}

fn bed(sandbox: &Sandbox, gateway: Arc<dyn Gateway>, unreachable: Arc<dyn Gateway>) -> Bed {
    let record = sandbox.clone();
    Bed {
        gateway,
        unreachable,
        good: by_card(|| visa("4242424242424242")),
        declined: (by_card(|| visa("4000000000000002")), DeclineCode::CardDeclined),
        challenge: by_card(|| visa("4000000001000167")),
        lost_after: by_card(|| visa("4000000001000142")),
        moved: Box::new(move || record.moved()),
        guard: Box::new(()),
    }
}

fn by_card(source: fn() -> Source) -> Trigger {
    Trigger { source, money: euro(4726) }
}

fn listener() -> tokio::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    tokio::net::TcpListener::from_std(listener).expect("a runtime")
}

/// Nobody listens there, since the listener is gone.
fn listener_address_of_nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
