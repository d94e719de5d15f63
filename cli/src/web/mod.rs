//! `lockwatch web`: a page for operators.
//!
//! - [`options`] is the command line, [`app`] what all requests share.
//! - [`serve`] accepts connections, over [`tls`] or not, and gives up on clients that are not
//!   [`patient`].
//! - [`access`] decides who may see the page. Every request passes its middleware.
//! - [`pages`] say what goes on. [`history`] keeps the last minutes, [`shared`] what visitors
//!   share.
//! - [`actions`] change something, if that is allowed.
//! - [`notice`] are short pages that say one thing. [`log`] is the log.

mod access;
mod actions;
pub mod app;
mod history;
mod log;
mod notice;
mod options;
mod pages;
mod patient;
mod serve;
mod shared;
mod tls;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub use options::Args;

use crate::connect::fleet::Fleet;
use crate::connect::options::Options;
use crate::sampler::{MAX_AGE, Sampler};
use crate::signal::Stop;
use access::accounts::Accounts;
use access::gate::gate;
use access::site::Site;
use access::{Access, Entrance, login_page, password};
use app::App;
use serve::Server;
use tls::Tls;

pub async fn run(args: &Args, connection: &Options) -> Result<ExitCode> {
    if let Some([name, role]) = args.hash_password.as_deref() {
        password::print_line(name, role)?;
        return Ok(ExitCode::SUCCESS);
    }
    args.check()?;
    let files = args.https_cert.as_deref().zip(args.https_key.as_deref());
    let tls = files.map(|(cert, key)| Tls::open(cert, key)).transpose()?.map(Arc::new);
    let accounts = args.auth_file.as_deref().map(Accounts::open).transpose()?;
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("{}", args.listen))?;
    let site = site(args, &listener)?;
    let access = match accounts {
        Some(accounts) => Access::by_login(site, accounts),
        None => Access::by_link(site),
    };
    let fleet = Fleet::connect_or_wait(connection).await?;
    let sampler = Arc::new(Sampler::new(Arc::new(fleet), MAX_AGE));
    let app = App::start(sampler, args.allow_actions);
    let (stopper, stop) = watch::channel(false);
    let server = Server { listener, tls, router: router(app, &access), stop };
    let signals = tokio::spawn(heed_signals(Arc::clone(&access), stopper)?);
    announce(&access)?;
    server.run().await;
    signals.abort();
    Ok(ExitCode::SUCCESS)
}

fn site(args: &Args, listener: &TcpListener) -> Result<Site> {
    let bound = listener.local_addr()?;
    Ok(match (&args.origin, &args.behind_proxy) {
        (_, Some(origin)) => Site::of(origin, bound, true),
        (Some(origin), None) => Site::of(origin, bound, false),
        (None, None) => Site::at(bound, args.https_cert.is_some()),
    })
}

fn router(app: App, access: &Arc<Access>) -> Router {
    pages::routes()
        .merge(actions::routes())
        .with_state(app)
        .merge(login_page::routes().with_state(Arc::clone(access)))
        .layer(middleware::from_fn_with_state(Arc::clone(access), gate))
}

/// Prints where the page is, and a link if one is needed.
fn announce(access: &Access) -> Result<()> {
    let url = access.site.url();
    let text = match &access.entrance {
        Entrance::Login(_) => format!("The page is at {url}\n"),
        Entrance::Link(link) => format!(
            "The page is at {url} and this link, which works once and for 60 seconds, opens it:\n\
             {url}login?token={}\nkill -USR1 {} prints another one.\n",
            link.renew()?,
            std::process::id()
        ),
    };
    // That nobody reads it is no reason to stop.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

/// Ends the server at SIGTERM and SIGINT, and prints another link at SIGUSR1.
fn heed_signals(access: Arc<Access>, stopper: watch::Sender<bool>) -> Result<impl Future<Output = ()>> {
    let mut stop = Stop::listen()?;
    let mut usr1 = signal(SignalKind::user_defined1())?;
    Ok(async move {
        loop {
            tokio::select! {
                () = stop.requested() => break,
                _ = usr1.recv() => {
                    if let Err(why) = announce(&access) {
                        log::line(&format!("no link can be made: {why:#}"));
                    }
                }
            }
        }
        let _ = stopper.send(true);
        // Keeps the channel open until the server has stopped.
        std::future::pending::<()>().await;
    })
}
