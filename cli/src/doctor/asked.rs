//! An answer, or why there is none.

/// Why something could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The rule that an ACL user lacks, such as `+config|get`.
    pub right: Option<&'static str>,
    pub why: String,
}

impl Missing {
    pub fn because(why: impl Into<String>) -> Self {
        Self { right: None, why: why.into() }
    }
}

/// A fact, or why it is missing.
pub type Asked<T> = Result<T, Missing>;

pub fn asked<T>(fact: &Asked<T>) -> Asked<&T> {
    fact.as_ref().map_err(Clone::clone)
}
