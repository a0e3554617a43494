//! What the server does while it has nothing to do: it gives back the memory that it needed when it had.

use std::sync::Arc;
use std::time::Duration;

use digota_grpc::Crowd;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};
use tokio_util::sync::CancellationToken;

use crate::lines::Threads;

/// How often it looks whether there is nothing to do.
const PAUSE: Duration = Duration::from_secs(5);

/// Has threads give memory back whenever no call is being worked on, until it is told to stop. In a server that is always busy
/// the allocator does that by itself.
pub(crate) async fn give_back(crowd: Arc<Crowd>, threads: Threads, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
        if crowd.is_idle() {
            digota_heap::ask_back();
            stir(&threads).await;
        }
    }
}

/// Wakes threads that sleep: they look after their memory before they go to sleep, and else would not.
async fn stir(threads: &Threads) {
    let workers = Handle::current().metrics().num_workers();
    let mut woken: JoinSet<()> = (0..workers).map(|_| yield_now()).collect();
    for thread in threads.all() {
        woken.spawn_on(yield_now(), thread);
    }
    while woken.join_next().await.is_some() {}
}
