//! Sets of vertices as bits: unions and differences of 100,000 nodes cost microseconds.

use super::Vertex;

/// A set of vertices of one graph, in the graph's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VertexSet {
    words: Vec<u64>,
}

impl VertexSet {
    /// An empty set for a graph of `len` vertices.
    pub fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)] }
    }

    /// Adds a vertex; says whether it was new. A vertex beyond the graph is not taken.
    pub fn insert(&mut self, vertex: Vertex) -> bool {
        let Some(word) = self.words.get_mut(vertex.index() / 64) else { return false };
        let bit = 1 << (vertex.index() % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether it is there.
    pub fn contains(&self, vertex: Vertex) -> bool {
        self.words.get(vertex.index() / 64).is_some_and(|word| word & (1 << (vertex.index() % 64)) != 0)
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Number of vertices.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    /// Keeps what is in `other`.
    pub fn intersect_with(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    /// Takes out what is in `other`.
    pub fn difference_with(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    /// Vertices in order.
    pub fn iter(&self) -> impl Iterator<Item = Vertex> + '_ {
        self.words.iter().enumerate().flat_map(|(i, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                if left == 0 {
                    return None;
                }
                let bit = left.trailing_zeros();
                left &= left - 1;
                Some(Vertex::new(i * 64 + bit as usize))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_combine_and_keep_order() {
        let mut a = VertexSet::new(130);
        let mut b = VertexSet::new(130);
        for i in [129, 3, 64] {
            assert!(a.insert(Vertex::new(i)));
        }
        assert!(!a.insert(Vertex::new(3)) && !a.insert(Vertex::new(1000)));
        b.insert(Vertex::new(64));
        let mut c = a.clone();
        c.difference_with(&b);
        assert_eq!(c.iter().map(|v| v.index()).collect::<Vec<_>>(), [3, 129]);
        c.union_with(&b);
        assert_eq!((c == a, c.len(), c.contains(Vertex::new(5))), (true, 3, false));
        c.intersect_with(&b);
        assert_eq!(c, b);
    }
}
