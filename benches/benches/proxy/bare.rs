//! The smallest Pingora proxy: everything that costs more than this is ours.

use std::net::SocketAddr;

use async_trait::async_trait;
use pingora::{
    Result,
    proxy::{ProxyHttp, Session, http_proxy_service},
    server::{Server, configuration::ServerConf},
    upstreams::peer::HttpPeer,
};

struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

/// Serves until it is killed.
pub fn serve(listen: &str, upstream: &str) {
    let conf = ServerConf { threads: 1, upstream_keepalive_pool_size: 64, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare(upstream.parse().unwrap()));
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever();
}
