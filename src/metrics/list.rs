//! Registering: each line names a metric, says what it is, and gives the handle that counts. Every series of a closed
//! list of words is made with it, at zero: an alert sees its first step, and counting takes no lock and makes nothing.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry, Unit};

/// The names of a series' labels, with their values.
pub(super) type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// A gauge that holds seconds.
pub(super) type Seconds = Gauge<f64, AtomicU64>;

/// A word of a closed list that tells the series of one metric apart.
pub trait Word: Copy + 'static {
    /// The list.
    const ALL: &'static [Self];

    /// Its place in the list.
    fn place(self) -> usize;

    /// What it labels a series with.
    fn labels(self) -> Vec<(&'static str, Cow<'static, str>)>;
}

/// One metric's series, one for each word.
pub struct Each<W, M> {
    series: std::sync::Arc<[M]>,
    word: PhantomData<fn(W)>,
}

impl<W, M> Clone for Each<W, M> {
    fn clone(&self) -> Each<W, M> {
        Each { series: self.series.clone(), word: PhantomData }
    }
}

impl<W, M> fmt::Debug for Each<W, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} series", self.series.len())
    }
}

impl<W: Word, M> Each<W, M> {
    /// The series of a word.
    pub fn of(&self, word: W) -> &M {
        &self.series[word.place()]
    }
}

/// How histograms of one metric are made.
#[derive(Clone)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// Metrics that are being registered.
#[derive(Debug)]
pub(super) struct List<'r>(pub(super) &'r mut Registry);

impl List<'_> {
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str) -> Counter {
        self.add(name, None, help, Counter::default())
    }

    pub(super) fn counter_of_bytes(&mut self, name: &'static str, help: &'static str) -> Counter {
        self.add(name, Some(Unit::Bytes), help, Counter::default())
    }

    pub(super) fn counters<W: Word>(&mut self, name: &'static str, help: &'static str) -> Each<W, Counter> {
        let family = self.add(name, None, help, Family::<Labels, Counter>::default());
        each(|labels| family.get_or_create_owned(labels))
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> Gauge {
        self.add(name, None, help, Gauge::default())
    }

    pub(super) fn gauge_of_bytes(&mut self, name: &'static str, help: &'static str) -> Gauge {
        self.add(name, Some(Unit::Bytes), help, Gauge::default())
    }

    pub(super) fn gauge_of_seconds(&mut self, name: &'static str, help: &'static str) -> Seconds {
        self.add(name, Some(Unit::Seconds), help, Seconds::default())
    }

    pub(super) fn gauges<W: Word>(&mut self, name: &'static str, help: &'static str) -> Each<W, Gauge> {
        let family = self.add(name, None, help, Family::<Labels, Gauge>::default());
        each(|labels| family.get_or_create_owned(labels))
    }

    pub(super) fn gauges_of_seconds<W: Word>(
        &mut self,
        name: &'static str,
        help: &'static str,
    ) -> Each<W, Seconds> {
        let family = self.add(name, Some(Unit::Seconds), help, Family::<Labels, Seconds>::default());
        each(|labels| family.get_or_create_owned(labels))
    }

    pub(super) fn durations(
        &mut self,
        name: &'static str,
        buckets: &'static [f64],
        help: &'static str,
    ) -> Histogram {
        self.add(name, Some(Unit::Seconds), help, Buckets(buckets).new_metric())
    }

    pub(super) fn durations_of_each<W: Word>(
        &mut self,
        name: &'static str,
        buckets: &'static [f64],
        help: &'static str,
    ) -> Each<W, Histogram> {
        let family = self.durations_by(name, buckets, help);
        each(|labels| family.get_or_create_owned(labels))
    }

    /// Series that are made when they first count.
    pub(super) fn durations_by(
        &mut self,
        name: &'static str,
        buckets: &'static [f64],
        help: &'static str,
    ) -> Family<Labels, Histogram, Buckets> {
        let family = Family::new_with_constructor(Buckets(buckets));
        self.add(name, Some(Unit::Seconds), help, family)
    }

    /// Anything else.
    pub(super) fn add<M: Metric + Clone>(
        &mut self,
        name: &'static str,
        unit: Option<Unit>,
        help: &'static str,
        metric: M,
    ) -> M {
        match unit {
            Some(unit) => self.0.register_with_unit(name, help, unit, metric.clone()),
            None => self.0.register(name, help, metric.clone()),
        }
        metric
    }
}

fn each<W: Word, M>(make: impl Fn(&Labels) -> M) -> Each<W, M> {
    Each { series: W::ALL.iter().map(|word| make(&word.labels())).collect(), word: PhantomData }
}

/// Declares a closed list of words, and the label that they are values of.
macro_rules! words {
    ($(#[$about:meta])* $name:ident labels $label:literal {
        $($(#[$doc:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// The value of the label.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl $crate::metrics::Word for $name {
            const ALL: &'static [$name] = &[$($name::$variant,)+];

            fn place(self) -> usize {
                self as usize
            }

            fn labels(self) -> Vec<(&'static str, std::borrow::Cow<'static, str>)> {
                vec![($label, self.word().into())]
            }
        }
    };
}
pub(super) use words;
