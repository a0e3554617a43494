//! What can happen: what buyers and sellers do, and what befalls the shop.

use digota_planted::node::Hold;

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The order is paid with a card of this fate; the same card again is the same request again.
    Pay(Card),
    /// A payment begins on a node of its own and is held there.
    Begin(Hold),
    /// What is held goes on to its end.
    GoOn,
    /// The process in which it is held dies. Another takes over what it left.
    Crash,
    /// The order is given up.
    Cancel,
    /// The order is sent.
    Fulfill,
    /// A part of the charge is given back, and the answer is lost if so said.
    Refund(Answer),
    /// Everything is returned, and the answer is lost if so said.
    Return(Answer),
    /// Money is held on a card of this fate, without an order.
    Hold(Card),
    /// What is held is taken, and the answer is lost if so said.
    Capture(Answer),
    /// What is held is given up, and the answer is lost if so said.
    Void(Answer),
    /// What is under way at the gateway ends there.
    End(End),
    /// Time passes until the next look at an open attempt is due, and the janitor looks.
    Janitor,
    /// So much time passes that no order can be paid any more.
    Expire,
}

/// The fate of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Card {
    /// It succeeds.
    Good,
    /// It is declined.
    Declined,
    /// The buyer must do something first.
    Challenge,
    /// It stays under way.
    Pending,
    /// The request is lost on its way.
    LostBefore,
    /// It succeeds and the answer is lost.
    LostAfter,
    /// No byte is sent.
    NeverSent,
}

/// Whether an answer gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It does.
    Heard,
    /// It took effect, and the answer is lost.
    Lost,
    /// The request is lost.
    NeverThere,
}

/// How something ends at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Money moves, or is held where it was to be held.
    Well,
    /// It is refused.
    Badly,
    /// The buyer did what was to be done, and it is under way.
    UnderWay,
}

impl Card {
    /// The token by which the gateway knows the fate.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Card::Good => "tok_ok",
            Card::Declined => "tok_card_declined",
            Card::Challenge => "tok_challenge",
            Card::Pending => "tok_pending",
            Card::LostBefore => "tok_lose_before",
            Card::LostAfter => "tok_lose_after",
            Card::NeverSent => "tok_never_sent",
        }
    }
}

const CARDS: [Card; 7] = [
    Card::Good,
    Card::Declined,
    Card::Challenge,
    Card::Pending,
    Card::LostBefore,
    Card::LostAfter,
    Card::NeverSent,
];

const ANSWERS: [Answer; 3] = [Answer::Heard, Answer::Lost, Answer::NeverThere];

/// Everything that can happen to an order.
pub(crate) fn of_an_order() -> Vec<Step> {
    let mut steps: Vec<Step> = CARDS.map(Step::Pay).to_vec();
    steps.extend([Hold::BeforeCommitA, Hold::AfterCommitA, Hold::BeforeAnswer].map(Step::Begin));
    steps.extend(ANSWERS.map(Step::Refund));
    steps.extend(ANSWERS.map(Step::Return));
    steps.extend([Step::GoOn, Step::Crash, Step::Cancel, Step::Fulfill, Step::Expire]);
    steps.extend(of_anything());
    steps
}

/// Everything that can happen to a charge without an order.
pub(crate) fn of_a_charge() -> Vec<Step> {
    let mut steps: Vec<Step> = CARDS.map(Step::Hold).to_vec();
    steps.extend(ANSWERS.map(Step::Capture));
    steps.extend(ANSWERS.map(Step::Void));
    steps.extend(ANSWERS.map(Step::Refund));
    steps.extend(of_anything());
    steps
}

fn of_anything() -> [Step; 4] {
    [Step::End(End::Well), Step::End(End::Badly), Step::End(End::UnderWay), Step::Janitor]
}
