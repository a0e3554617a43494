//! `digota payments list | show | settle`.

use std::io::{self, Write};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand, ValueEnum};
use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_core::payment::Provider;
use digota_proto::adminpb::payment::{Operation, Remark, State};
use digota_proto::adminpb::settle_request::Verdict;
use digota_proto::adminpb::{
    GetPaymentRequest, ListPaymentsRequest, Payment, SettleRequest, list_payments_request,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::reach::{Node, Reach};
use super::table::{align, span};
use crate::config::Sources;
use crate::serve::runtime;

/// Look after payments: those that are not settled, and those that ended oddly
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List payments that are not settled, or that a person should look at
    List(List),
    /// Show one payment: what the gateway said, and what persons had done about it
    Show(Show),
    /// Settle a payment: ask the gateway again, or say how it ended
    Settle(Settle),
}

/// `digota payments list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Which payments
    #[arg(long, value_enum, default_value = "open")]
    view: View,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print a JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Which payments to list.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum View {
    /// Every one that is not settled
    Open,
    /// Of these, those of which nobody knows whether the gateway acted
    Unknown,
    /// Settled ones that a person should look at
    Review,
}

/// `digota payments show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The payment's id, as `digota payments list` prints it
    id: String,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// `digota payments settle`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a verdict the node asks the gateway now, and acts on the answer. A verdict is your word where the \
                        gateway can't be asked: look at the gateway's dashboard first. Where the gateway says the opposite, your \
                        word is refused. Order and stock follow in the same step. Who said what, when and why is kept with the \
                        payment and told in the event.\n\nExamples:\n  digota payments settle 0197…\n  \
                        digota payments settle 0197… --succeeded --reference ch_123 --note 'seen in the dashboard, Ada'\n  \
                        digota payments settle 0197… --failed --note 'the gateway knows nothing of it, ticket 4711'\n  \
                        digota payments settle 0197… --reviewed --note 'the buyer was told'"
)]
pub(crate) struct Settle {
    /// The payment's id, as `digota payments list` prints it
    id: String,
    /// You saw at the gateway that it happened
    #[arg(long, group = "verdict", requires_all = ["reference", "note"])]
    succeeded: bool,
    /// You saw at the gateway that it did not happen, and can't any more
    #[arg(long, group = "verdict", requires = "note")]
    failed: bool,
    /// You have dealt with a settled payment: take it off the review list
    #[arg(long, group = "verdict", requires = "note")]
    reviewed: bool,
    /// The gateway's own id of what it did
    #[arg(long, value_name = "ID")]
    reference: Option<String>,
    /// Who says so, and how they know; kept
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The payment's version that you looked at; refused if it has changed since
    #[arg(long, value_name = "N", default_value_t = 0)]
    expected_version: i64,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Command {
    /// Does what was asked.
    pub(crate) fn run(self, sources: Sources) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            match self {
                Command::List(list) => list.run(sources).await,
                Command::Show(show) => show.run(sources).await,
                Command::Settle(settle) => settle.run(sources).await,
            }
        })
    }
}

impl List {
    async fn run(self, sources: Sources) -> anyhow::Result<()> {
        let mut node = self.reach.node(sources).await?;
        let view = match self.view {
            View::Open => list_payments_request::View::Open,
            View::Unknown => list_payments_request::View::Unknown,
            View::Review => list_payments_request::View::Review,
        };
        let (payments, more) = all(&mut node, view, self.limit as usize).await?;
        let mut out = io::stdout().lock();
        if self.json {
            for payment in &payments {
                writeln!(out, "{}", as_json(payment))?;
            }
            return Ok(());
        }
        if payments.is_empty() {
            writeln!(out, "there are none")?;
            return Ok(());
        }
        let heading =
            ["ID", "WHAT", "STATE", "AMOUNT", "PROVIDER", "BEGUN", "NEXT LOOK", "ORDER"].map(str::to_owned);
        let now = Timestamp::now().as_second();
        let rows: Vec<_> =
            [heading].into_iter().chain(payments.iter().map(|payment| row(payment, now))).collect();
        out.write_all(align(&rows).as_bytes())?;
        if more {
            writeln!(out, "and more: --limit shows them")?;
        }
        Ok(())
    }
}

impl Show {
    async fn run(self, sources: Sources) -> anyhow::Result<()> {
        let mut node = self.reach.node(sources).await?;
        let request = node.ask(GetPaymentRequest { id: self.id });
        let payment = node.admin.get_payment(request).await;
        let payment = payment.map_err(|status| node.explain(&status))?.into_inner();
        if self.json { say(&as_json(&payment)) } else { show(&payment) }
    }
}

impl Settle {
    async fn run(self, sources: Sources) -> anyhow::Result<()> {
        ensure!(self.expected_version >= 0, "--expected-version is 0 (any) or more");
        let mut node = self.reach.node(sources).await?;
        let verdict = match (self.succeeded, self.failed, self.reviewed) {
            (true, ..) => Verdict::Succeeded,
            (_, true, _) => Verdict::Failed,
            (_, _, true) => Verdict::Reviewed,
            _ => Verdict::AskGateway,
        };
        let request = node.ask(SettleRequest {
            id: self.id,
            verdict: verdict.into(),
            provider_reference: self.reference.unwrap_or_default(),
            note: self.note.unwrap_or_default(),
            expected_version: self.expected_version,
        });
        let payment = node.admin.settle(request).await;
        let payment = payment.map_err(|status| node.explain(&status))?.into_inner();
        if self.json { say(&as_json(&payment)) } else { show(&payment) }
    }
}

