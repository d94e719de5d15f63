//! The module's directives, set and read while the server runs.

use super::{Client, Value};

impl Client {
    /// Sets a directive of the module.
    #[track_caller]
    pub fn set(&mut self, directive: &str, value: &str) {
        let answer = self.call(&["CONFIG", "SET", &format!("lockwatch.{directive}"), value]);
        assert_eq!(answer, Value::Simple("OK".into()), "CONFIG SET lockwatch.{directive}");
    }

    /// Tries to set a directive of the module to what it has to refuse; the reason.
    #[track_caller]
    pub fn set_refused(&mut self, directive: &str, value: &str) -> String {
        let before = self.get(directive);
        let answer = self.call(&["CONFIG", "SET", &format!("lockwatch.{directive}"), value]);
        assert_eq!(self.get(directive), before, "{directive} {value:?} was refused, and has changed it");
        answer.error().to_owned()
    }

    /// The value of a directive of the module.
    #[track_caller]
    pub fn get(&mut self, directive: &str) -> String {
        let name = format!("lockwatch.{directive}");
        self.run(&format!("CONFIG GET {name}")).field(&name).text()
    }
}
