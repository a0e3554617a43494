//! `digota demo`: the whole way of an order, told as it goes.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use digota_core::currency::Currency;
use digota_core::money::Money;
use digota_proto::orderpb::order_service_client::OrderServiceClient;
use digota_proto::orderpb::{self, Order, OrderItem, PayRequest, ReturnRequest, order, order_item};
use digota_proto::paymentpb::payment_service_client::PaymentServiceClient;
use digota_proto::paymentpb::{self, Card, CardType, PaymentProviderId};
use digota_proto::productpb::product_service_client::ProductServiceClient;
use digota_proto::productpb::{self, Product};
use digota_proto::skupb::sku_service_client::SkuServiceClient;
use digota_proto::skupb::{self, Inventory, Sku, inventory};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::config::Sources;
use crate::logging::{self, Verbosity};
use crate::serve::{Running, runtime};
use crate::{config, dev};

/// `digota demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// The folder that it keeps everything in
    #[arg(long, value_name = "DIR", default_value = "digota-demo")]
    data: PathBuf,
}

impl Demo {
    /// Plays it, from an empty folder or on what the last time left.
    pub(crate) fn run(self, verbosity: Verbosity) -> anyhow::Result<()> {
        let quiet = config::Log { level: config::Level::Warn, ..Default::default() };
        logging::init(verbosity, &quiet);
        let fresh = !self.data.exists();
        let folder = dev::Folder::prepare(&self.data)?;
        say(&format!(
            "{} a CA, a server certificate and a client certificate in {}/certs.",
            if fresh { "Made" } else { "Found" },
            self.data.display()
        ));
        // Nothing of this machine's own settings: the demo is the same everywhere.
        let settings = Sources::default()
            .preset("demo", &folder.preset())
            .preset("demo", &[("address", "127.0.0.1:0")])
            .load()?
            .settings;
        runtime()?.block_on(async {
            let started = Instant::now();
            let running = Running::start(settings).await?;
            let ms = started.elapsed().as_millis();
            say(&format!("The server is ready after {ms} ms, on {} over mutual TLS.", running.address));
            let channel = connect(&folder, running.address.port()).await?;
            let played = Story::new(channel).play().await;
            running.stop().await?;
            played
        })?;
        say(&format!("\nDone. Play it again, or look at the data: {}", self.data.display()));
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "telling the story is what the demo is for")]
fn say(line: &str) {
    println!("{line}");
}

async fn connect(folder: &dev::Folder, port: u16) -> anyhow::Result<Channel> {
    let (ca, certificate, key) = folder.client_files();
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let tls = ClientTlsConfig::new()
        .domain_name("localhost")
        .ca_certificate(Certificate::from_pem(read(&ca)?))
        .identity(Identity::from_pem(read(&certificate)?, read(&key)?));
    let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{port}"))?.tls_config(tls)?;
    endpoint.connect().await.context("cannot reach the server that was just started")
}

/// The client's side.
struct Story {
    products: ProductServiceClient<Channel>,
    skus: SkuServiceClient<Channel>,
    orders: OrderServiceClient<Channel>,
    payments: PaymentServiceClient<Channel>,
}

/// How many pieces the SKU has at first.
const STOCK: i64 = 10;

impl Story {
    fn new(channel: Channel) -> Story {
        Story {
            products: ProductServiceClient::new(channel.clone()),
            skus: SkuServiceClient::new(channel.clone()),
            orders: OrderServiceClient::new(channel.clone()),
            payments: PaymentServiceClient::new(channel),
        }
    }

    async fn play(mut self) -> anyhow::Result<()> {
        let sku = self.stock_the_shop().await?;
        let order = self.order(&sku).await?;
        let paid = self.pay(&order).await?;
        self.show_stock(&sku, STOCK - 2, "Two are sold").await?;
        self.pay_again(&order).await?;
        self.give_back(&paid).await?;
        self.show_stock(&sku, STOCK, "Both are back in stock").await?;
        self.list().await
    }

    async fn stock_the_shop(&mut self) -> anyhow::Result<Sku> {
        say("\n1. Something to sell");
        let new = productpb::NewRequest {
            name: "Football ticket".into(),
            active: true,
            attributes: vec!["section".into()],
            description: "One match, one seat".into(),
            ..Default::default()
        };
        let product: Product = self.products.create(new).await?.into_inner();
        say(&format!("   product  {}  {}", product.id, product.name));
        let new = skupb::NewRequest {
            name: "North stand".into(),
            currency: paymentpb::Currency::Eur.into(),
            active: true,
            price: 4726,
            parent: product.id,
            inventory: Some(Inventory {
                quantity: STOCK,
                r#type: inventory::Type::Finite.into(),
                version: 0,
            }),
            attributes: [("section".to_owned(), "north".to_owned())].into(),
            ..Default::default()
        };
        let sku = self.skus.create(new).await?.into_inner();
        let price = money(i64::try_from(sku.price)?, sku.currency)?;
        say(&format!("   SKU      {}  {}, {price}, {STOCK} in stock", sku.id, sku.name));
        Ok(sku)
    }

