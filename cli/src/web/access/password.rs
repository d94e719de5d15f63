//! Passwords, as argon2id hashes in the PHC format: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use std::io::{IsTerminal, Read, Write};

use anyhow::{Result, anyhow, bail};
use argon2::password_hash::{PasswordHash, PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand;
use ratatui::crossterm::terminal;

use super::name;
use super::secret;
use crate::web::app::Role;

/// Passwords of fewer characters are not hashed, and longer ones in bytes not even tried.
const SHORTEST: usize = 12;
pub const LONGEST: usize = 1024;
/// The memory of a hash in KiB. Less is too weak; with more, a few tries would fill the machine.
const MEMORY: std::ops::RangeInclusive<u32> = 7 * 1024..=256 * 1024;
const MOST_PASSES: u32 = 20;
const MOST_LANES: u32 = 16;
const SALT_BYTES: usize = 16;

/// A hash that a password can be compared with.
#[derive(Clone, Debug)]
pub struct Hash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Hash {
    /// Errors do not repeat the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let hash = PasswordHash::new(text).map_err(|_| "the hash can't be read")?;
        if Algorithm::try_from(hash.algorithm) != Ok(Algorithm::Argon2id)
            || hash.version != Some(Version::V0x13.into())
        {
            return Err("the hash must be argon2id of version 19".into());
        }
        let params = Params::try_from(&hash).map_err(|_| "the parameters of the hash can't be read")?;
        if !MEMORY.contains(&params.m_cost()) || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES
        {
            return Err(format!(
                "the hash must have m from {} to {}, t up to {MOST_PASSES} and p up to {MOST_LANES}",
                MEMORY.start(),
                MEMORY.end()
            ));
        }
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err("the hash has no salt or no output".into());
        };
        let mut bytes = [0; 64];
        let salt = salt.decode_b64(&mut bytes).map_err(|_| "the salt can't be read")?;
        if salt.len() < 8 || output.len() < 16 {
            return Err("the salt or the output of the hash is too short".into());
        }
        Ok(Self { params, salt: salt.to_vec(), output: output.as_bytes().to_vec() })
    }

    /// Takes some ten milliseconds, or as long as the parameters say. Computes in `memory`, which
    /// grows to the size that the parameters ask for.
    pub fn is_of(&self, password: &str, memory: &mut Memory) -> bool {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let blocks = memory.blocks(self.params.block_count());
        let mut output = vec![0; self.output.len()];
        let hashed =
            argon2.hash_password_into_with_memory(password.as_bytes(), &self.salt, &mut output, blocks);
        hashed.is_ok() && secret::equal(&output, &self.output)
    }

    /// A hash of no password, which takes as long as the slowest of `others`. It is compared when a
    /// name does not exist, so that the time does not tell.
    pub fn decoy<'a>(others: impl Iterator<Item = &'a Self>) -> Result<Self, String> {
        let cost = |hash: &&Self| u64::from(hash.params.m_cost()) * u64::from(hash.params.t_cost());
        let params = others.max_by_key(cost).map(|hash| hash.params.clone()).unwrap_or_default();
        let (mut salt, mut output) = (vec![0; SALT_BYTES], vec![0; 32]);
        rand::fill(&mut salt).and_then(|()| rand::fill(&mut output)).map_err(|_| "no random bytes")?;
        Ok(Self { params, salt, output })
    }
}

/// What a hash is computed in: 19 MiB with the parameters of `--hash-password`.
///
/// It is used again and again. Memory that each try allocates stays with the allocator, once for
/// every thread that has ever computed a hash.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// The first `count` blocks. What an earlier hash left in them does not matter: argon2 writes
    /// each block before it reads it.
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.reserve_exact(count - self.0.len());
            self.0.resize(count, Block::new());
        }
        &mut self.0[..count]
    }
}

/// The hash of a password, in the PHC format.
fn hash(password: &str) -> Result<String> {
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| anyhow!("the system gives no random bytes"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|why| anyhow!("{why}"))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|why| anyhow!("{why}"))?;
    Ok(hash.to_string())
}

/// `lockwatch web --hash-password NAME ROLE`.
pub fn print_line(name: &str, role: &str) -> Result<()> {
    name::check(name).map_err(|why| anyhow!(why))?;
    let Some(role) = Role::of(role) else { bail!("the role must be view, support or admin") };
    let password = if std::io::stdin().is_terminal() { ask()? } else { first_line()? };
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        bail!("a password has at least {SHORTEST} characters and at most {LONGEST} bytes");
    }
    writeln!(std::io::stdout(), "{name} {} {}", role.name(), hash(&password)?)?;
    Ok(())
}

fn first_line() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().take(2 * LONGEST as u64).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Asks at the terminal, which does not show what is typed.
fn ask() -> Result<String> {
    terminal::enable_raw_mode()?;
    eprint!("Password: ");
    let typed = type_line();
    terminal::disable_raw_mode()?;
    eprintln!();
    typed
}

fn type_line() -> Result<String> {
    const ETX: u8 = 3;
    let mut typed = Vec::new();
    for byte in std::io::stdin().lock().bytes() {
        match byte? {
            b'\r' | b'\n' => break,
            ETX => bail!("interrupted"),
            0x7f | 0x08 => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            byte => typed.push(byte),
        }
    }
    String::from_utf8(typed).map_err(|_| anyhow!("the password is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_only() {
        let hash = Hash::parse(&hash("correct horse battery staple").unwrap()).unwrap();
        let mut memory = Memory::default();
        assert!(hash.is_of("correct horse battery staple", &mut memory));
        for wrong in ["", "correct horse battery stapl", "Correct horse battery staple"] {
            assert!(!hash.is_of(wrong, &mut memory), "{wrong}");
        }
        assert!(hash.is_of("correct horse battery staple", &mut memory), "memory is used again");
        assert_eq!(memory.0.capacity(), hash.params.block_count());
        let decoy = Hash::decoy([&hash].into_iter()).unwrap();
        assert_eq!(decoy.params, hash.params);
        assert!(!decoy.is_of("correct horse battery staple", &mut memory));
    }

    #[test]
    fn weak_and_costly_hashes_are_refused() {
        let salt_and_output = "$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(Hash::parse(&format!("$argon2id$v=19$m=7168,t=5,p=1{salt_and_output}")).is_ok());
        for wrong in [
            "argon2i$v=19$m=7168,t=5,p=1",
            "argon2id$v=16$m=7168,t=5,p=1",
            "argon2id$m=7168,t=5,p=1",
            "argon2id$v=19$m=1024,t=5,p=1",
            "argon2id$v=19$m=1048576,t=5,p=1",
            "argon2id$v=19$m=7168,t=100,p=1",
            "argon2id$v=19$m=7168,t=5,p=64",
            "scrypt$ln=15,r=8,p=1",
        ] {
            assert!(Hash::parse(&format!("${wrong}{salt_and_output}")).is_err(), "{wrong}");
        }
        for wrong in ["", "hunter2", "$argon2id$v=19$m=7168,t=5,p=1$c29tZXNhbHRzb21lc2FsdA"] {
            assert!(Hash::parse(wrong).is_err(), "{wrong}");
        }
    }
}
