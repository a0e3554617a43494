//! The way to a running node: where it is, and who asks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use digota_proto::adminpb::admin_service_client::AdminServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::config::{Listen, Settings, Sources};
use crate::dev;

/// How long the node may take to be reached.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the node may take to answer.
const ANSWER: Duration = Duration::from_secs(60);

/// Which node to ask, and by which certificate
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The running node")]
pub(crate) struct Reach {
    /// Where the node listens; without it operator.address, then address of the settings
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<Listen>,
    /// Your client certificate, listed with the scope WILDCARD; without it operator.crt of the settings
    #[arg(long, value_name = "FILE")]
    crt: Option<PathBuf>,
    /// Its private key; without it operator.key of the settings
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The CA that signed the node's certificate; without it operator.cacrt, then tls.cacrt of the settings
    #[arg(long, value_name = "FILE")]
    cacrt: Option<PathBuf>,
    /// The name in the node's certificate, where it is not the host of the address
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Ask the node that `digota serve --dev` runs
    #[arg(long, conflicts_with_all = ["crt", "key", "cacrt"])]
    dev: bool,
    /// The folder that it keeps everything in
    #[arg(long, value_name = "DIR", default_value = "digota-dev", requires = "dev")]
    data: PathBuf,
}

/// A node that can be asked.
pub(super) struct Node {
    address: Listen,
    /// What it is asked through.
    pub(super) admin: AdminServiceClient<Channel>,
}

/// What is known of a node before it is asked.
struct Way {
    address: Listen,
    server_name: Option<String>,
    /// CA, certificate and key; without TLS none.
    files: Option<[PathBuf; 3]>,
}

impl Reach {
    /// Reaches the node.
    pub(super) async fn node(self, sources: Sources) -> anyhow::Result<Node> {
        let Way { address, server_name, files } = self.way(sources)?;
        let host = if address.host.is_empty() { "127.0.0.1" } else { &address.host };
        let authority = Listen { host: host.to_owned(), port: address.port };
        let scheme = if files.is_some() { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))?
            .connect_timeout(CONNECT)
            .user_agent(concat!("digota/", env!("CARGO_PKG_VERSION")))?;
        if let Some([cacrt, crt, key]) = files {
            let tls = ClientTlsConfig::new()
                .domain_name(server_name.unwrap_or_else(|| host.to_owned()))
                .ca_certificate(Certificate::from_pem(read(&cacrt)?))
                .identity(Identity::from_pem(read(&crt)?, read(&key)?));
            endpoint = endpoint.tls_config(tls).context("these certificates can't be used")?;
        }
        let channel = endpoint.connect().await.map_err(|error| unreachable(&address, error))?;
        Ok(Node { address, admin: AdminServiceClient::new(channel) })
    }

    fn way(self, sources: Sources) -> anyhow::Result<Way> {
        if self.dev {
            let (ca, crt, key) = dev::Folder::client_files_in(&self.data);
            let address = self.address.unwrap_or_else(|| Settings::default().address);
            return Ok(Way { address, server_name: self.server_name, files: Some([ca, crt, key]) });
        }
        // What else may be wrong with a server's settings is of no concern here.
        let (loaded, _) = sources.inspect();
        let settings = loaded.settings;
        let operator = settings.operator;
        let address = self.address.or(operator.address).unwrap_or(settings.address);
        if settings.insecure && self.crt.is_none() && operator.crt.is_none() {
            return Ok(Way { address, server_name: None, files: None });
        }
        let files = [
            (self.cacrt.or(operator.cacrt).or(settings.tls.cacrt), "--cacrt", "operator.cacrt"),
            (self.crt.or(operator.crt), "--crt", "operator.crt"),
            (self.key.or(operator.key), "--key", "operator.key"),
        ];
        let missing: Vec<String> = files
            .iter()
            .filter(|(file, ..)| file.is_none())
            .map(|(_, flag, setting)| format!("{flag} (or the setting {setting})"))
            .collect();
        if !missing.is_empty() {
            return Err(anyhow!(
                "needed to ask the node: {}. A certificate is made by `digota ca issue NAME --scope WILDCARD`; \
                 the node that `digota serve --dev` runs is asked with --dev",
                missing.join(", ")
            ));
        }
        let files = files.map(|(file, ..)| file.unwrap_or_default());
        Ok(Way { address, server_name: self.server_name.or(operator.server_name), files: Some(files) })
    }
}

impl Node {
    /// A request that waits no longer than it should.
    pub(super) fn ask<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(ANSWER);
        request
    }

    /// What a refusal means to an operator.
    pub(super) fn explain(&self, status: &Status) -> anyhow::Error {
        let address = &self.address;
        let text = status.message();
        match status.code() {
            Code::Unauthenticated => anyhow!(
                "the node at {address} does not know this certificate: {text}. List it there with scopes = [\"WILDCARD\"]"
            ),
            Code::PermissionDenied => anyhow!(
                "the node at {address} knows this certificate, and it may not administer: list it there with scopes = [\"WILDCARD\"]"
            ),
            Code::Unimplemented => {
                anyhow!("the node at {address} has no administration: is it an older digota?")
            }
            Code::DeadlineExceeded => {
                anyhow!("the node at {address} did not answer in time; what was asked for may still happen")
            }
            Code::Unavailable if status.get_details_error_info().is_none() => {
                anyhow!(
                    "the node at {address} broke off: {text}. Its log says why if it refused the connection"
                )
            }
            _ => match status.get_details_error_info() {
                Some(info) => anyhow!("{text} ({})", info.reason),
                None => anyhow!("{text}"),
            },
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// The innermost cause says most.
fn unreachable(address: &Listen, error: tonic::transport::Error) -> anyhow::Error {
    let error = anyhow::Error::from(error);
    let cause = error.root_cause().to_string();
    anyhow!("can't reach a node at {address}: {cause}. Does it run, and is that its address?")
}
