//! A schedule as a person reads it.

use std::fmt::{Display, Formatter, Result};

use super::{Deed, Fault, Lost, Means, Peer, Place, Plan, Setup, Trouble, What};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "seed {}: {}", self.seed, self.setup)?;
        let mut lines: Vec<(u64, String)> =
            self.deeds.iter().map(|deed| (deed.at, deed.to_string())).collect();
        lines.extend(self.troubles.iter().map(|trouble| (trouble.at, format!("! {trouble}"))));
        // Stable: what people do comes before what goes wrong at the same moment.
        lines.sort_by_key(|(at, _)| *at);
        for (at, line) in lines {
            writeln!(f, "{:>4}.{:03}  {line}", at / 1000, at % 1000)?;
        }
        Ok(())
    }
}

impl Display for Setup {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let nodes = if self.nodes == 1 { "one node that has the store for itself" } else { "two nodes" };
        let lock = if self.always_yes { "a lock that always says yes" } else { "a lock" };
        let steps = if self.two_step { "in two steps" } else { "in one step" };
        let cancel = if self.cancel { "that can cancel" } else { "that can't cancel" };
        write!(f, "{nodes}, {lock}, a gateway {steps} {cancel} within {} ms", self.gateway_limit_ms)?;
        write!(f, ", stock {:?}, clocks wrong by {:?} ms", self.stock, self.skew_ms)
    }
}

impl Display for Deed {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Deed { number, client, node, what, .. } = self;
        match what {
            What::Settle { well } => write!(f, "#{number} what is pending ends {}", how(*well)),
            _ => write!(f, "#{number} client {client} asks node {node}: {what}"),
        }
    }
}

fn how(well: bool) -> &'static str {
    if well { "well" } else { "badly" }
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            What::Order { goods } => {
                let goods: Vec<String> = goods.iter().map(|(sku, n)| format!("{n} of SKU {sku}")).collect();
                write!(f, "order {}", goods.join(" and "))
            }
            What::Pay { order, with, patient } => {
                let patience = if *patient { ", pending will do" } else { "" };
                write!(f, "pay order #{order} with {with}{patience}")
            }
            What::Refund { order, percent: 0 } => write!(f, "refund what is left of order #{order}"),
            What::Refund { order, percent } => write!(f, "refund {percent} % of order #{order}"),
            What::Return { order, pieces: 0 } => write!(f, "return what is left of order #{order}"),
            What::Return { order, pieces } => write!(f, "return {pieces} of order #{order}"),
            What::Cancel { order } => write!(f, "cancel order #{order}"),
            What::Fulfill { order } => write!(f, "fulfill order #{order}"),
            What::Charge { amount, with, later: false } => write!(f, "charge {amount} to {with}"),
            What::Charge { amount, with, later: true } => write!(f, "hold {amount} of {with}"),
            What::Capture { charge, percent: 0 } => write!(f, "capture charge #{charge}"),
            What::Capture { charge, percent } => write!(f, "capture {percent} % of charge #{charge}"),
            What::Void { charge } => write!(f, "void charge #{charge}"),
            What::Adjust { sku, by } => write!(f, "adjust SKU {sku} by {by}"),
            What::Again { deed } => write!(f, "#{deed} again, with its key"),
            What::Look { order } => write!(f, "get order #{order}"),
            What::Settle { well } => write!(f, "what is pending ends {}", how(*well)),
        }
    }
}

impl Display for Means {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Means::Card => "a good card",
            Means::Token => "a good token",
            Means::Declined => "a token that is declined",
            Means::LoseAfter => "a token whose answer is lost after the charge",
            Means::LoseBefore => "a token that is lost before the charge",
            Means::NeverSent => "a token that is never sent",
            Means::Pending => "a token that stays pending",
            Means::Challenge => "a token that asks for a challenge",
        })
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.what {
            Fault::Crash { node, place, down } => write!(f, "node {node} dies {place}, for {down} ms"),
            Fault::CrashAt { node, call, after, down } => {
                let when = if after { "after" } else { "before" };
                write!(f, "node {node} dies {when} its call {call}, for {down} ms")
            }
            Fault::Freeze { node, span } => write!(f, "node {node} is stopped for {span} ms"),
            Fault::Commit(lost) => write!(f, "the next commit {lost}"),
            Fault::Gateway(lost) => write!(f, "the next request to the gateway {lost}"),
            Fault::Double { by } => write!(f, "the next request to the gateway comes twice, {by} ms apart"),
            Fault::Cut { node, from, span } => write!(f, "node {node} can't reach {from} for {span} ms"),
            Fault::Outage { hangs: true, span } => write!(f, "the gateway answers nothing for {span} ms"),
            Fault::Outage { hangs: false, span } => write!(f, "the gateway takes no request for {span} ms"),
            Fault::Jump { node, by } => write!(f, "the clock of node {node} jumps by {by} ms"),
            Fault::LoseLocks => write!(f, "all locks are lost"),
            Fault::HangUp { after } => write!(f, "the next caller hangs up after {after} ms"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Place::Anywhere => "at once",
            Place::BeforeCommit => "before its next commit",
            Place::AfterCommit => "after its next commit",
            Place::BeforeGateway => "before its next request to the gateway",
            Place::AfterGateway => "after its next request to the gateway",
        })
    }
}

impl Display for Lost {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Lost::Refused => write!(f, "is refused on its way"),
            Lost::Request => write!(f, "is lost on its way"),
            Lost::Answer => write!(f, "has its effect, and its answer is lost"),
            Lost::Late(by) => write!(f, "is given up, and has its effect {by} ms later"),
        }
    }
}

impl Display for Peer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Peer::Store => "the store",
            Peer::Lock => "the lock",
            Peer::Gateway => "the gateway",
            Peer::Clients => "its clients",
        })
    }
}
