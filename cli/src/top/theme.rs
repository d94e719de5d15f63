//! How things look. Colours are the sixteen that a terminal's own theme defines, and only repeat
//! what the words say.

use ratatui::style::{Color, Modifier, Style};

use super::table::Tone;

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    colours: bool,
}

impl Theme {
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// No colours if `NO_COLOR` is set to anything but nothing, see <https://no-color.org>.
    pub fn from_environment() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    pub fn of(self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Plain => return Style::new(),
            Tone::Faint => return Style::new().add_modifier(Modifier::DIM),
            Tone::Heading => return self.heading(),
            Tone::Good => (Color::Green, Modifier::empty()),
            Tone::Warn => (Color::Yellow, Modifier::BOLD),
            Tone::Bad => (Color::Red, Modifier::BOLD),
        };
        let style = Style::new().add_modifier(modifier);
        if self.colours { style.fg(colour) } else { style }
    }

    pub fn heading(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colours { style.fg(Color::Cyan) } else { style }
    }

    pub fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// A bar, or the selected row.
    pub fn reversed(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
