//! Producers that want to lose nothing: what was not acknowledged is sent again, under the same ids.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::luck::Luck;
use crate::support::{submission, with_id};

const PRODUCERS: u32 = 2;
const MOST_RECORDS: u8 = 12;
/// Between two requests.
const PAUSE: u64 = 40;
/// Before the same request again.
const AGAIN: Duration = Duration::from_millis(50);

/// A record that was acknowledged, as its producer knows it.
pub struct Sent {
    pub organization_id: String,
    pub id: String,
}

/// Producers under way.
pub struct Producers {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<Vec<Sent>>>,
}

impl Producers {
    /// Some for each organization, sending to wherever the console is.
    pub fn start(
        organizations: impl Iterator<Item = String>,
        token: &str,
        console: &watch::Receiver<String>,
        luck: &mut Luck,
    ) -> Producers {
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        for organization_id in organizations {
            for number in 0..PRODUCERS {
                let producer = Producer {
                    organization_id: organization_id.clone(),
                    number,
                    token: token.to_owned(),
                    console: console.clone(),
                    client: Client::builder().no_proxy().build().unwrap(),
                };
                tasks.push(tokio::spawn(producer.send_until(stop.clone(), luck.branch())));
            }
        }
        Producers { stop, tasks }
    }

    /// Lets each finish the request that it is at; gives what was acknowledged.
    pub async fn finish(self) -> Vec<Sent> {
        self.stop.cancel();
        let ended = futures::future::join_all(self.tasks).await;
        ended.into_iter().flat_map(Result::unwrap).collect()
    }
}

struct Producer {
    organization_id: String,
    number: u32,
    token: String,
    console: watch::Receiver<String>,
    client: Client,
}

impl Producer {
    async fn send_until(self, stop: CancellationToken, mut luck: Luck) -> Vec<Sent> {
        let mut acknowledged = Vec::new();
        let mut next = 0;
        while !stop.is_cancelled() {
            let count = u32::from(luck.number(1, MOST_RECORDS));
            let ids: Vec<String> = (next..next + count).map(|record| self.id(record)).collect();
            next += count;
            let records: Vec<Value> =
                ids.iter().map(|id| with_id(submission(&self.organization_id, id), id)).collect();
            while !self.is_acknowledged(&json!(records)).await {
                sleep(AGAIN).await;
            }
            acknowledged
                .extend(ids.into_iter().map(|id| Sent { organization_id: self.organization_id.clone(), id }));
            sleep(luck.moment(PAUSE)).await;
        }
        acknowledged
    }

    /// Unique in its organization, as ids have to be.
    fn id(&self, record: u32) -> String {
        format!("0199f3c2-0000-7000-8000-{:04}{record:08}", self.number)
    }

    /// False if nobody answered, or the answer was to come back later.
    async fn is_acknowledged(&self, records: &Value) -> bool {
        let url = format!("{}/v1/events", *self.console.borrow());
        let Ok(answer) = self.client.post(url).bearer_auth(&self.token).json(records).send().await else {
            return false;
        };
        match answer.status() {
            StatusCode::ACCEPTED => true,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => false,
            other => panic!("{other}: {:?}", answer.text().await),
        }
    }
}
