//! The terminal: enters and leaves it, and connects its events, the data and the state.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::detail::{self, Line};
use super::draw::draw;
use super::events::Event;
use super::fetch::Fetcher;
use super::state::{Effect, State};
use super::table::Target;
use super::theme::Theme;
use crate::connect::fleet::Fleet;

/// How long the loop may take to end after a signal: a terminal that takes no output blocks it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Fails unless a person sits at the other end.
pub fn check() -> Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("top needs a terminal; `lockwatch top --once` prints what it shows once, as text");
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        bail!(
            "top can't draw on this terminal (TERM=dumb); `lockwatch top --once` prints what it shows once"
        );
    }
    Ok(())
}

/// What ends the loop.
enum End {
    Quit,
    Signal(u8),
}

pub async fn run(fetcher: Fetcher, every: Duration) -> Result<ExitCode> {
    let signals = signals()?;
    let mut terminal = ratatui::try_init()?;
    let outcome = serve(&mut terminal, fetcher, every, signals).await;
    // After a panic of a task the hook of ratatui has restored the terminal. A second time would
    // move the cursor onto its message.
    let panicked = outcome.as_ref().err().and_then(|why| why.downcast_ref::<JoinError>());
    if !panicked.is_some_and(JoinError::is_panic) {
        ratatui::try_restore()?;
    }
    Ok(match outcome? {
        End::Quit => ExitCode::SUCCESS,
        End::Signal(number) => ExitCode::from(128 + number),
    })
}

async fn serve(
    terminal: &mut DefaultTerminal,
    fetcher: Fetcher,
    every: Duration,
    mut signals: mpsc::Receiver<u8>,
) -> Result<End> {
    let size = terminal.size()?;
    let mut state = State::new(Theme::from_environment(), every, (size.width, size.height), Instant::now());
    let mut events = input();
    let mut asking = JoinSet::new();
    let (news_to, mut news) = mpsc::channel(1);
    let fleet = Arc::clone(fetcher.fleet());
    let mut fetching = tokio::spawn(fetcher.run(every, news_to));
    let mut clock = interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        terminal.draw(|frame| draw(&state, frame))?;
        let event = tokio::select! {
            Some(event) = news.recv() => event,
            Some(answer) = asking.join_next() => {
                let (target, lines) = answer?;
                Event::Answer(target, lines)
            }
            event = events.recv() => match event {
                Some(event) => event?,
                // The terminal is gone.
                None => return Ok(End::Quit),
            },
            Some(signal) = signals.recv() => return Ok(End::Signal(signal)),
            _ = clock.tick() => Event::Tick,
            ended = &mut fetching => { ended??; bail!("the data does not come any more"); }
        };
        match state.update(event, Instant::now()) {
            Some(Effect::Quit) => return Ok(End::Quit),
            Some(Effect::Ask(target)) => ask(&mut asking, &fleet, &state, target),
            Some(Effect::Redraw) => terminal.clear()?,
            None => {}
        }
    }
}

/// Asks the servers about a target. The screen does not wait for the answer.
fn ask(asking: &mut JoinSet<(Target, Vec<Line>)>, fleet: &Arc<Fleet>, state: &State, target: Target) {
    let (fleet, now_ms) = (Arc::clone(fleet), state.seen().map_or(0, |seen| seen.now_ms()));
    asking.spawn(async move {
        let lines = detail::ask(&fleet, &target, now_ms).await;
        (target, lines)
    });
}

/// Reads the terminal's events on a thread, which ends with the program.
fn input() -> mpsc::Receiver<io::Result<Event>> {
    let (to, events) = mpsc::channel(64);
    std::thread::spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) => Ok(Event::Key(key)),
                Ok(event::Event::Resize(width, height)) => Ok(Event::Resize(width, height)),
                Ok(_) => continue,
                Err(why) => Err(why),
            };
            let is_last = event.is_err();
            if to.blocking_send(event).is_err() || is_last {
                return;
            }
        }
    });
    events
}

/// Receives the numbers of signals that end the program. If the loop does not end in time, the
/// process does.
fn signals() -> Result<mpsc::Receiver<u8>> {
    let (to, received) = mpsc::channel(1);
    let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
    for kind in kinds {
        let (mut stream, to) = (signal(kind)?, to.clone());
        tokio::spawn(async move {
            stream.recv().await;
            let number = u8::try_from(kind.as_raw_value()).unwrap_or(0);
            let _ = to.try_send(number);
            tokio::time::sleep(PATIENCE).await;
            std::process::exit(128 + i32::from(number));
        });
    }
    Ok(received)
}
