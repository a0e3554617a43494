//! The way from clients to nodes and back: slow, cut at times, and either end may hang up.

use std::sync::Arc;

use futures_util::future::{Either, select};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::ask::{Ask, Terms, Told};
use crate::plan::Peer;
use crate::stage::Stage;
use crate::world::{MS, Micros};

/// How long a request is on its way, and as long its answer.
const SPAN: (Micros, Micros) = (200, 20 * MS);

/// A refusal, or that there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct No {
    /// Its code.
    pub code: Code,
    /// The reason for programs; empty where the node itself said nothing.
    pub reason: String,
    /// The text for people.
    pub message: String,
}

impl No {
    fn unheard(why: &str) -> No {
        No { code: Code::Unavailable, reason: String::new(), message: why.to_owned() }
    }

    fn read(status: &Status) -> No {
        let details = status.get_error_details();
        let reason = details.error_info().filter(|info| info.domain == digota_grpc::status::DOMAIN);
        let reason = reason.map(|info| info.reason.clone()).unwrap_or_default();
        No { code: status.code(), reason, message: status.message().to_owned() }
    }
}

impl Stage {
    /// Asks a node once.
    pub async fn ask(self: &Arc<Self>, place: usize, ask: Ask, terms: Terms) -> Result<Told, No> {
        let world = &self.world;
        let patience = Micros::try_from(terms.deadline.as_micros()).unwrap_or(Micros::MAX);
        world.letter(self.clients, world.span(SPAN.0, SPAN.1), ()).await;
        if self.is_cut(place, Peer::Clients) {
            world.count("calls cut off");
            world.letter(self.clients, patience, ()).await;
            return Err(No::unheard("no answer"));
        }
        let Some(node) = self.node(place) else {
            return Err(No::unheard("connection refused"));
        };
        let (sender, answer) = world.mail(self.clients);
        let connection = self.connections().open(node.process, sender);
        let number = connection.number();
        let (stage, service) = (Arc::clone(self), node.service.clone());
        let serving = async move {
            let answer = ask.serve(service, terms).await.map_err(|status| No::read(&status));
            let world = &stage.world;
            let Some(sender) = stage.connections().close(&connection) else { return };
            if stage.is_cut(place, Peer::Clients) {
                world.count("answers cut off");
                // Silence, not the end of the connection.
                world.after(patience, move |_| drop(sender));
                return;
            }
            world.after(world.span(SPAN.0, SPAN.1), move |_| sender.send(answer));
        };
        let Some(handler) = world.spawn(node.process, serving) else {
            return Err(No::unheard("connection refused"));
        };
        let hung_up = self.faults().hung_up();
        let patience = hung_up.map_or(patience, |after| after.min(patience));
        let over = world.letter(self.clients, patience, ());
        match select(answer.or_lost(), over).await {
            Either::Left((Ok(answer), _)) => answer,
            Either::Left((Err(_), _)) => Err(No::unheard("connection reset")),
            Either::Right(_) => {
                if hung_up.is_some() {
                    world.count("hang-ups");
                }
                // As tonic does when a caller goes away: whatever of the handler is still waiting is dropped.
                handler.abort();
                self.connections().forget(number);
                world.stir(node.process);
                Err(No::unheard("no answer in time"))
            }
        }
    }
}
