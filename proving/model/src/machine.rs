//! The exploration: breadth first, every step from every state, until nothing new turns up or the depth is reached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use stateright::{Checker, Model, Property};

use crate::play::{Play, Sort};
use crate::state::{Shape, State};
use crate::step::{End, Step, of_a_charge, of_an_order};
use crate::tables::{Moves, seen};

/// A shop whose states are explored.
#[derive(Clone)]
pub struct Machine {
    sort: Sort,
    steps: Vec<Step>,
    moves: Arc<Mutex<Moves>>,
    /// What is wrong at rest after states of these shapes.
    ends: Arc<Mutex<HashMap<Shape, Vec<String>>>>,
}

/// What an exploration showed.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// States that differ.
    pub states: usize,
    /// Steps that were tried.
    pub steps: usize,
    /// The longest way to a state.
    pub depth: usize,
    /// The moves that were seen.
    pub moves: Moves,
    /// Ways to states in which something is wrong, or from which the janitor does not lead to rest.
    pub wrong: Vec<String>,
}

impl Explored {
    /// Adds another exploration.
    pub fn add(&mut self, other: Explored) {
        self.states += other.states;
        self.steps += other.steps;
        self.depth = self.depth.max(other.depth);
        self.moves.extend(other.moves);
        self.wrong.extend(other.wrong);
    }
}

impl Machine {
    /// A shop of this kind.
    pub fn new(sort: Sort) -> Machine {
        let steps = if sort.holds { of_a_charge() } else { of_an_order() };
        Machine { sort, steps, moves: Arc::default(), ends: Arc::default() }
    }

    /// Explores every state that at most so many steps lead to.
    pub fn explore(self, steps: usize, threads: usize) -> Explored {
        let moves = self.moves.clone();
        // The first state counts as one deep.
        let checked = self.checker().target_max_depth(steps + 1).threads(threads).spawn_bfs().join();
        let wrong = checked.discoveries().into_iter().map(|(property, path)| {
            let state = path.last_state();
            format!("{property}: {:?}: {:?} {:?}", state.path, state.wrong, state.no_way_out)
        });
        let wrong = wrong.collect();
        let (states, steps, depth) =
            (checked.unique_state_count(), checked.state_count(), checked.max_depth() - 1);
        let moves = moves.lock().unwrap().clone();
        Explored { states, steps, depth, moves, wrong }
    }

    /// What steps lead to; `None` where the last of them can't happen.
    fn state(&self, path: Vec<Step>) -> Option<State> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let play = self.play(&path).await?;
            let (mut state, evidence) = State::of(path, &play).await;
            self.moves.lock().unwrap().extend(seen(&evidence.events));
            let known = self.ends.lock().unwrap().get(&state.shape).cloned();
            state.no_way_out = match known {
                Some(end) => end,
                None => self.end(&state, play).await?,
            };
            Some(state)
        })
    }

    /// What is wrong at rest, however the gateway ends what it has under way.
    async fn end(&self, state: &State, play: Play) -> Option<Vec<String>> {
        let undecided = play.is_open_at_the_gateway();
        let mut wrong = play.heal(End::Well).await;
        if undecided {
            wrong.extend(self.play(&state.path).await?.heal(End::Badly).await);
        }
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        self.ends.lock().unwrap().insert(state.shape.clone(), wrong.clone());
        Some(wrong)
    }

    async fn play(&self, path: &[Step]) -> Option<Play> {
        let mut play = Play::begin(self.sort).await;
        let mut happened = true;
        for step in path {
            happened = play.take(*step).await;
        }
        happened.then_some(play)
    }
}

impl Model for Machine {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        self.state(Vec::new()).into_iter().collect()
    }

    fn actions(&self, _: &State, actions: &mut Vec<Step>) {
        actions.extend(&self.steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut path = last.path.clone();
        path.push(step);
        self.state(path)
    }

    fn properties(&self) -> Vec<Property<Machine>> {
        vec![
            Property::always("everything is right at any moment", |_, state: &State| state.wrong.is_empty()),
            Property::always("every state has a way out", |_, state: &State| state.no_way_out.is_empty()),
        ]
    }
}
