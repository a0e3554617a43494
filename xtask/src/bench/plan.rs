//! What is measured, and what must come out.
#![expect(clippy::float_arithmetic, reason = "ratios of measurements, not money")]

use clap::ValueEnum;
use serde::Serialize;

use super::load::Measured;

/// A row of the table.
pub(super) struct Plan {
    /// A flow of `digota-load`.
    pub(super) flow: &'static str,
    pub(super) storage: Storage,
    pub(super) concurrency: u32,
    /// How long the sandbox takes to answer.
    pub(super) gateway_ms: u32,
    pub(super) baseline: Baseline,
    /// Whether the flow sends idempotency keys, so that the bare calls must too.
    pub(super) keys: bool,
    /// Too long for a quick look.
    pub(super) only_full: bool,
    /// The ratio that must hold.
    pub(super) floor: f64,
    /// The ratio that we want.
    pub(super) goal: f64,
}

/// Where the shop is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Storage {
    Sqlite,
    Postgresql,
}

impl Storage {
    /// Its name, as in the settings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgresql => "postgresql",
        }
    }
}

/// What a rate is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Baseline {
    /// A bare call of the same sizes.
    Bare,
    /// What the gateway's answers allow: concurrency ÷ latency.
    Gateway,
}

/// The rows.
pub(super) const PLAN: &[Plan] = &[
    Plan { floor: 0.80, goal: 0.90, ..beside_bare("sku-get", 256) },
    Plan { floor: 0.40, goal: 0.55, keys: true, ..beside_bare("order-new", 32) },
    Plan { floor: 0.50, goal: 0.70, keys: true, ..beside_bare("order-new", 256) },
    Plan { floor: 0.16, goal: 0.35, keys: true, ..beside_bare("order-pay", 256) },
    Plan { floor: 0.88, goal: 0.95, ..beside_gateway(512) },
    Plan { floor: 0.60, goal: 0.80, only_full: true, ..beside_gateway(2000) },
    Plan { floor: 0.45, goal: 0.60, ..on_postgresql("sku-get") },
    Plan { floor: 0.40, goal: 0.65, keys: true, ..on_postgresql("order-new") },
    Plan { floor: 0.16, goal: 0.25, keys: true, ..on_postgresql("order-pay") },
];

const fn beside_bare(flow: &'static str, concurrency: u32) -> Plan {
    let (storage, baseline, keys, only_full) = (Storage::Sqlite, Baseline::Bare, false, false);
    Plan { flow, storage, concurrency, gateway_ms: 0, baseline, keys, only_full, floor: 0.0, goal: 0.0 }
}

const fn on_postgresql(flow: &'static str) -> Plan {
    Plan { storage: Storage::Postgresql, ..beside_bare(flow, 256) }
}

/// Everybody buys the same SKU, at a gateway that takes its time.
const fn beside_gateway(concurrency: u32) -> Plan {
    let plan = beside_bare("order-pay-hot", concurrency);
    Plan { gateway_ms: 200, baseline: Baseline::Gateway, keys: true, ..plan }
}

/// How often and how long each row is measured.
pub(super) struct Rounds {
    pub(super) count: u32,
    pub(super) time_ms: u32,
    pub(super) warmup_ms: u32,
}

impl Rounds {
    pub(super) const QUICK: Self = Self { count: 3, time_ms: 1500, warmup_ms: 300 };
    /// Enough for every way to be taken often.
    pub(super) const REHEARSAL: Self = Self { count: 1, time_ms: 3000, warmup_ms: 300 };
    pub(super) const FULL: Self = Self { count: 5, time_ms: 4000, warmup_ms: 1000 };
}

impl Plan {
    /// The share of the baseline that was reached.
    pub(super) fn ratio(&self, product: &Measured, bare: Option<&Measured>) -> f64 {
        let gateway = f64::from(self.concurrency) * 1000.0 / f64::from(self.gateway_ms);
        product.rps / bare.map_or(gateway, |bare| bare.rps)
    }

    /// Orders that a run may pay: more than it can, if it is not much faster than we dare to hope.
    pub(super) fn orders(&self, rounds: &Rounds) -> u32 {
        let time_ms = rounds.warmup_ms + rounds.time_ms + self.gateway_ms;
        match self.baseline {
            Baseline::Bare => time_ms * 9,
            Baseline::Gateway => self.concurrency * (time_ms / self.gateway_ms + 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rps: f64) -> Measured {
        Measured { rps, ..Measured::default() }
    }

    #[test]
    fn a_ratio_is_a_share_of_the_bare_rate() {
        let ratio = beside_bare("sku-get", 256).ratio(&measured(8000.0), Some(&measured(10_000.0)));
        assert!((ratio - 0.8).abs() < 1e-9);
    }

    #[test]
    fn a_slow_gateway_allows_concurrency_by_latency() {
        let ratio = beside_gateway(512).ratio(&measured(2304.0), None);
        assert!((ratio - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_run_at_a_slow_gateway_never_runs_out_of_orders() {
        assert!(beside_gateway(512).orders(&Rounds::QUICK) >= 512 * (2000 / 200) + 512);
    }

    #[test]
    fn every_goal_lies_above_its_floor() {
        assert!(PLAN.iter().all(|plan| 0.0 < plan.floor && plan.floor < plan.goal && plan.goal <= 1.0));
    }
}
