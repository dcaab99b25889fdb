//! What orders of a kind of medication are called: a pattern that their display must match, and perhaps one that it must
//! not. Outcomes and occasions name medications alike; by name, since one substance has hundreds of product codes.

use regex::Regex;

/// Reads a display; knows no codes.
#[derive(Clone, Debug)]
pub(super) struct OrderName {
    is: Regex,
    is_not: Option<Regex>,
}

impl OrderName {
    /// Compiles both patterns, case-sensitive unless they say otherwise.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn new(is: &str, is_not: Option<&str>) -> Result<Self, regex::Error> {
        Ok(Self { is: Regex::new(is)?, is_not: is_not.map(Regex::new).transpose()? })
    }

    /// Whether an order of this display is one.
    pub fn fits(&self, display: &str) -> bool {
        self.is.is_match(display) && !self.is_not.as_ref().is_some_and(|is_not| is_not.is_match(display))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_called_one_thing_and_not_another() {
        let name = OrderName::new("(?i)insulin", Some("syringe")).unwrap();
        assert!(name.fits("Insulin glargine 100 UNT/ML") && !name.fits("insulin syringe") && !name.fits("metformin"));
        assert!(OrderName::new("insulin", None).unwrap().fits("insulin syringe"));
        assert!(OrderName::new("(", None).is_err() && OrderName::new("insulin", Some("(")).is_err());
    }
}
