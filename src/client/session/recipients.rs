//! The recipients of a transaction, by their place in it.

use std::ops::{Index, IndexMut};

/// The place of a recipient in a transaction. The place in the envelope is another index,
/// [`RecipientIndex`](crate::mail::envelope::RecipientIndex): a transaction may be for some recipients only.
/// The default is the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionIndex(usize);

/// A list with one element for each recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionList<T>(Vec<T>);

impl<T> TransactionList<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn indices(&self) -> impl Iterator<Item = TransactionIndex> + use<T> {
        (0..self.0.len()).map(TransactionIndex)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }
}

impl<T> From<Vec<T>> for TransactionList<T> {
    fn from(all: Vec<T>) -> Self {
        Self(all)
    }
}

impl<T> FromIterator<T> for TransactionList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl<T> IntoIterator for TransactionList<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'l, T> IntoIterator for &'l TransactionList<T> {
    type Item = &'l T;
    type IntoIter = std::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'l, T> IntoIterator for &'l mut TransactionList<T> {
    type Item = &'l mut T;
    type IntoIter = std::slice::IterMut<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T> Index<TransactionIndex> for TransactionList<T> {
    type Output = T;

    fn index(&self, index: TransactionIndex) -> &T {
        &self.0[index.0]
    }
}

impl<T> IndexMut<TransactionIndex> for TransactionList<T> {
    fn index_mut(&mut self, index: TransactionIndex) -> &mut T {
        &mut self.0[index.0]
    }
}
