//! A simulated S3: it knows `If-None-Match: *`, and a request that was sent may reach it long after its sender is gone.

use std::collections::BTreeMap;

/// Where an object is to lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub bucket: String,
    pub key: String,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Put {
    pub place: Place,
    pub body: String,
}

/// What S3 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Written,
    /// 412: something is there.
    AlreadyThere,
}

/// Every bucket of every customer, and what is on its way there.
#[derive(Default)]
pub struct Buckets {
    objects: BTreeMap<Place, String>,
    on_their_way: Vec<Put>,
}

impl Buckets {
    pub fn put(&mut self, put: Put) -> Answer {
        if self.objects.contains_key(&put.place) {
            return Answer::AlreadyThere;
        }
        self.objects.insert(put.place, put.body);
        Answer::Written
    }

    /// Keeps a request for later; its sender gets no answer.
    pub fn delay(&mut self, put: Put) {
        self.on_their_way.push(put);
    }

    /// Lets the request that was sent first arrive.
    pub fn land_first(&mut self) {
        if !self.on_their_way.is_empty() {
            let put = self.on_their_way.remove(0);
            self.put(put);
        }
    }

    pub fn land_all(&mut self) {
        for put in std::mem::take(&mut self.on_their_way) {
            self.put(put);
        }
    }

    pub fn at(&self, place: &Place) -> Option<&str> {
        self.objects.get(place).map(String::as_str)
    }

    pub fn objects(&self) -> impl Iterator<Item = (&Place, &str)> {
        self.objects.iter().map(|(place, body)| (place, body.as_str()))
    }
}
