//! What has to hold after every step, and what has to hold at the end.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trailpost::domain::clock::Timestamp;
use trailpost::domain::object_key::Compression;
use trailpost::store::{BatchState, DeliveryRow, Landing};

use super::bucket::{Buckets, Place};
use super::model::{Batch, Fate, Run, State, Told};
use super::product::Product;
use super::world::{Tenant, World};
use super::{Broken, promise};

impl Tenant {
    /// Compares what an owner can see with the model.
    pub async fn compare(&mut self, product: &Product) -> Result<(), Broken> {
        self.compare_records(product).await?;
        self.compare_batches(product).await?;
        self.compare_pending(product).await?;
        self.compare_integration(product).await
    }

    /// New records come behind the last, without a gap, each saying what it has to.
    async fn compare_records(&mut self, product: &Product) -> Result<(), Broken> {
        let read = self.model.records.iter().take_while(|record| !record.line.is_empty()).count();
        let new = product.records_from(self.id, read + 1).await?;
        let expected = self.model.records.len() - read;
        promise!(new.len() == expected, "{} records were stored, not {expected}", new.len());
        for ((record, place), (sequence, line)) in
            self.model.records[read..].iter_mut().zip(read + 1..).zip(new)
        {
            promise!(sequence == place, "record {sequence} is where {place} has to be");
            record.line = line;
            let told = &record.told;
            promise!(says(&record.line, told), "record {sequence} does not tell {told:?}: {}", record.line);
        }
        Ok(())
    }

    /// Every batch is as it was sealed, in the state that the model has.
    async fn compare_batches(&mut self, product: &Product) -> Result<(), Broken> {
        let rows = product.batches(self.id).await?;
        let count = self.model.batches.len();
        promise!(rows.len() == count, "there are {} batches, not {count}", rows.len());
        for (batch, row) in self.model.batches.iter_mut().zip(&rows) {
            batch.id.get_or_insert(row.id);
            promise!(is_of(row, batch), "the batch {}-{} became {row:?}", batch.first, batch.last);
        }
        Ok(())
    }

    async fn compare_pending(&self, product: &Product) -> Result<(), Broken> {
        let status = product.status(self.id).await?;
        let shown = (status.pending_records, status.pending_bytes);
        let pending = self.model.pending();
        let expected = pending
            .fold((0, 0), |(records, bytes), (_, record)| (records + 1, bytes + record.line.len() as u64));
        promise!(shown == expected, "pending records and bytes are {shown:?}, not {expected:?}");
        Ok(())
    }

    async fn compare_integration(&self, product: &Product) -> Result<(), Broken> {
        let (found, model) = (product.integration(self.id).await?, &self.model);
        promise!(found.settings == model.settings, "the settings in force are {:?}", found.settings);
        let shown = (found.active, found.suspended, found.organization.plan);
        let expected = (model.active, model.suspended, model.plan());
        promise!(shown == expected, "active, suspended and plan are {shown:?}, not {expected:?}");
        let shown = found.stop.map(|stop| (stop.switch_off, stop.cut.get(), stop.remaining));
        let remaining = model.remaining().unwrap_or_default() as u64;
        let expected = model.stop.as_ref().map(|stop| (stop.then, stop.cut as i64, remaining));
        promise!(shown == expected, "the stop is {shown:?}, not {expected:?}");
        Ok(())
    }

