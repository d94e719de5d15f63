//! Configuration directives: what one declares about itself, and how the server is told.
//!
//! A kind a file: [`Integer`], [`Switch`], [`Text`]. The table of a module lists them as [`Directive`]s.

mod integer;
mod switch;
mod text;

use std::ffi::CStr;

use redis_module::raw;

use super::api::api;

pub use integer::Integer;
pub use switch::Switch;
pub use text::Text;

/// A row of the table of directives.
#[derive(Clone, Copy)]
pub enum Directive {
    /// A number.
    Integer(&'static Integer),
    /// `yes` or `no`.
    Switch(&'static Switch),
    /// A text: a path, a list.
    Text(&'static Text),
}

impl Directive {
    fn name(self) -> &'static CStr {
        match self {
            Self::Integer(directive) => directive.name,
            Self::Switch(directive) => directive.name,
            Self::Text(directive) => directive.name,
        }
    }

    /// Takes `text` of the loadmodule line as the default; what it should be if it is not that.
    fn set_default(self, text: &[u8]) -> Result<(), String> {
        match self {
            Self::Integer(directive) => directive.set_default(text),
            Self::Switch(directive) => directive.set_default(text),
            Self::Text(directive) => directive.set_default(text),
        }
    }

    /// # Safety
    /// `ctx` is the context of a running OnLoad.
    unsafe fn register(self, ctx: *mut raw::RedisModuleCtx) -> bool {
        match self {
            // SAFETY: the caller's promise.
            Self::Integer(directive) => unsafe { directive.register(ctx) },
            // SAFETY: the caller's promise.
            Self::Switch(directive) => unsafe { directive.register(ctx) },
            // SAFETY: the caller's promise.
            Self::Text(directive) => unsafe { directive.register(ctx) },
        }
    }
}

/// Takes the arguments of the loadmodule line (`name value …`) as defaults.
pub(super) fn take_defaults<'a>(
    directives: &[Directive],
    mut args: impl Iterator<Item = &'a [u8]>,
) -> Result<(), String> {
    while let Some(name) = args.next() {
        let shown = String::from_utf8_lossy(name);
        let Some(directive) = directives.iter().find(|d| d.name().to_bytes().eq_ignore_ascii_case(name))
        else {
            let known: Vec<_> = directives.iter().map(|d| d.name().to_string_lossy()).collect();
            return Err(format!("no directive is called {shown:?}; there is {}", known.join(", ")));
        };
        let value = args.next().ok_or_else(|| format!("{shown} has no value"))?;
        let name = directive.name().to_string_lossy();
        directive.set_default(value).map_err(|expected| format!("{name} {expected}"))?;
    }
    Ok(())
}

/// Registers the directives and lets redis.conf set them.
///
/// # Safety
/// `ctx` is the context of a running OnLoad.
pub(super) unsafe fn register(
    ctx: *mut raw::RedisModuleCtx,
    directives: &'static [Directive],
) -> Result<(), String> {
    for directive in directives {
        // SAFETY: the caller's promise.
        if !unsafe { directive.register(ctx) } {
            return Err(format!("the server refused the directive {:?}", directive.name()));
        }
    }
    let load = api!(RedisModule_LoadConfigs);
    // SAFETY: the caller's promise.
    if unsafe { load(ctx) } != raw::REDISMODULE_OK as i32 {
        return Err("a lockwatch directive in the server's configuration has a bad value".into());
    }
    Ok(())
}
