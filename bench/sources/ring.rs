//! A ring of the last readings, and what can be said of them.

/// Holds at most `capacity` readings; the oldest one makes room.
pub struct Ring {
    readings: Vec<f64>,
    oldest: usize,
    capacity: usize,
}

impl Ring {
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a ring needs room for one reading at least");
        Ring { readings: Vec::with_capacity(capacity), oldest: 0, capacity }
    }

    pub fn push(&mut self, reading: f64) {
        if self.readings.len() < self.capacity {
            self.readings.push(reading);
        } else {
            self.readings[self.oldest] = reading;
            self.oldest = (self.oldest + 1) % self.capacity;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        let (newer, older) = self.readings.split_at(self.oldest);
        older.iter().chain(newer).copied()
    }

    pub fn mean(&self) -> Option<f64> {
        if self.readings.is_empty() {
            return None;
        }
        let sum: f64 = self.iter().sum();
        Some(sum / self.readings.len() as f64)
    }

    pub fn variance(&self) -> Option<f64> {
        let mean = self.mean()?;
        let squares: f64 = self.iter().map(|reading| (reading - mean).powi(2)).sum();
        Some(squares / self.readings.len() as f64)
    }

    /// The value below which the given share of the readings lies.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted: Vec<f64> = self.iter().collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_by(|a, b| a.total_cmp(b));
        let last = sorted.len() - 1;
        let place = (share.clamp(0.0, 1.0) * last as f64).round() as usize;
        sorted.get(place).copied()
    }
}