    /// Every record is where it has to be, once for each destination, and every gap is explained.
    fn compare_files(&self, buckets: &Buckets, rows: &[DeliveryRow]) -> Result<(), Broken> {
        let model = &self.model;
        let mut there: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
        let mut delivered = BTreeSet::new();
        let own = format!("{}/", self.id);
        for (Place { bucket, key }, body) in buckets.objects() {
            let Some((prefix, name)) = key.split_once(&own) else { continue };
            let Some((batch, row)) = model.batches.iter().zip(rows).find(|(batch, _)| is_named(name, batch))
            else {
                return Err(Broken::new(format!("{key} is of no batch")));
            };
            promise!(body == model.content(batch), "{key} does not hold the records of its batch");
            let let_go = batch.state == State::Discarded && row.landing() == Landing::No;
            promise!(!let_go, "{key} was discarded, no try of it can have landed, and it is there");
            let at = there.entry((bucket.clone(), prefix.to_owned())).or_default();
            for sequence in batch.first..=batch.last {
                promise!(at.insert(sequence), "record {sequence} is twice in {bucket}/{prefix}");
                let fate = model.record(sequence).fate;
                promise!(fate != Fate::NotCollected, "{key} holds a record that was not to be collected");
            }
        }
        for batch in &model.batches {
            if let State::Delivered(place) = &batch.state {
                promise!(buckets.at(place).is_some(), "{place:?} is booked as delivered and not there");
                delivered.extend(batch.first..=batch.last);
            }
        }
        let pending = model.records.iter().position(|record| record.fate == Fate::Pending);
        promise!(pending.is_none(), "record {} is still pending", pending.unwrap_or_default() + 1);
        // Before the first file and behind the last one there is no gap.
        let between = delivered.first().copied().unwrap_or(1)..=delivered.last().copied().unwrap_or(0);
        let explained = model.explained();
        for sequence in between {
            let fate = model.record(sequence).fate;
            promise!(
                delivered.contains(&sequence) || explained.contains(&sequence),
                "record {sequence} ({fate:?}) is not delivered, and no record explains why"
            );
        }
        Ok(())
    }
}

impl World {
    /// What has to hold once everything has come to its end.
    pub async fn compare_at_the_end(&self) -> Result<(), Broken> {
        let mut booked = BTreeSet::new();
        for tenant in &self.tenants {
            let rows = self.product.batches(tenant.id).await?;
            tenant.compare_files(&self.buckets, &rows)?;
            booked.extend(tenant.model.batches.iter().filter_map(|batch| match &batch.state {
                State::Delivered(place) => Some(format!("{}/{}", place.bucket, place.key)),
                _ => None,
            }));
        }
        let query = "SELECT bucket || '/' || object_key FROM batches WHERE state = 'delivered'";
        let found: BTreeSet<String> = self.database.texts(query).await.into_iter().collect();
        promise!(found == booked, "the books say {found:?}, not {booked:?}");
        Ok(())
    }
}

fn is_of(row: &DeliveryRow, batch: &Batch) -> bool {
    let (state, key) = match &batch.state {
        State::Sealed => (BatchState::Sealed, None),
        State::Delivered(place) => (BatchState::Delivered, Some(place.key.as_str())),
        State::Discarded => (BatchState::Discarded, None),
    };
    Some(row.id) == batch.id
        && row.records as usize == batch.last - batch.first + 1
        && (row.window.start().as_millis(), row.window.end().as_millis()) == batch.window
        && (row.state, row.object_key.as_deref()) == (state, key)
}

/// Whether a file's name, without its prefix and organization, is the batch's.
fn is_named(name: &str, batch: &Batch) -> bool {
    let Some(id) = batch.id.map(|id| id.to_string()) else { return false };
    let start = Timestamp::from_millis(batch.window.0);
    let (date, window, eight) = (start.date_path(), start.compact(), &id[id.len() - 8..]);
    let gz = if batch.compression == Compression::Gzip { ".gz" } else { "" };
    let (first, last, format) = (batch.first, batch.last, batch.format);
    name == format!("{date}/{window}_{first:012}-{last:012}_{eight}.{format}{gz}")
}

fn says(line: &str, told: &Told) -> bool {
    let line: Value = serde_json::from_str(line).unwrap();
    let event = &line["event"];
    let result = if told.succeeded { "success" } else { "failure" };
    event["action"] == told.action
        && event["resource_type"] == told.resource
        && event["outcome"]["result"] == result
        && run_in(&event["parameters"]) == told.left_out
}

fn run_in(parameters: &Value) -> Option<Run> {
    let run = parameters.get("discarded").or_else(|| parameters.get("not_delivered"))?;
    let number = |key: &str| run[key].as_u64().map(|number| number as usize);
    Some((number("first_sequence")?, number("last_sequence")?, number("records")?))
}
