//! The nodes that serve a shop, as clients know them: an address each, which changes when a node is started anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::watch;
use tonic::transport::Channel;

use crate::process::Process;
use crate::world::World;

/// Which nodes there are now.
pub(crate) type Known = watch::Receiver<Arc<Vec<Node>>>;

/// A node that serves, or did until a moment ago.
#[derive(Clone)]
pub(crate) struct Node {
    /// Connections to it, opened when they are first used.
    pub(crate) channels: Vec<Channel>,
    /// Counts its starts.
    pub(crate) life: usize,
}

/// The running nodes of a world.
pub(crate) struct Nodes<'a> {
    world: &'a World,
    /// What is started from now on.
    bin: PathBuf,
    processes: Vec<Process>,
    told: watch::Sender<Arc<Vec<Node>>>,
    connections: usize,
}

impl<'a> Nodes<'a> {
    /// Starts so many, one after the other; clients get so many connections to each.
    pub(crate) async fn start(
        world: &'a World,
        bin: &Path,
        count: usize,
        connections: usize,
    ) -> Result<Nodes<'a>> {
        let (mut processes, mut nodes) = (Vec::new(), Vec::new());
        for index in 0..count {
            let process = world.serve(bin, index).await?;
            nodes.push(Node { channels: world.connect(&process, connections)?, life: 1 });
            processes.push(process);
        }
        let (told, _) = watch::channel(Arc::new(nodes));
        Ok(Nodes { world, bin: bin.to_owned(), processes, told, connections })
    }

    /// Who is told of every change.
    pub(crate) fn known(&self) -> Known {
        self.told.subscribe()
    }

    /// Whatever is started from now on is another digota.
    pub(crate) fn switch_to(&mut self, bin: &Path) {
        bin.clone_into(&mut self.bin);
    }

    /// A connection to the first of them.
    pub(crate) fn first(&self) -> Channel {
        self.told.borrow()[0].channels[0].clone()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.processes.len()
    }

    /// Kills one as `kill -9` does; returns the id by which the store knew it.
    pub(crate) async fn kill(&mut self, index: usize) -> Result<uuid::Uuid> {
        self.processes[index].kill().await?;
        Ok(self.processes[index].node)
    }

    /// Stops one in good order.
    pub(crate) async fn stop(&mut self, index: usize) -> Result<()> {
        self.processes[index].stop().await
    }

    /// Starts one anew that has ended, and tells everybody.
    pub(crate) async fn start_again(&mut self, index: usize) -> Result<()> {
        let process = self.world.serve(&self.bin, index).await?;
        let channels = self.world.connect(&process, self.connections)?;
        self.processes[index] = process;
        self.told.send_modify(|nodes| {
            let mut now = Vec::clone(nodes);
            now[index] = Node { channels, life: now[index].life + 1 };
            *nodes = Arc::new(now);
        });
        Ok(())
    }

    /// Stops all of them in good order.
    pub(crate) async fn stop_all(mut self) -> Result<()> {
        for index in 0..self.count() {
            self.stop(index).await?;
        }
        Ok(())
    }
}
