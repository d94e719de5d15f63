//! Setting and reading the module's directives at runtime.

use super::{Client, Value};

impl Client {
    #[track_caller]
    pub fn set(&mut self, directive: &str, value: &str) {
        let answer = self.call(&["CONFIG", "SET", &format!("lockwatch.{directive}"), value]);
        assert_eq!(answer, Value::Simple("OK".into()), "CONFIG SET lockwatch.{directive}");
    }

    /// Sets a directive to a value that must be refused. Returns the error.
    #[track_caller]
    pub fn set_refused(&mut self, directive: &str, value: &str) -> String {
        let before = self.get(directive);
        let answer = self.call(&["CONFIG", "SET", &format!("lockwatch.{directive}"), value]);
        assert_eq!(
            self.get(directive),
            before,
            "{directive} {value:?} was refused but changed the directive"
        );
        answer.error().to_owned()
    }

    #[track_caller]
    pub fn get(&mut self, directive: &str) -> String {
        let name = format!("lockwatch.{directive}");
        self.run(&format!("CONFIG GET {name}")).field(&name).text()
    }
}
