//! Sums of numbers from servers, which may be wrong or hostile: none of them overflows.

/// The sum, or the nearest number to it that there is.
pub fn sum(numbers: impl IntoIterator<Item = i64>) -> i64 {
    numbers.into_iter().fold(0, i64::saturating_add)
}
