//! A boosted ensemble as it is kept and read: flat arrays of nodes, a few bytes each.

use candle_core::{Device, Result, Tensor, bail};
use std::collections::BTreeMap;

/// A node: a leaf when `column` is [`LEAF`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    pub column: u32,
    /// Left when the value is below; the leaf's weight where it is a leaf.
    pub value: f32,
    /// Places in the forest; what is missing goes to `missing`.
    pub left: u32,
    pub right: u32,
    pub missing: u32,
}

/// The column of a leaf.
pub const LEAF: u32 = u32::MAX;

/// Trees whose leaves are added to a base log odds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forest {
    pub base: f32,
    /// Roots among the nodes.
    pub roots: Vec<u32>,
    pub nodes: Vec<Node>,
}

impl Forest {
    /// Log odds of a row of columns.
    pub fn log_odds(&self, row: &[f32]) -> f32 {
        self.roots.iter().map(|&root| self.leaf(root, row)).sum::<f32>() + self.base
    }

    fn leaf(&self, root: u32, row: &[f32]) -> f32 {
        let mut node = self.nodes[root as usize];
        // `check` proved that children stand behind their parents: this ends.
        while node.column != LEAF {
            let value = row[node.column as usize];
            let next = match value {
                _ if value.is_nan() => node.missing,
                _ if value < node.value => node.left,
                _ => node.right,
            };
            node = self.nodes[next as usize];
        }
        node.value
    }

    /// The sum of two forests.
    pub fn plus(mut self, other: &Self) -> Self {
        let first = self.nodes.len() as u32;
        self.base += other.base;
        self.roots.extend(other.roots.iter().map(|root| root + first));
        self.nodes.extend(other.nodes.iter().map(|&node| match node.column {
            LEAF => node,
            _ => Node { left: node.left + first, right: node.right + first, missing: node.missing + first, ..node },
        }));
        self
    }

    /// A share of the forest: all that it says, times `share`.
    pub fn times(mut self, share: f32) -> Self {
        self.base *= share;
        self.nodes.iter_mut().filter(|node| node.column == LEAF).for_each(|leaf| leaf.value *= share);
        self
    }

    /// Says what is wrong with a forest over so many columns.
    pub fn check(&self, columns: usize) -> std::result::Result<(), String> {
        let n = self.nodes.len() as u32;
        let root_outside = self.roots.iter().any(|&root| root >= n);
        let broken = |(place, node): (usize, &Node)| {
            let behind = |child: u32| child as usize > place && child < n;
            match node.column {
                LEAF => !node.value.is_finite(),
                column => column as usize >= columns || ![node.left, node.right, node.missing].into_iter().all(behind),
            }
        };
        match root_outside || !self.base.is_finite() || self.nodes.iter().enumerate().any(broken) {
            true => Err("a tree has a node that leads nowhere".into()),
            false => Ok(()),
        }
    }

    /// The tensors of a package.
    pub fn tensors(&self, name: &str) -> Result<[(String, Tensor); 6]> {
        let whole = |pick: fn(&Node) -> u32| -> Vec<u32> { self.nodes.iter().map(pick).collect() };
        let values: Vec<f32> = self.nodes.iter().map(|node| node.value).chain([self.base]).collect();
        let u32s = |part: &str, numbers: Vec<u32>| -> Result<(String, Tensor)> {
            Ok((format!("{name}.{part}"), Tensor::from_slice(&numbers, numbers.len(), &Device::Cpu)?))
        };
        Ok([
            u32s("roots", self.roots.clone())?,
            u32s("columns", whole(|node| node.column.min(u32::from(u16::MAX))))?,
            u32s("left", whole(|node| node.left))?,
            u32s("right", whole(|node| node.right))?,
            u32s("missing", whole(|node| node.missing))?,
            (format!("{name}.values"), Tensor::from_slice(&values, values.len(), &Device::Cpu)?),
        ])
    }

    /// Reads what [`Self::tensors`] gave.
    pub fn read(tensors: &mut BTreeMap<String, Tensor>, name: &str) -> Result<Self> {
        let mut take = |part: &str| match tensors.remove(&format!("{name}.{part}")) {
            Some(tensor) => tensor.flatten_all(),
            None => bail!("`{name}.{part}` is missing"),
        };
        let values: Vec<f32> = take("values")?.to_dtype(candle_core::DType::F32)?.to_vec1()?;
        let mut whole = |part: &str| take(part)?.to_dtype(candle_core::DType::U32)?.to_vec1::<u32>();
        let (roots, columns, left) = (whole("roots")?, whole("columns")?, whole("left")?);
        let (right, missing) = (whole("right")?, whole("missing")?);
        let n = columns.len();
        if values.len() != n + 1 || [&left, &right, &missing].iter().any(|all| all.len() != n) {
            bail!("`{name}` is no forest: its parts differ in length");
        }
        let node = |i: usize| Node {
            column: if columns[i] == u32::from(u16::MAX) { LEAF } else { columns[i] },
            value: values[i],
            left: left[i],
            right: right[i],
            missing: missing[i],
        };
        Ok(Self { base: values[n], roots, nodes: (0..n).map(node).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Below 2 (or missing) -1, else 3; and a tree of one leaf.
    fn forest() -> Forest {
        let leaf = |value| Node { column: LEAF, value, left: 0, right: 0, missing: 0 };
        let split = Node { column: 1, value: 2.0, left: 1, right: 2, missing: 1 };
        Forest { base: 0.5, roots: vec![0, 3], nodes: vec![split, leaf(-1.0), leaf(3.0), leaf(0.25)] }
    }

    #[test]
    fn leaves_are_added_and_what_is_missing_goes_its_own_way() {
        assert_eq!(forest().log_odds(&[9.0, 1.9]), -0.25);
        assert_eq!(forest().log_odds(&[9.0, 2.0]), 3.75);
        assert_eq!(forest().log_odds(&[9.0, f32::NAN]), -0.25);
    }

    #[test]
    fn forests_are_averaged_by_joining_their_shares() {
        let other = Forest { base: 1.5, ..forest() }.times(3.0);
        let mean = forest().times(0.5).plus(&other.clone().times(0.5));
        assert!(mean.check(2).is_ok());
        for row in [[9.0, 1.9], [9.0, 2.0], [9.0, f32::NAN]] {
            assert_eq!(mean.log_odds(&row), (forest().log_odds(&row) + other.log_odds(&row)) / 2.0);
        }
    }

    #[test]
    fn a_forest_comes_back_from_its_tensors_and_a_broken_one_is_refused() {
        let mut tensors: BTreeMap<String, Tensor> = forest().tensors("f").unwrap().into_iter().collect();
        assert_eq!(Forest::read(&mut tensors, "f").unwrap(), forest());
        assert!(forest().check(2).is_ok());
        assert!(forest().check(1).is_err(), "a column that is not there");
        let mut circle = forest();
        circle.nodes[0].left = 0;
        assert!(circle.check(2).is_err());
    }
}
