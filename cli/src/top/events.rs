//! Events go into the state, and effects come out.

use std::time::Instant;

use ratatui::crossterm::event::KeyEvent;

use super::detail::Line;
use super::keys::press;
use super::snapshot::{Bans, Snapshot};
use super::state::{Effect, State};
use super::table::Target;

pub enum Event {
    Snapshot(Box<Snapshot>),
    /// The bans, which come after the snapshot.
    Bans(Bans),
    /// The answer to [`Effect::Ask`] about this target.
    Answer(Target, Vec<Line>),
    Key(KeyEvent),
    Resize(u16, u16),
    /// Time has passed.
    Tick,
}

impl State {
    pub fn update(&mut self, event: Event, now: Instant) -> Option<Effect> {
        self.advance(now);
        let effect = match event {
            Event::Snapshot(snapshot) => {
                self.see(*snapshot);
                None
            }
            Event::Bans(bans) => {
                self.see_bans(bans);
                None
            }
            Event::Answer(target, lines) => {
                if let Some(detail) = self.detail.as_mut().filter(|detail| detail.target == target) {
                    detail.lines = Some(lines);
                }
                None
            }
            Event::Key(key) => press(self, key),
            Event::Resize(width, height) => {
                self.size = (width, height);
                None
            }
            Event::Tick => None,
        };
        self.arrange();
        effect
    }
}
