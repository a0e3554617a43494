//! The payment gateways: whether they answer and know us. Nothing is charged: they are asked for a payment that never was.

use std::sync::Arc;
use std::time::Duration;

use digota_core::port::Clock;
use digota_core::port::gateway::{GatewayError, Lookup, Op};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use uuid::Uuid;

use super::finding::{Check, Fix};
use super::folder;
use super::patient::Patient;
use crate::config::Account;
use crate::system::SystemClock;
use crate::wiring;

const NAME: &str = "gateways";

/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an account said.
pub(super) struct Asked {
    /// The setting of the account, such as `payment.0`.
    pub(super) setting: String,
    /// Why it does not work, if it does not.
    trouble: Option<Trouble>,
    /// The time by its clock.
    pub(super) date: Option<Timestamp>,
}

enum Trouble {
    /// It can't be opened as it is configured.
    Settings(String),
    /// It does not answer.
    Silent(String),
    /// It does not know us.
    Stranger(String),
}

pub(super) async fn ask(patient: &Patient) -> Vec<Asked> {
    if !patient.loaded.is_sound("payment") {
        return Vec::new();
    }
    let mut asked = Vec::new();
    for (index, account) in patient.settings().payment.iter().enumerate() {
        let trouble = ask_one(account).await.err();
        let date = match &account.address {
            Some(address) => digota_gateway::http::date(address.expose(), PATIENCE).await,
            None => None,
        };
        let date = date.and_then(|date| rfc2822::parse(&date).ok()).map(|date| date.timestamp());
        asked.push(Asked { setting: format!("payment.{index}"), trouble, date });
    }
    asked
}

async fn ask_one(account: &Account) -> Result<(), Trouble> {
    if account.is_sandbox() && account.address.is_none() {
        // It runs inside the server, and would take up its record if it were opened here.
        return Ok(());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let limit = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    let (_, gateway) =
        wiring::gateway(account, limit, &clock).map_err(|error| Trouble::Settings(format!("{error:#}")))?;
    let never_sent = Lookup { attempt: Uuid::from_bytes(rand::random()), op: Op::Charge, reference: None };
    match gateway.find(&never_sent).await {
        Ok(_) => Ok(()),
        Err(GatewayError::Configuration(text)) => Err(Trouble::Stranger(text)),
        Err(error) => Err(Trouble::Silent(error.to_string())),
    }
}

pub(super) fn check(patient: &Patient, asked: &[Asked]) -> Check {
    if !patient.loaded.is_sound("payment") {
        return Check::skipped(NAME, "their settings cannot be used");
    }
    let accounts = &patient.settings().payment;
    let mut check = Check::new(NAME);
    if accounts.is_empty() {
        let finding = check.warn("payment", "there is no payment gateway");
        finding.why("orders can be made, and none can be paid");
        finding.fix(Fix::Do(
            "add a section [[payment]], with provider = \"sandbox\" to try things out".to_owned(),
        ));
    }
    for (account, asked) in accounts.iter().zip(asked) {
        if let Some(trouble) = &asked.trouble {
            say(patient, account, &asked.setting, trouble, &mut check);
        }
        if let Some(record) = &account.log {
            folder::check(&mut check, &format!("{}.log", asked.setting), record);
        }
    }
    check.seen = accounts.iter().map(seen).collect::<Vec<_>>().join(", ");
    check
}

fn say(patient: &Patient, account: &Account, setting: &str, trouble: &Trouble, check: &mut Check) {
    match trouble {
        Trouble::Settings(text) => {
            let finding = check.error(format!("{setting}.provider"), text);
            finding.why("a server does not start with a gateway that it cannot open");
            finding.fix(match digota_gateway::NAMES {
                ["sandbox"] => patient.set(&format!("{setting}.provider"), "sandbox"),
                names => Fix::Do(format!("name one that there is: {}", names.join(", "))),
            });
        }
        Trouble::Silent(text) => {
            let finding = check
                .error(format!("{setting}.address"), format!("{} does not answer: {text}", account.provider));
            finding.why("until it answers no order can be paid or given back through it");
            finding.fix(match account.address.as_ref().and_then(|address| host_and_port(address.expose())) {
                Some(place) if account.is_sandbox() => Fix::Run(format!("digota sandbox --listen {place} &")),
                _ => Fix::Do("see that this machine may call it, and that it is up".to_owned()),
            });
        }
        Trouble::Stranger(text) => {
            let finding = check.error(setting, format!("{} does not know us: {text}", account.provider));
            finding.why("it refuses every payment until the account's settings are right");
            finding.fix(Fix::Do("copy the account's settings from the gateway's own pages again".to_owned()));
        }
    }
}

fn host_and_port(url: &str) -> Option<&str> {
    let place = url.strip_prefix("http://")?.split('/').next()?;
    place.contains(':').then_some(place)
}

fn seen(account: &Account) -> String {
    match (&account.address, account.is_sandbox()) {
        (None, true) => "sandbox, inside the server".to_owned(),
        (Some(address), _) => format!("{} at {address}, which answers", account.provider),
        (None, false) => format!("{}, which answers", account.provider),
    }
}
