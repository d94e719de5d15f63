//! Servers as an operator should run them, ready for one fault.

use lockwatch_test_support::receiver::{Answer, Receiver};
use lockwatch_test_support::tokens::Algorithm::EdDsa;
use lockwatch_test_support::tokens::Keys;
use lockwatch_test_support::{Builder, Client, Server};

use super::report::{Expected, PASSWORD, Report, USER, doctor};

/// What the program's user may do.
pub const RIGHTS: &str = "+@connection +info +time +config|get +module|list +acl|whoami +acl|list \
                          +acl|dryrun +lw.rules +lw.alerts|recent +cluster|info \
                          +cluster|nodes";

/// The lines of redis.conf that a sound server has.
pub fn sound(builder: Builder) -> Builder {
    builder
        .config("appendonly yes")
        .config("appendfsync everysec")
        .config("maxmemory 512mb")
        .config("maxmemory-policy noeviction")
}

/// A server without faults. The user default has a password until the end.
pub struct Sound {
    /// A connection as the user default.
    pub admin: Client,
    /// Connections that do nothing.
    pub idle: Vec<Client>,
    pub server: Server,
}

impl Sound {
    #[track_caller]
    pub fn start() -> Self {
        Self::of(sound(Server::builder()).start())
    }

    /// Secures a server.
    #[track_caller]
    pub fn of(server: Server) -> Self {
        let mut admin = server.client();
        ok(&mut admin, &format!("ACL SETUSER {USER} on >{PASSWORD} resetkeys -@all"));
        ok(&mut admin, "ACL SETUSER default resetpass >a-password-of-the-default-user");
        let mut sound = Self { admin, idle: Vec::new(), server };
        sound.grant();
        sound
    }

    /// Gives the program's user its rights, except those to commands that the server does not have.
    #[track_caller]
    pub fn grant(&mut self) {
        for right in RIGHTS.split_ascii_whitespace() {
            let answer = self.admin.run(&format!("ACL SETUSER {USER} {right}"));
            assert!(!answer.is_error() || right.contains("lw."), "{right}: {answer:?}");
        }
    }

    pub fn doctor(&self, args: &[&str]) -> Report {
        doctor(&self.server, args)
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        // The server's own end asks it questions as the user default.
        let _ = self.admin.try_call(&["ACL", "SETUSER", "default", "nopass"]);
    }
}

#[track_caller]
pub fn ok(client: &mut Client, line: &str) {
    let answer = client.run(line);
    assert!(!answer.is_error(), "{line}: {answer:?}");
}

/// A fault of one server.
pub struct Fault {
    pub name: &'static str,
    /// What differs in the server's configuration.
    pub build: fn(Builder) -> Builder,
    /// What is done to the running server.
    pub plant: fn(&mut Sound),
    pub expected: &'static [Expected],
}

/// Plants each fault in a server of its own, and asserts that it is found, and nothing else.
#[track_caller]
pub fn assert_found(faults: &[Fault]) {
    let mut wrong = Vec::new();
    for fault in faults {
        let mut sound = Sound::of((fault.build)(sound(Server::builder())).start());
        (fault.plant)(&mut sound);
        if let Some(difference) = sound.doctor(&[]).difference(fault.expected) {
            wrong.push(format!("{}:\n{difference}", fault.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A sound primary and replica with the same keys. `configure` changes the replica.
#[track_caller]
pub fn pair(configure: impl Fn(Builder) -> Builder) -> (Server, Server, Keys) {
    let keys = Keys::new();
    let primary = sound(Server::builder()).issuing(&keys, EdDsa).start();
    let replica = configure(sound(Server::builder()).issuing(&keys, EdDsa)).replica_of(&primary).start();
    primary.wait_for_replica(&replica);
    (primary, replica, keys)
}

/// Like [`pair`], secured.
pub struct Pair {
    pub replica: Sound,
    pub primary: Sound,
    pub keys: Keys,
}

impl Pair {
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(|builder| builder)
    }

    #[track_caller]
    pub fn start_with(configure: impl Fn(Builder) -> Builder) -> Self {
        let (primary, replica, keys) = pair(configure);
        Self { replica: Sound::of(replica), primary: Sound::of(primary), keys }
    }
}

/// A receiver that answers with this status.
pub fn receiver(status: u16) -> Receiver {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(status));
    receiver
}
