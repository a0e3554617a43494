//! Where edge, shop and adapters meet: from settings to a shop that is open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use digota_core::payment::Provider;
use digota_core::port::{Clock, Gateway};
use digota_core::shop::{Policy, Ports, Shop};
use serde_json::json;

use crate::config::{Account, Settings, Toggle};
use crate::monitor::Measured;
use crate::system::{RandomIds, SystemClock};

/// Opens the shop on the configured storage, lock and gateways.
pub(crate) async fn shop(settings: &Settings) -> anyhow::Result<Shop> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = digota_storage::open(&storage(settings)).await.context("cannot open the storage")?;
    let lock = digota_lock::open(&lock(settings)).await.context("cannot open the lock")?;
    let ports = Ports { store, lock, gateways: gateways(settings, &clock)?, clock, ids: Arc::new(RandomIds) };
    let policy = Policy {
        order_ttl: Duration::from_secs(settings.order.ttl_s),
        payments_in_flight_max: settings.payments.in_flight_max,
        lease_slack: Duration::from_millis(settings.payments.lease_slack_ms),
        ..Policy::default()
    };
    Ok(Shop::new(ports, policy))
}

/// Where the shop is kept.
pub(crate) fn storage(settings: &Settings) -> digota_storage::Config {
    let storage = &settings.storage;
    digota_storage::Config {
        handler: storage.handler.clone(),
        address: vec![storage.address.expose().to_owned()],
        username: storage.username.clone().unwrap_or_default(),
        password: storage.password.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default(),
        database: storage.database.clone().unwrap_or_default(),
        tls: digota_storage::Tls {
            on: storage.tls.map(|tls| tls == Toggle::On),
            authority: storage.tls_ca.clone(),
        },
    }
}

/// How nodes take turns.
pub(crate) fn lock(settings: &Settings) -> digota_lock::Config {
    let locker = &settings.locker;
    digota_lock::Config {
        handler: locker.handler.clone(),
        address: locker.address.as_ref().map(|address| address.expose().to_owned()).unwrap_or_default(),
        username: locker.username.clone().unwrap_or_default(),
        password: locker.password.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default(),
        database: locker.database,
        prefix: locker.prefix.clone(),
        tls: digota_lock::Tls {
            on: locker.tls.map(|tls| tls == Toggle::On),
            authority: locker.tls_ca.clone(),
        },
    }
}

fn gateways(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<BTreeMap<Provider, Arc<dyn Gateway>>> {
    let mut gateways = BTreeMap::new();
    for account in &settings.payment {
        let (provider, gateway) = gateway(account, settings.payments.gateway_timeout_ms, clock)
            .with_context(|| format!("cannot open the payment provider {}", account.provider))?;
        if gateways.insert(provider, gateway).is_some() {
            bail!("the payment provider {} is configured twice", account.provider);
        }
    }
    Ok(gateways)
}

/// The gateway of an account. A call of it takes at most so long.
pub(crate) fn gateway(
    account: &Account,
    timeout_ms: u64,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Provider, Arc<dyn Gateway>)> {
    let named = |provider: &Provider| provider.name().eq_ignore_ascii_case(&account.provider);
    let Some(provider) = Provider::ALL.into_iter().find(named) else {
        bail!("there is no such payment provider")
    };
    let settings = json!({
        "url": account.address.as_ref().map(|address| address.expose()),
        "journal": account.log,
        // Where buyers' browsers meet its challenges; in a process of its own it says itself.
        "listen": account.address.is_none().then_some("127.0.0.1:0"),
        "delay_ms": account.delay_ms,
        "total_limit_ms": timeout_ms,
    });
    let name = provider.name().to_ascii_lowercase();
    let gateway = digota_gateway::open(&name, settings, Arc::clone(clock))?;
    Ok((provider, Arc::new(Measured::new(provider, gateway))))
}
