//! Every flow for a moment, so that a server which counts what it does sees what it will be busy with.

use anyhow::{Result, anyhow};
use digota_servers::Postgres;

use super::build::Programs;
use super::database::{Database, Lazy};
use super::load::Load;
use super::plan::{PLAN, Plan, Rounds, Storage};
use super::servers::Server;
use super::stage::Stage;

/// Plays all that a quick measurement does, but for what it is compared with; if wanted, on one storage only.
///
/// # Errors
/// What did not work, and where a storage's server is not on this machine.
pub(crate) fn rehearse(programs: &Programs, only: Option<Storage>) -> Result<()> {
    let stage = Stage::set(programs)?;
    let postgres = Lazy::new(Postgres::start_durable);
    for (index, plan) in acts(only).enumerate() {
        let storage = plan.storage.name();
        let database = Database::of_row(index, plan, &stage, &postgres)
            .map_err(|why| anyhow!("can't rehearse on {storage}: {why}; --storage sqlite leaves it out"))?;
        let digota = Server::digota(programs, &stage, plan.gateway_ms, &database)?;
        let load = Load { plan, rounds: &Rounds::REHEARSAL, programs, stage: &stage, database: &database };
        let seen = load.product(&digota.address)?;
        println!("{} {storage} c={}: {:.0}/s while it counts", plan.flow, plan.concurrency, seen.rps);
        // It writes down what it counted when it ends.
        digota.stop()?;
    }
    Ok(())
}

fn acts(only: Option<Storage>) -> impl Iterator<Item = &'static Plan> {
    PLAN.iter().filter(move |plan| !plan.only_full && only.is_none_or(|storage| storage == plan.storage))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn flows(only: Option<Storage>) -> BTreeSet<&'static str> {
        acts(only).map(|plan| plan.flow).collect()
    }

    #[test]
    fn a_rehearsal_leaves_no_flow_out_on_either_storage() {
        let all: BTreeSet<_> = PLAN.iter().map(|plan| plan.flow).collect();
        assert_eq!(flows(None), all);
        assert_eq!(flows(Some(Storage::Sqlite)), all);
        assert_eq!(flows(Some(Storage::Postgresql)), BTreeSet::from(["sku-get", "order-new", "order-pay"]));
    }
}
