//! Where things are on the screen.

use ratatui::layout::Rect;

/// Below this nothing can be read.
pub const SMALLEST: (u16, u16) = (60, 16);
/// From here on other panels are beside the selected one.
const WIDE: (u16, u16) = (120, 30);
/// The head of the overview and its six lines.
const OVERVIEW: u16 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub title: Rect,
    pub problems: Rect,
    pub overview: Rect,
    pub tabs: Rect,
    /// The selected panel: the head of its table and its rows.
    pub main: Rect,
    pub side: Option<Rect>,
    pub footer: Rect,
}

impl Layout {
    /// `None` if the screen is too small.
    pub fn of(width: u16, height: u16, problems: usize) -> Option<Self> {
        if width < SMALLEST.0 || height < SMALLEST.1 {
            return None;
        }
        let most = if height >= WIDE.1 { 4 } else { 2 };
        let problems = u16::try_from(problems).unwrap_or(most).clamp(1, most);
        let mut y = 0;
        let mut take = |rows: u16| {
            let area = Rect::new(0, y, width, rows);
            y += rows;
            area
        };
        let title = take(1);
        let problems = take(problems);
        let overview = take(OVERVIEW);
        let tabs = take(1);
        let body = take(height - 1 - problems.height - OVERVIEW - 1 - 1);
        let footer = take(1);
        let is_wide = width >= WIDE.0 && height >= WIDE.1;
        let main_width = if is_wide { width * 3 / 5 } else { width };
        let main = Rect { width: main_width, ..body };
        // A line and a space are between them.
        let side = Rect { x: main_width + 2, width: width.saturating_sub(main_width + 2), ..body };
        Some(Self { title, problems, overview, tabs, main, side: is_wide.then_some(side), footer })
    }

    /// Where details are: on a narrow screen in place of the overview too.
    pub fn page(&self) -> Rect {
        if self.side.is_some() {
            return self.main;
        }
        Rect { y: self.overview.y, height: self.main.bottom() - self.overview.y, ..self.main }
    }

    /// The lines of details that fit below their title.
    pub fn page_rows(&self) -> usize {
        usize::from(self.page().height.saturating_sub(1))
    }

    /// The rows of the selected panel that fit.
    pub fn rows(&self) -> usize {
        usize::from(self.main.height.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_fits_without_overlap_on_every_screen() {
        for (width, height) in [(60, 16), (80, 24), (119, 29), (120, 30), (120, 40), (200, 60), (999, 999)] {
            for problems in [0, 1, 3, 50] {
                let layout = Layout::of(width, height, problems).unwrap();
                let rows =
                    [layout.title, layout.problems, layout.overview, layout.tabs, layout.main, layout.footer];
                assert_eq!(rows.iter().map(|area| area.height).sum::<u16>(), height);
                assert!(rows.windows(2).all(|pair| pair[0].bottom() == pair[1].y));
                assert!(layout.rows() >= 2, "{width}x{height}");
                let right = layout.side.map_or(layout.main.right(), |side| side.right());
                assert_eq!(right, width);
            }
        }
        assert_eq!(Layout::of(59, 24, 0), None);
        assert_eq!(Layout::of(80, 15, 0), None);
        assert_eq!(Layout::of(0, 0, 0), None);
    }
}
