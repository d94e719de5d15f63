//! A small line chart of the last minutes.

use std::fmt::Write;

/// The points of a chart in a box of 120 by 32.
pub struct Spark {
    /// For `<polyline points>`; empty with fewer than two values.
    pub line: String,
    /// For `<polygon points>`: the area below the line.
    pub area: String,
    pub highest: f64,
}

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 32.0;
/// Room for the width of the line.
const MARGIN: f64 = 1.0;

impl Spark {
    /// `most` is the number of values that fill the width. Fewer values end at the right.
    pub fn of(values: &[f64], most: usize) -> Self {
        let highest = values.iter().copied().fold(0.0, f64::max);
        if values.len() < 2 {
            return Self { line: String::new(), area: String::new(), highest };
        }
        let step = WIDTH / (most.max(values.len()) - 1) as f64;
        let first = WIDTH - step * (values.len() - 1) as f64;
        let top = if highest > 0.0 { highest } else { 1.0 };
        let mut line = String::new();
        for (index, value) in values.iter().enumerate() {
            let x = first + step * index as f64;
            let y = HEIGHT - MARGIN - value / top * (HEIGHT - 2.0 * MARGIN);
            _ = write!(line, "{x:.1},{y:.1} ");
        }
        let area = format!("{first:.1},{HEIGHT} {line}{WIDTH},{HEIGHT}");
        Self { line, area, highest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_at_the_right_and_the_highest_touches_the_top() {
        let spark = Spark::of(&[0.0, 4.0], 3);
        assert_eq!((spark.line.as_str(), spark.highest), ("60.0,31.0 120.0,1.0 ", 4.0));
        assert_eq!(Spark::of(&[1.0], 60).line, "");
        assert_eq!(Spark::of(&[0.0, 0.0], 2).line, "0.0,31.0 120.0,31.0 ");
    }
}
