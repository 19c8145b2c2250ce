//! The doorbell through a real Redis, and through everything that can happen to it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shared::doorbell::Doorbell;
use shared::ids::OutboxId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::queue::{self, Health, RedisQueue};

use crate::redis::Redis;
use crate::support::{LIMIT, until};

type Heard = Arc<Mutex<Vec<i64>>>;

/// One ringing process.
struct Ringer {
    bell: Doorbell,
    health: Health,
    stop: CancellationToken,
}

impl Ringer {
    fn start(redis: &Redis, bound: u64) -> Ringer {
        let (bell, rings) = Doorbell::in_process();
        let (health, stop) = (Health::redis(), CancellationToken::new());
        let queue = RedisQueue::from_url(&redis.url()).expect("the URL is valid").bound(bound);
        tokio::spawn(queue::produce(queue, rings, health.clone(), stop.clone()));
        Ringer { bell, health, stop }
    }

    fn ring(&self, ids: impl IntoIterator<Item = i64>) {
        self.bell.ring(&ids.into_iter().map(OutboxId).collect::<Vec<_>>());
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One listening process.
struct Listener {
    heard: Heard,
    health: Health,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Listener {
    fn start(redis: &Redis) -> Listener {
        let (heard, health, stop) = (Heard::default(), Health::redis(), CancellationToken::new());
        let sink = heard.clone();
        let on_wake =
            move |ids: Vec<OutboxId>| sink.lock().expect("nobody panics with it").extend(ids.iter().map(|id| id.0));
        let queue = RedisQueue::from_url(&redis.url()).expect("the URL is valid");
        let task = tokio::spawn(queue::consume(queue, on_wake, health.clone(), stop.clone()));
        Listener { heard, health, stop, task }
    }

    fn heard(&self) -> HashSet<i64> {
        self.heard.lock().expect("nobody panics with it").iter().copied().collect()
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("the consumer does not panic");
    }
}

/// Rings until it is heard, as a busy desk would: single rings may be lost, the bell may not.
async fn until_a_ring_is_heard(ringer: &Ringer, listener: &Listener, first: i64) {
    let start = Instant::now();
    let mut id = first;
    while !listener.heard().iter().any(|heard| *heard >= first) {
        assert!(start.elapsed() < LIMIT, "no ring comes through: {:?} {:?}", ringer.health, listener.health);
        ringer.ring([id]);
        id += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until_both_connected(ringer: &Ringer, listener: &Listener) {
    until("both sides connect", || ringer.health.report().connected && listener.health.report().connected).await;
}

#[tokio::test]
async fn every_ring_arrives_and_leaves_nothing_behind() {
    let redis = Redis::start().await;
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    until_both_connected(&ringer, &listener).await;
    ringer.ring([1]);
    let start = Instant::now();
    until("the first ring is heard", || listener.heard().contains(&1)).await;
    println!("a single ring took {:?}", start.elapsed());
    for n in 0..20 {
        ringer.ring(n * 100..(n + 1) * 100);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until("all rings are heard", || listener.heard().len() == 2000).await;
    // Finished jobs are cleared away every ten seconds.
    let start = Instant::now();
    loop {
        let keys: Vec<String> = redis.command(&["KEYS", "deliver:*"]).await;
        let jobs: Vec<&String> = keys.iter().filter(|k| !k.starts_with("deliver:workers")).collect();
        if jobs.is_empty() {
            break;
        }
        assert!(start.elapsed() < LIMIT, "left behind: {jobs:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    listener.end().await;
    let mut keys: Vec<String> = redis.command(&["KEYS", "*"]).await;
    keys.sort();
    // The next worker strikes the silent one off the list.
    assert_eq!(keys, ["core:apalis:queues:list", "deliver:workers"]);
}

#[tokio::test]
async fn several_processes_share_the_rings() {
    let redis = Redis::start().await;
    let ringers = [Ringer::start(&redis, 2000), Ringer::start(&redis, 2000)];
    let listeners = [Listener::start(&redis), Listener::start(&redis)];
    until_both_connected(&ringers[0], &listeners[0]).await;
    until_both_connected(&ringers[1], &listeners[1]).await;
    for n in 0..200 {
        ringers[n as usize % 2].ring([n]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("all rings are heard", || listeners[0].heard().union(&listeners[1].heard()).count() == 200).await;
    let total: usize = listeners.iter().map(|l| l.heard.lock().unwrap().len()).sum();
    assert_eq!(total, 200, "no ring was heard twice");
}

/// A backlog over about 8,000 jobs would kill apalis-redis for good.
#[tokio::test]
async fn twenty_thousand_rings_without_a_listener_then_one() {
    let redis = Redis::start().await;
    let ringers = [Ringer::start(&redis, 500), Ringer::start(&redis, 500), Ringer::start(&redis, 500)];
    for ringer in &ringers {
        until("the bell connects", || ringer.health.report().connected).await;
    }
    for n in 0..20_000 {
        ringers[n as usize % 3].ring([n]);
        if n % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waiting = redis.waiting().await;
    assert!((500..=521).contains(&waiting), "the queue is filled up to its bound: {waiting}");
    let listener = Listener::start(&redis);
    until_a_ring_is_heard(&ringers[0], &listener, 100_000).await;
    let start = Instant::now();
    while redis.waiting().await > 0 {
        assert!(start.elapsed() < LIMIT, "the backlog is not drained");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until("the bell has room again", || ringers[1].health.report().connected).await;
    until_a_ring_is_heard(&ringers[1], &listener, 200_000).await;
}

/// Somebody else's backlog, or that of a version without a bound.
#[tokio::test]
async fn an_overfull_queue_is_emptied_at_the_start() {
    let redis = Redis::start().await;
    let mut words = vec!["ZADD".to_owned(), "deliver:scheduled".to_owned()];
    words.extend((0..20_000).flat_map(|n| ["1".to_owned(), format!("01K{n:023}")]));
    redis.command::<u64>(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    until_a_ring_is_heard(&ringer, &listener, 1).await;
    assert!(redis.waiting().await < 100);
}

/// A job whose data is gone (evicted, say) fails each fetch that meets it.
#[tokio::test]
async fn a_job_that_cannot_be_read_does_not_stop_the_bell_for_good() {
    let redis = Redis::start().await;
    redis.command::<u64>(&["RPUSH", "deliver:active", "01KAJ5W0000000000000000000"]).await;
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    until_a_ring_is_heard(&ringer, &listener, 1).await;
    // It comes back with each worker that it stopped, until the queue is emptied.
    let start = Instant::now();
    loop {
        let keys: Vec<String> = redis.command(&["KEYS", "deliver:inflight:*"]).await;
        if keys.is_empty() && redis.waiting().await == 0 {
            break;
        }
        assert!(start.elapsed() < LIMIT, "still there: {keys:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    until_a_ring_is_heard(&ringer, &listener, 100_000).await;
}

#[tokio::test]
async fn redis_killed_and_started_again() {
    let mut redis = Redis::start().await;
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    until_a_ring_is_heard(&ringer, &listener, 1).await;
    redis.down();
    ringer.ring([500]);
    until("the loss is noticed", || !ringer.health.report().connected && !listener.health.report().connected).await;
    assert!(ringer.health.report().error.is_some());
    // Rings during the outage neither wait nor fail.
    ringer.ring(501..5000);
    redis.up().await;
    until_a_ring_is_heard(&ringer, &listener, 10_000).await;
    until_both_connected(&ringer, &listener).await;
}

#[tokio::test]
async fn redis_emptied_under_way() {
    let redis = Redis::start().await;
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    until_a_ring_is_heard(&ringer, &listener, 1).await;
    for round in 1..4 {
        ringer.ring(round * 10_000..round * 10_000 + 100);
        redis.command::<()>(&["FLUSHALL"]).await;
        redis.command::<()>(&["SCRIPT", "FLUSH"]).await;
        until_a_ring_is_heard(&ringer, &listener, round * 10_000 + 5000).await;
    }
}

#[tokio::test]
async fn redis_frozen_for_a_while() {
    let redis = Redis::start().await;
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    until_a_ring_is_heard(&ringer, &listener, 1).await;
    redis.freeze(true);
    ringer.ring([500]);
    until("the silence is noticed", || !ringer.health.report().connected && !listener.health.report().connected).await;
    redis.freeze(false);
    until_a_ring_is_heard(&ringer, &listener, 10_000).await;
}

#[tokio::test]
async fn redis_comes_later_than_we() {
    let mut redis = Redis::absent();
    let (ringer, listener) = (Ringer::start(&redis, 2000), Listener::start(&redis));
    ringer.ring(0..100);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!ringer.health.report().connected && !listener.health.report().connected);
    redis.up().await;
    until_a_ring_is_heard(&ringer, &listener, 1000).await;
}

#[tokio::test]
async fn stopping_is_prompt_with_and_without_redis() {
    let mut redis = Redis::start().await;
    let listener = Listener::start(&redis);
    until("it connects", || listener.health.report().connected).await;
    tokio::time::timeout(Duration::from_secs(15), listener.end()).await.unwrap();
    redis.down();
    let listener = Listener::start(&redis);
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::time::timeout(Duration::from_secs(15), listener.end()).await.unwrap();
}
