//! Sizes, colours, and how it ends.

use super::pty::Terminal;
use super::{search, server};
use crate::program::{run, text};

#[test]
fn signals_end_it_and_the_terminal_is_restored() {
    let server = server();
    for (name, code) in [("TERM", 128 + 15), ("HUP", 128 + 1), ("INT", 128 + 2)] {
        let mut top = Terminal::top(&server, 80, 24);
        top.shows("Nothing is wrong.");
        top.signal(name);
        assert_eq!(top.code(), code, "{name}");
        top.is_restored();
    }
}

#[test]
fn it_ends_when_its_terminal_is_gone() {
    let server = server();
    let mut top = Terminal::top(&server, 80, 24);
    top.shows("Nothing is wrong.");
    top.hang_up();
    top.code();
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    let server = server();
    search(&mut server.client(), b"search:mallory", 9);
    let mut top = Terminal::top(&server, 80, 24);
    top.shows("search:mallory");
    top.resize(40, 10);
    top.shows("Too small: 40x10.");
    top.resize(140, 40);
    top.shows("Bans 0");
    top.shows("search:mallory");
    top.resize(1, 1);
    top.resize(80, 24);
    top.hides("Bans 0  who");
    top.shows("search:mallory");
    top.press("q");
    assert_eq!(top.code(), 0);
    top.is_restored();
}

#[test]
fn no_color_is_respected() {
    let server = server();
    search(&mut server.client(), b"search:mallory", 9);
    // What sets the colour of text, see `ESC [ 3x m` and `ESC [ 38;5;x m`.
    let colours = |raw: &[u8]| {
        let text = String::from_utf8_lossy(raw).into_owned();
        let sets = text
            .split("\x1b[")
            .skip(1)
            .filter_map(|rest| rest.split_once('m').map(|(sets, _)| sets.to_owned()));
        sets.filter(|set| {
            set.starts_with("38;")
                || set.starts_with("48;")
                || ["31", "32", "33", "36"].contains(&set.as_str())
        })
        .count()
    };
    let url = server.url();
    let with = Terminal::start(&["--redis", &url], &[], 80, 24);
    with.shows("search:mallory");
    assert!(colours(&with.raw()) > 0);
    let without = Terminal::start(&["--redis", &url], &[("NO_COLOR", "1")], 80, 24);
    without.shows("search:mallory");
    assert_eq!(colours(&without.raw()), 0);
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let server = server();
    let output = run(["top", "--redis", &server.url()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "lockwatch: top needs a terminal; `lockwatch top --once` prints what it shows once, as text\n"
    );
    let mut dumb = Terminal::start(&["--redis", &server.url()], &[("TERM", "dumb")], 80, 24);
    assert_eq!(dumb.code(), 2);
    dumb.shows("TERM=dumb");
}
