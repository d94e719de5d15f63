//! The store and the table of rotation against a simple reference.