/// All pages up to so many payments, and whether there are more.
async fn all(
    node: &mut Node,
    view: list_payments_request::View,
    limit: usize,
) -> anyhow::Result<(Vec<Payment>, bool)> {
    let (mut payments, mut cursor) = (Vec::new(), String::new());
    loop {
        let left = i64::try_from(limit - payments.len())?.min(1000);
        let request = node.ask(ListPaymentsRequest { view: view.into(), limit: left, cursor });
        let page =
            node.admin.list_payments(request).await.map_err(|status| node.explain(&status))?.into_inner();
        payments.extend(page.payments);
        cursor = page.next_cursor;
        if cursor.is_empty() || payments.len() >= limit {
            return Ok((payments, !cursor.is_empty()));
        }
    }
}

fn row(payment: &Payment, now: i64) -> [String; 8] {
    let next = match payment.next_check {
        0 => "-".to_owned(),
        at if at <= now => "now".to_owned(),
        at => format!("in {}", span(at - now)),
    };
    [
        payment.id.clone(),
        operation(payment).to_owned(),
        state(payment),
        money(payment),
        provider(payment).to_owned(),
        format!("{} ago", span(now - payment.created)),
        next,
        or_dash(&payment.order_id),
    ]
}

fn show(payment: &Payment) -> anyhow::Result<()> {
    let mut lines = vec![
        ("payment", payment.id.clone()),
        ("what", format!("{} of {}", operation(payment), money(payment))),
        ("state", state(payment)),
        ("provider", format!("{}, its id {}", provider(payment), or_dash(&payment.provider_reference))),
        ("charge", payment.charge_id.clone()),
        ("order", or_dash(&payment.order_id)),
        ("sent", moment(payment.sent)),
        ("asked for", format!("{} times, next {}", payment.tries, moment(payment.next_check))),
    ];
    if !payment.failure_code.is_empty() {
        lines.push(("refused", payment.failure_code.clone()));
    }
    if !payment.evidence.is_empty() {
        lines.push(("evidence", payment.evidence.clone()));
    }
    if !payment.given_back_by.is_empty() {
        lines.push(("given back", format!("by payment {}", payment.given_back_by)));
    }
    for remark in &payment.remarks {
        let Remark { by, at, note, provider_reference, .. } = remark;
        let mut said = format!("{}: {by} {}", moment(*at), said(remark));
        if !provider_reference.is_empty() {
            said.push_str(&format!(", as {provider_reference}"));
        }
        if !note.is_empty() {
            said.push_str(&format!(" ({note})"));
        }
        lines.push(("remark", said));
    }
    lines.push(("version", payment.version.to_string()));
    let mut out = io::stdout().lock();
    for (name, text) in lines {
        writeln!(out, "{name:<11} {text}")?;
    }
    Ok(())
}

fn said(remark: &Remark) -> &'static str {
    match remark.verdict() {
        Verdict::AskGateway => "had the gateway asked",
        Verdict::Succeeded => "said that it happened",
        Verdict::Failed => "said that it did not happen",
        Verdict::Reviewed => "dealt with it",
    }
}

fn as_json(payment: &Payment) -> Value {
    let remarks: Vec<Value> = payment
        .remarks
        .iter()
        .map(|remark| {
            json!({
                "by": remark.by,
                "at": some_moment(remark.at),
                "verdict": remark.verdict().as_str_name().to_lowercase(),
                "note": remark.note,
                "provider_reference": remark.provider_reference,
            })
        })
        .collect();
    json!({
        "id": payment.id,
        "charge_id": payment.charge_id,
        "order_id": payment.order_id,
        "operation": operation(payment),
        "state": payment.state().as_str_name().to_lowercase(),
        "provider": provider(payment),
        "provider_reference": payment.provider_reference,
        "amount": payment.amount,
        "currency": Currency::from_number(payment.currency).map(|currency| currency.code()),
        "failure_code": payment.failure_code,
        "evidence": payment.evidence,
        "tries": payment.tries,
        "sent": some_moment(payment.sent),
        "next_check": some_moment(payment.next_check),
        "review": payment.review,
        "remarks": remarks,
        "given_back_by": payment.given_back_by,
        "version": payment.version,
        "created": some_moment(payment.created),
        "updated": some_moment(payment.updated),
    })
}

fn say(value: &Value) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{value}").context("can't print")
}

fn operation(payment: &Payment) -> &'static str {
    match payment.operation() {
        Operation::Charge => "charge",
        Operation::Capture => "capture",
        Operation::Void => "void",
        Operation::Refund => "refund",
        Operation::Unspecified => "-",
    }
}

fn state(payment: &Payment) -> String {
    let state = match payment.state() {
        State::Prepared => "prepared",
        State::Sending => "sending",
        State::RequiresAction => "requires action",
        State::Pending => "pending",
        State::Unknown => "unknown",
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Unspecified => "-",
    };
    if payment.review { format!("{state}, to review") } else { state.to_owned() }
}

fn money(payment: &Payment) -> String {
    match Currency::from_number(payment.currency) {
        Some(currency) => Money { amount: payment.amount, currency }.to_string(),
        None => payment.amount.to_string(),
    }
}

fn provider(payment: &Payment) -> &'static str {
    Provider::from_number(payment.provider_id).map_or("-", Provider::name)
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// A moment for people.
fn moment(seconds: i64) -> String {
    some_moment(seconds).unwrap_or_else(|| "-".to_owned())
}

/// 0 stands for none.
fn some_moment(seconds: i64) -> Option<String> {
    let at = Timestamp::from_second(seconds).ok().filter(|_| seconds != 0);
    at.map(|at| at.to_string())
}
