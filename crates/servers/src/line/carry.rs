//! One connection: carries messages both ways until a fault or its end.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::speech::{Asked, Asking, What, answer, asks_for_tls};
use super::{Fault, State, Way};

/// How long a server may take to end with what came late.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client takes its leave.
const BYE: &[u8] = &[b'X', 0, 0, 0, 4];

/// Carries until the line breaks or either side ends; then both see a reset.
pub(super) async fn carry(mut client: TcpStream, server: TcpStream, state: &State) {
    let mut resets = state.resets.subscribe();
    for socket in [&client, &server] {
        // A socket that does not take one of these breaks more gently, or is slower.
        drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
        drop(socket.set_nodelay(true));
    }
    if refuse_tls(&mut client).await.is_err() {
        return;
    }
    let (mut from_client, to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let mut to_client = Pipe { to: to_client, way: Way::Back, state, left: None };
    let mut to_server = Pipe { to: to_server, way: Way::There, state, left: None };
    let answers = Answers::default();
    let late = tokio::select! {
        late = there(&mut from_client, &mut to_server, &answers) => late,
        _ = back(&mut from_server, &mut to_client, &answers) => None,
        _ = resets.changed() => None,
    };
    drop((from_client, to_client));
    if let Some(late) = late {
        // A server that is gone has made up its mind too.
        let arriving = late.arrive(&mut from_server, &mut to_server.to);
        drop(tokio::time::timeout(late.after + PATIENCE, arriving).await);
    }
}

async fn refuse_tls(client: &mut TcpStream) -> io::Result<()> {
    let mut start = [0; 8];
    while client.peek(&mut start).await? == start.len() && asks_for_tls(&start) {
        client.read_exact(&mut start).await?;
        client.write_all(b"N").await?;
    }
    Ok(())
}

/// How far the server is: it says that it is ready once per question, the greeting included.
#[derive(Default)]
struct Answers {
    asked: AtomicUsize,
    /// The number of the question whose answer is kept back; 0 for none.
    kept_back: AtomicUsize,
}

/// Carries what the client says. Ends where the line breaks, with what is to arrive nevertheless.
async fn there<'a>(from: &mut OwnedReadHalf, to: &mut Pipe<'a>, answers: &Answers) -> Option<Late<'a>> {
    let (mut asking, mut received) = (Asking::default(), BytesMut::new());
    loop {
        while let Some(asked) = asking.next(&mut received) {
            match meet(to.state, &asked) {
                Some(Fault::Lost(_)) => return None,
                Some(Fault::Unanswered(_)) => {
                    let this = answers.asked.load(Ordering::SeqCst) + 1;
                    answers.kept_back.store(this, Ordering::SeqCst);
                }
                Some(Fault::Late(_, after)) => {
                    let mut late = Late { messages: vec![asked], after, on_its_way: OnItsWay::new(to.state) };
                    late.fill(from, asking, received).await?;
                    return Some(late);
                }
                Some(Fault::Slow(_, time)) => tokio::time::sleep(time).await,
                _ => {}
            }
            if asked.is_answered() {
                answers.asked.fetch_add(1, Ordering::SeqCst);
            }
            to.put(&asked.bytes).await?;
        }
        read(from, &mut received).await?;
    }
}

/// Carries what the server answers. Ends where the line breaks.
async fn back(from: &mut OwnedReadHalf, to: &mut Pipe<'_>, answers: &Answers) -> Option<()> {
    let (mut answered, mut received) = (0, BytesMut::new());
    loop {
        while let Some((bytes, is_ready)) = answer(&mut received) {
            let is_kept_back = answers.kept_back.load(Ordering::SeqCst) == answered + 1;
            answered += usize::from(is_ready);
            match (is_kept_back, is_ready) {
                (false, _) => to.put(&bytes).await?,
                (true, false) => {}
                // It is done.
                (true, true) => return None,
            }
        }
        read(from, &mut received).await?;
    }
}

/// Reads some bytes; `None` at the end.
async fn read(from: &mut OwnedReadHalf, received: &mut BytesMut) -> Option<()> {
    from.read_buf(received).await.ok().filter(|n| *n > 0).map(drop)
}

/// The fault that a message of the client meets, if any.
fn meet(state: &State, asked: &Asked) -> Option<Fault> {
    let What::Run(sql) = &asked.what else { return None };
    state.meet(|fault| match fault {
        Fault::Lost(start) | Fault::Unanswered(start) | Fault::Late(start, _) | Fault::Slow(start, _) => {
            sql.starts_with(start)
        }
        Fault::Cut(..) | Fault::Silent(_) => false,
    })
}

/// Where one direction leads.
struct Pipe<'a> {
    to: OwnedWriteHalf,
    way: Way,
    state: &'a State,
    /// How many bytes still pass, if it is to break.
    left: Option<usize>,
}

impl Pipe<'_> {
    /// Passes bytes on; `None` where the line breaks.
    async fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.state.pause().await;
        let fault = self.state.meet(|fault| match fault {
            Fault::Cut(way, _) | Fault::Silent(way) => *way == self.way,
            _ => false,
        });
        match fault {
            Some(Fault::Cut(_, left)) => self.left = Some(left),
            Some(_) => std::future::pending().await,
            None => {}
        }
        let Some(left) = self.left else { return self.to.write_all(bytes).await.ok() };
        let passing = bytes.len().min(left);
        self.to.write_all(&bytes[..passing]).await.ok()?;
        self.left = Some(left - passing);
        (passing == bytes.len()).then_some(())
    }
}

/// What arrives after its client is gone: from some statement to the end of its transaction.
struct Late<'a> {
    messages: Vec<Asked>,
    after: Duration,
    #[expect(dead_code, reason = "counts while it is there")]
    on_its_way: OnItsWay<'a>,
}

impl Late<'_> {
    /// Takes what the client says to the end of the transaction; `None` if it ends before that.
    async fn fill(
        &mut self,
        from: &mut OwnedReadHalf,
        mut asking: Asking,
        mut received: BytesMut,
    ) -> Option<()> {
        let mut has_commit = false;
        loop {
            let last = self.messages.last()?;
            has_commit |= matches!(&last.what, What::Run(sql) if sql.starts_with("COMMIT"));
            if has_commit && last.is_answered() {
                return Some(());
            }
            match asking.next(&mut received) {
                Some(asked) => self.messages.push(asked),
                None => read(from, &mut received).await?,
            }
        }
    }

    /// Arrives; returns once the server has done it.
    async fn arrive(&self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> io::Result<()> {
        tokio::time::sleep(self.after).await;
        for asked in &self.messages {
            to.write_all(&asked.bytes).await?;
        }
        to.write_all(BYE).await?;
        tokio::io::copy(from, &mut tokio::io::sink()).await.map(drop)
    }
}

/// Counted while it is there.
struct OnItsWay<'a>(&'a State);

impl<'a> OnItsWay<'a> {
    fn new(state: &'a State) -> Self {
        state.late.fetch_add(1, Ordering::SeqCst);
        Self(state)
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.late.fetch_sub(1, Ordering::SeqCst);
    }
}
