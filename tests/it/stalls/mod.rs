//! How long other clients wait while one client calls a command or sets a directive.
//!
//! [`scenes`] lists every command and every directive, each beside as much data as the default
//! bounds allow. Here the sizes are small, and only a hang fails the test. `scripts/stalls.sh`
//! measures a release build with full sizes and prints the worst stall of each row.

mod first;
mod guards;
mod large_guards;
mod scenes;
mod stage;
mod stores;

use std::time::Duration;

use crate::support::Server;
use crate::support::probe::Stall;

use scenes::{Row, Scene};
use stage::Sizes;

/// A stall of more computing time than this is a hang, even of a debug build.
const HANG: Duration = Duration::from_millis(500);
/// What `scripts/stalls.sh` reports as too long.
const LONG: Duration = Duration::from_millis(20);

/// The name of a row in the table, and what it measured.
type Measured = (String, Stall, bool);

fn play(scene: &Scene, sizes: &Sizes) -> Vec<Measured> {
    let stage = (scene.prepare)(sizes);
    let measure = |row: &Row| {
        let client = &mut stage.client();
        let server = stage.probed();
        let stall = server.stall_during(|| (row.act)(&stage, client));
        (format!("{}: {}", scene.name, row.name), stall, row.copies_all)
    };
    scene.rows.iter().map(measure).collect()
}

#[test]
fn no_command_and_no_directive_stalls_other_clients() {
    if let Ok(divisor) = std::env::var("LOCKWATCH_STALLS") {
        print_all(&Sizes::full(divisor.parse().expect("LOCKWATCH_STALLS divides the sizes")));
        return;
    }
    for (name, stall, copies_all) in scenes::all().iter().flat_map(|scene| play(scene, &Sizes::SMALL)) {
        assert!(copies_all || stall.busy < HANG, "{name} stalled other clients: {stall:?}");
    }
}

/// Measures every scene and prints its rows.
fn print_all(sizes: &Sizes) {
    let is_long = |(_, stall, copies_all): &Measured| stall.busy > LONG && !copies_all;
    let mut long = 0;
    println!(
        "{:>9} {:>9}  the longest wait of another client, and the computing time in it",
        "wait/ms", "busy/ms"
    );
    for scene in scenes::all() {
        let measured = play(&scene, sizes);
        measured.iter().for_each(|row| print(row, is_long(row)));
        long += measured.iter().filter(|row| is_long(row)).count();
    }
    println!("{long} rows above {} ms of computing time", LONG.as_millis());
}

fn print((name, stall, copies_all): &Measured, is_long: bool) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let mark = match (is_long, copies_all) {
        (true, _) => "  TOO LONG",
        (_, true) => "  (copies the whole value)",
        _ => "",
    };
    println!("{:9.1} {:9.1}  {name}{mark}", ms(stall.wait), ms(stall.busy));
}

/// Every command and directive of the module, as the names of rows begin.
fn everything(server: &Server) -> Vec<String> {
    let mut client = server.client();
    let commands = client.run("COMMAND LIST FILTERBY MODULE lockwatch").texts();
    let directives = client.run("CONFIG GET lockwatch.*").texts();
    let commands = commands.iter().map(|name| name.to_ascii_uppercase().replace('|', " "));
    let directives = directives.chunks(2).map(|pair| format!("CONFIG SET {}", pair[0]));
    commands.chain(directives).filter(|name| name != "LW.DEBUG").collect()
}

#[test]
fn every_command_and_every_directive_has_a_row() {
    let server = Server::start();
    let scenes = scenes::all();
    let rows: Vec<_> = scenes.iter().flat_map(|scene| scene.rows.iter().map(|row| row.name)).collect();
    let has_row = |name: &str| {
        let rest =
            |row: &&str| row.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        rows.iter().any(rest)
    };
    let missing: Vec<_> = everything(&server).into_iter().filter(|name| !has_row(name)).collect();
    assert!(missing.is_empty(), "add rows to tests/it/stalls/scenes.rs for {missing:?}");
}
