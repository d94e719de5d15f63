//! `lockwatch doctor`: it finds each planted fault and nothing else, and nothing where all is well.

mod access;
mod alerts;
mod audit;
mod cluster;
mod database;
mod deployment;
mod guards;
mod healthy;
mod meddler;
mod output;
mod replicas;
mod report;
mod server;
mod tokens;
