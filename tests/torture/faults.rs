//! What fails meanwhile.

use std::num::NonZeroU32;

use trailpost::demo::world;
use trailpost::sandbox::{Fault, FaultKind, FaultTarget, Frequency, Percent};

use super::luck::Luck;
use super::organizations::Organization;

/// Any fault, for anybody, as often as it likes.
pub fn any(luck: &mut Luck, organizations: &[Organization]) -> Fault {
    let kind = FaultKind::ALL[luck.index(FaultKind::ALL.len())];
    let role = organizations[luck.index(organizations.len())].role_arn.parse().unwrap();
    let targets = [
        FaultTarget::Everything,
        FaultTarget::Sts,
        FaultTarget::S3,
        FaultTarget::Bucket(world::BUCKET.parse().unwrap()),
        FaultTarget::Role(role),
    ];
    let target = targets[luck.index(targets.len())].clone();
    let frequencies = [
        Frequency::Always,
        Frequency::Next(NonZeroU32::new(luck.number(1, 5).into()).unwrap()),
        Frequency::Sometimes(Percent::try_from(luck.number(10, 90)).unwrap()),
    ];
    Fault { frequency: frequencies[luck.index(frequencies.len())], ..Fault::new(kind, target) }
}
