//! What happens to a request on its way: when it takes effect, when it is answered, and whether either is lost.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::cards::Behaviour;
use super::options::Options;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// How long after it came it takes effect.
    pub(crate) effect_after: Duration,
    /// The earliest that it is answered, after it came.
    pub(crate) answer_after: Duration,
    /// What is lost.
    pub(crate) loss: Loss,
}

/// What is lost on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing.
    Nothing,
    /// The request: it has no effect.
    Request,
    /// The answer.
    Answer,
    /// The answer, at once; the effect comes later.
    AnswerFirst,
}

/// Draws fates.
pub(crate) struct Fates {
    options: Options,
    chance: Mutex<StdRng>,
}

impl Fates {
    pub(crate) fn new(options: &Options) -> Fates {
        Fates { options: options.clone(), chance: Mutex::new(StdRng::seed_from_u64(options.seed)) }
    }

    /// The next request's fate; what its card says comes before chance.
    pub(crate) fn draw(&self, behaviour: Behaviour) -> Fate {
        let (jitter, by_chance) = self.toss();
        let delay = self.options.delay;
        let fate = |effect_after, answer_after, loss| Fate { effect_after, answer_after, loss };
        match behaviour {
            Behaviour::Slow => fate(jitter, self.options.slow.max(delay), by_chance),
            Behaviour::LoseBefore => fate(jitter, delay, Loss::Request),
            Behaviour::LoseAfter => fate(jitter, delay, Loss::Answer),
            Behaviour::Late => fate(self.options.late, Duration::ZERO, Loss::AnswerFirst),
            _ => fate(jitter, delay, by_chance),
        }
    }

    fn toss(&self) -> (Duration, Loss) {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let jitter = match self.options.effect_jitter {
            Duration::ZERO => Duration::ZERO,
            span => chance.random_range(Duration::ZERO..=span),
        };
        let request = chance.random_bool(self.options.lose_before);
        let answer = chance.random_bool(self.options.lose_after);
        let loss = match (request, answer) {
            (true, _) => Loss::Request,
            (false, true) => Loss::Answer,
            (false, false) => Loss::Nothing,
        };
        (jitter, loss)
    }
}
