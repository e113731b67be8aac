//! Numbers for texts.

use std::rc::Rc;

use rustc_hash::FxHashMap;

/// Gives each different text a number, counting from 0.
#[derive(Default)]
pub struct Interner {
    numbers: FxHashMap<Rc<str>, u32>,
    texts: Vec<Rc<str>>,
}

impl Interner {
    /// The number of a text, new or old.
    ///
    /// # Panics
    ///
    /// Beyond 2^32 different texts, which no memory holds.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = u32::try_from(self.texts.len()).expect("fewer than 2^32 texts fit in memory");
        let text: Rc<str> = text.into();
        self.numbers.insert(Rc::clone(&text), number);
        self.texts.push(text);
        number
    }

    /// The text of a number that [`Interner::intern`] gave.
    pub fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
    }
}
