//! What INFO of one server says.

use std::collections::BTreeMap;

/// The fields of INFO, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Info(BTreeMap<String, String>);

impl Info {
    /// The sections that the program reads.
    pub const SECTIONS: &[&str] =
        &["server", "clients", "memory", "persistence", "stats", "replication", "cluster", "lockwatch"];

    pub fn parse(reply: &str) -> Self {
        let lines = reply.lines().filter(|line| !line.starts_with('#'));
        let fields = lines.filter_map(|line| line.split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), value.trim_end().to_owned())).collect())
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A number of the module: the field `lockwatch_<name>`.
    pub fn lockwatch(&self, name: &str) -> Option<i64> {
        self.number(&format!("lockwatch_{name}"))
    }

    pub fn has_module(&self) -> bool {
        self.0.contains_key("lockwatch_version")
    }

    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The fields whose names begin with `prefix`, without it.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.fields().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }

    /// The webhook endpoints, in their order.
    pub fn endpoints(&self) -> Vec<BTreeMap<&str, &str>> {
        let line = |index: usize| self.text(&format!("lockwatch_alert_endpoint_{index}"));
        (0..).map_while(line).map(Self::members).collect()
    }

    /// The members of a line such as `calls=3,denied=1`. The last one may contain commas if its
    /// name is `last_error`.
    pub fn members(line: &str) -> BTreeMap<&str, &str> {
        let (line, error) = match line.split_once(",last_error=") {
            Some((line, error)) => (line, Some(error)),
            None => (line, None),
        };
        let mut members: BTreeMap<_, _> = line.split(',').filter_map(|part| part.split_once('=')).collect();
        members.extend(error.map(|error| ("last_error", error)));
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_their_members_are_read() {
        let info = Info::parse(
            "# Server\r\nredis_version:7.0.15\r\n\r\n# lockwatch_policy\r\nlockwatch_policies:2\r\n\
             lockwatch_alert_endpoint_0:url=https://a.example,state=failing,last_error=refused, twice=2\r\n\
             lockwatch_alert_endpoint_0_state_number:3\r\n",
        );
        assert_eq!(info.text("redis_version"), Some("7.0.15"));
        assert_eq!(info.lockwatch("policies"), Some(2));
        let endpoints = info.endpoints();
        assert_eq!(endpoints.len(), 1);
        assert_eq!(endpoints[0]["state"], "failing");
        assert_eq!(endpoints[0]["last_error"], "refused, twice=2");
    }
}
