//! Changes of keys and plans act on the next request of every proxy process; and what the ledger's outage under load costs.

use std::{
    process::Child,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use crate::{
    calls::Reply,
    stack::{Stack, eventually, free_ports, within},
};

/// Two proxies, each with the port of its metrics, in front of one ledger. They end with the test.
struct Door {
    stack: Stack,
    bases: [String; 2],
    ledger: Child,
    others: Vec<Child>,
}

impl Door {
    async fn open() -> Self {
        let [ledger, simulator, second] = free_ports().map(|port: u16| format!("127.0.0.1:{port}"));
        let urls = [format!("http://{ledger}"), format!("http://{simulator}")];
        let mut stack = Stack::prepared(&[
            ("BABYSEA_LEDGER_LISTEN", &ledger),
            ("BABYSEA_LEDGER_URL", &urls[0]),
            ("BABYSEA_LEDGER_TOKEN", "a token of the operator's"),
            ("BABYSEA_SIMULATOR_LISTEN", &simulator),
            ("BABYSEA_SIMULATOR_URL", &urls[1]),
        ]);
        stack.simulator.clone_from(&urls[1]);
        let simulator = stack.role(&["simulator"], &[]).await;
        let ledger = start_ledger(&stack).await;
        (_, stack.key) = stack.account("enterprise", "10");
        let one = stack.role(&["proxy"], &[]).await;
        let listen = [("BABYSEA_PROXY_LISTEN", second.as_str()), ("BABYSEA_METRICS_LISTEN", "off")];
        let other = stack.role(&["proxy"], &listen).await;
        let bases = [stack.base.clone(), format!("http://{second}")];
        Self { stack, bases, ledger, others: vec![simulator, one, other] }
    }

    /// The same question at both.
    async fn ask(&self, key: &str) -> [Reply; 2] {
        let ask = async |base: &String| {
            let request = self.stack.http().request(Method::GET, format!("{base}/v1/health/cache"));
            self.stack.send(request.bearer_auth(key)).await
        };
        [ask(&self.bases[0]).await, ask(&self.bases[1]).await]
    }

    /// Asked often enough that both remember the key.
    async fn know(&self, key: &str) {
        for _ in 0..3 {
            assert!(self.ask(key).await.iter().all(|reply| reply.status == 200));
        }
    }

    fn kill_ledger(&mut self) {
        self.ledger.kill().unwrap();
        self.ledger.wait().unwrap();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        for child in self.others.iter_mut().chain([&mut self.ledger]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn start_ledger(stack: &Stack) -> Child {
    stack.role(&["ledger"], &[("BABYSEA_METRICS_LISTEN", "off")]).await
}

#[tokio::test]
async fn a_change_acts_on_the_next_request_of_every_proxy() {
    within(240, async {
        let door = Door::open().await;
        let stack = &door.stack;
        let limits = |replies: &[Reply; 2]| {
            replies.each_ref().map(|reply| reply.headers["x-ratelimit-limit"].to_str().unwrap().to_owned())
        };
        let codes = |replies: &[Reply; 2]| replies.each_ref().map(|reply| reply.code().to_owned());
        for change in ["revoke", "delete", "rotate", "set-plan"] {
            let (account, key) = stack.account("pro", "1");
            door.know(&key).await;
            let keys = stack.json(&["key", "list", "--account", &account]);
            let id = keys[0]["apikey_id"].as_str().unwrap().to_owned();
            match change {
                "set-plan" => {
                    stack.json(&["account", "set-plan", "--account", &account, "--plan", "scale"]);
                    assert_eq!(limits(&door.ask(&key).await), ["300", "300"]);
                }
                "rotate" => {
                    let new = stack.json(&["key", "rotate", "--key", &id]);
                    assert_eq!(codes(&door.ask(&key).await), ["", ""], "the grace has begun");
                    assert_eq!(codes(&door.ask(new["api_key"].as_str().unwrap()).await), ["", ""]);
                }
                _ => {
                    stack.json(&["key", change, "--key", &id]);
                    assert_eq!(codes(&door.ask(&key).await), ["BSE1002", "BSE1002"], "{change}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_authenticated_request_shows_as_the_last_use_of_its_key() {
    within(120, async {
        let door = Door::open().await;
        let (account, key) = door.stack.account("pro", "1");
        door.know(&key).await;
        eventually("the last use of the key", Duration::from_secs(20), async || {
            let keys = door.stack.json(&["key", "list", "--account", &account]);
            keys[0]["last_used_at"].is_string().then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_ledger_that_is_killed_and_revived_under_load_costs_only_what_needs_it() {
    within(240, async {
        let mut door = Door::open().await;
        let (_, other) = door.stack.account("enterprise", "1");
        let key = door.stack.key.clone();
        door.know(&key).await;
        door.know(&other).await;
        let (http, base) = (door.stack.http().clone(), door.bases[0].clone());
        let load = tokio::spawn(async move {
            let began = Instant::now();
            let mut seconds: Vec<[u32; 4]> = Vec::new();
            while began.elapsed() < Duration::from_secs(10) {
                let second = usize::try_from(began.elapsed().as_secs()).unwrap();
                seconds.resize(seconds.len().max(second + 1), [0; 4]);
                for (place, path) in [(0, "/v1/library/providers"), (2, "/v1/status")] {
                    let key = if place == 0 { &key } else { &other };
                    let answered = http.get(format!("{base}{path}")).bearer_auth(key).send().await.unwrap();
                    let status = answered.status().as_u16();
                    assert!(matches!(status, 200 | 503), "{path}: {status}");
                    seconds[second][place] += 1;
                    seconds[second][place + 1] += u32::from(status != 200);
                }
                // Below the plan's rate.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            seconds
        });
        tokio::time::sleep(Duration::from_secs(2)).await;
        door.kill_ledger();
        tokio::time::sleep(Duration::from_secs(3)).await;
        door.ledger = start_ledger(&door.stack).await;
        let seconds = load.await.unwrap();
        println!("second: library asked, 503; status asked, 503; the ledger is killed at 2 and started again at 5");
        for (second, [library, library_failed, status, status_failed]) in seconds.iter().enumerate() {
            println!("{second}: {library} {library_failed}; {status} {status_failed}");
        }
        assert!(seconds.iter().all(|second| second[1] == 0), "the library needs no ledger: {seconds:?}");
        assert!(seconds[3][3] > 0 && seconds[3][3] == seconds[3][2], "a status needs it: {seconds:?}");
        let last = seconds.last().unwrap();
        assert_eq!(last[3], 0, "and has it again: {seconds:?}");
        let reply = door.stack.image("fal").await;
        assert_eq!(reply.data()["generation_initialized"], json!(true), "{reply:?}");
    })
    .await;
}
