//! What the compactor and the handler agree on.