    async fn order(&mut self, sku: &Sku) -> anyhow::Result<Order> {
        say("\n2. An order: two tickets, a discount, a tax, and where to send them");
        let line = |kind: order_item::Type, amount: i64, description: &str| OrderItem {
            r#type: kind.into(),
            amount,
            currency: paymentpb::Currency::Eur.into(),
            description: description.into(),
            ..Default::default()
        };
        let tickets = OrderItem {
            r#type: order_item::Type::Sku.into(),
            parent: sku.id.clone(),
            quantity: 2,
            ..Default::default()
        };
        let new = orderpb::NewRequest {
            currency: paymentpb::Currency::Eur.into(),
            items: vec![
                tickets,
                line(order_item::Type::Discount, -1000, "Discount for being a loyal customer"),
                line(order_item::Type::Tax, 1000, "Tax"),
            ],
            email: "ada@example.com".into(),
            shipping: Some(address()),
            ..Default::default()
        };
        let order = self.orders.create(new).await?.into_inner();
        for item in &order.items {
            let price = money(item.amount, item.currency)?;
            say(&format!("   {:>3} × {:<38} {price:>12}", item.quantity, item.description));
        }
        say(&format!("   order    {}  {}", order.id, money(order.amount, order.currency)?));
        ensure!(order.amount == 2 * 4726, "the order adds up to {}", order.amount);
        Ok(order)
    }

    async fn pay(&mut self, order: &Order) -> anyhow::Result<Order> {
        say("\n3. Pay it with Visa 4242 4242 4242 4242");
        let paid = self.orders.pay(payment(order)).await?.into_inner();
        ensure!(paid.status() == order::Status::Paid, "the order is {:?}", paid.status());
        say(&format!("   paid     charge {}", paid.charge_id));
        Ok(paid)
    }

    async fn pay_again(&mut self, order: &Order) -> anyhow::Result<()> {
        say("\n4. Pay it a second time");
        match self.orders.pay(payment(order)).await {
            Err(refused) => say(&format!("   refused  {:?}: {}", refused.code(), refused.message())),
            Ok(_) => bail!("the order was paid twice"),
        }
        Ok(())
    }

    async fn give_back(&mut self, order: &Order) -> anyhow::Result<()> {
        say("\n5. Return it");
        let back = ReturnRequest { id: order.id.clone(), ..Default::default() };
        let returned = self.orders.r#return(back.clone()).await?.into_inner();
        ensure!(returned.status() == order::Status::Canceled, "the order is {:?}", returned.status());
        say(&format!("   returned {} paid back", money(returned.refunded_amount, returned.currency)?));
        match self.orders.r#return(back).await {
            Err(refused) => say(&format!("   again?   {:?}: {}", refused.code(), refused.message())),
            Ok(_) => bail!("the order was returned twice"),
        }
        Ok(())
    }

    async fn show_stock(&mut self, sku: &Sku, expected: i64, what: &str) -> anyhow::Result<()> {
        let now = self.skus.get(skupb::GetRequest { id: sku.id.clone() }).await?.into_inner();
        let quantity = now.inventory.map_or(0, |inventory| inventory.quantity);
        ensure!(quantity == expected, "{quantity} in stock, expected {expected}");
        say(&format!("   {what}: {quantity} in stock."));
        Ok(())
    }

    async fn list(&mut self) -> anyhow::Result<()> {
        say("\n6. Everything there is");
        let products = self.products.list(productpb::ListRequest::default()).await?.into_inner();
        let skus = self.skus.list(skupb::ListRequest::default()).await?.into_inner();
        let orders = self.orders.list(orderpb::ListRequest::default()).await?.into_inner();
        let charges = self.payments.list(paymentpb::ListRequest::default()).await?.into_inner();
        say(&format!("   {} products, {} SKUs", products.total, skus.total));
        for order in &orders.orders {
            let amount = money(order.amount, order.currency)?;
            say(&format!("   order    {}  {:?}, {amount}", order.id, order.status()));
        }
        for charge in &charges.charges {
            let (amount, back) = (i64::try_from(charge.charge_amount)?, i64::try_from(charge.refund_amount)?);
            let (amount, back) = (money(amount, charge.currency)?, money(back, charge.currency)?);
            say(&format!("   charge   {}  {amount}, {back} paid back", charge.id));
        }
        Ok(())
    }
}

fn payment(order: &Order) -> PayRequest {
    PayRequest {
        id: order.id.clone(),
        payment_provider_id: PaymentProviderId::Sandbox.into(),
        card: Some(Card {
            number: "4242424242424242".into(),
            expire_month: "12".into(),
            expire_year: "2040".into(),
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            cvc: "123".into(),
            r#type: CardType::Visa.into(),
        }),
        ..Default::default()
    }
}

fn address() -> orderpb::Shipping {
    orderpb::Shipping {
        name: "Ada Lovelace".into(),
        phone: "+44 20 0000 0000".into(),
        address: Some(orderpb::shipping::Address {
            line1: "12 St James's Square".into(),
            city: "London".into(),
            country: "GB".into(),
            postal_code: "SW1Y 4JH".into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn money(amount: i64, currency: i32) -> anyhow::Result<String> {
    let currency = Currency::from_number(currency).context("a currency that the contract does not have")?;
    Ok(Money { amount, currency }.to_string())
}
