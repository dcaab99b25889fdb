//! A timeline in the model's words: keys, numbers, days; each token remembers its event.

mod encode;
mod entries;
mod key;
mod knots;
mod never_read;

pub use encode::{ChartEvent, EncodedChart, encode_timeline};
pub use entries::{Said, Word, entries};
pub use key::{Fact, kind_is_read, read_by_the_model};
pub use knots::{KNOTS, KeyEntry, Number, Vocabulary};
pub use never_read::{Trait, personal_trait};
